#!/bin/sh
# TA-Lib's Chande momentum oscillator is its RSI on another scale: 2 * RSI - 100, digit for digit.
#
# Chande's oscillator sums the gains and losses of the last n candles, each alike, which is what tells it from
# Wilder's RSI with its endless memory. TA-Lib smooths both as Wilder does. A rule that asks RSI and CMO to agree
# asks one indicator twice, and a search over both counts one idea as two. Sums of n candles, as pandas-ta and
# tulipy compute them, have another sign in one candle of six of this random walk.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --no-compile --target "$folder" TA-Lib==0.8.2 tulipy==0.4.0 \
  pandas-ta-classic==0.8.32 numpy==2.4.6 pandas==2.3.3
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import sys

import numpy as np
import pandas as pd
import pandas_ta_classic
import talib
import tulipy

COUNT, PERIOD = 2000, 14
draw = np.random.default_rng(6)
close = 100 * np.exp(np.cumsum(draw.normal(0, 0.01, COUNT)))
told = talib.CMO(close, PERIOD)
scaled = 2 * talib.RSI(close, PERIOD) - 100
change = pd.Series(close).diff()
gains, losses = (change.clip(lower=0).rolling(PERIOD).sum(), -change.clip(upper=0).rolling(PERIOD).sum())
chande = ((gains - losses) / (gains + losses) * 100).to_numpy()
tulip = np.r_[np.full(PERIOD, np.nan), tulipy.cmo(close, PERIOD)]
pandas_ta = pandas_ta_classic.cmo(pd.Series(close), PERIOD, talib=False).to_numpy()


def gap(one, other):
    return float(np.nanmax(np.abs(one - other)))


known = ~np.isnan(told) & ~np.isnan(chande)
other = float(np.mean(np.sign(told[known]) != np.sign(chande[known])))
print(f"TA-Lib {talib.__version__}: CMO to 2 RSI - 100 at most {gap(told, scaled):.0e}, to sums of {PERIOD} {gap(told, chande):.1f}")
print(f"pandas-ta and tulipy to the sums {gap(pandas_ta, chande):.0e} and {gap(tulip, chande):.0e}")
print(f"another sign than the sums: {other:.1%} of candles")
same = gap(told, scaled) < 1e-9 and gap(told, chande) > 20 and 0.05 < other < 0.2
same = same and gap(tulip, chande) < 1e-6 and gap(pandas_ta, chande) < 1e-6
sys.exit(0 if same else "one of them behaves otherwise now")
CODE
