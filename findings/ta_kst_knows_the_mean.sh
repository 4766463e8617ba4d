#!/bin/sh
# The first values of KST in the package ta contain the mean of all closes to come.
#
# KST adds up smoothed rates of change. Where there is no close 10, 15, 20 or 30 candles ago, the package takes
# the mean of the WHOLE series instead of leaving the candle out, and averages that in: values 15 to 44, and the
# signal line to 52, change with what the market does a year later, and are far from any rate of change. The
# option `fillna` is off. Two series are the same for 60 candles below; their KST is not.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" ta==0.11.0 pandas==2.3.3 numpy==2.4.6
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import importlib.metadata
import sys

import numpy as np
import pandas as pd
from ta.trend import KSTIndicator

draw = np.random.default_rng(1)
closes = 100 * np.exp(np.cumsum(draw.normal(0, 0.01, 300)))
other = closes.copy()
other[60:] *= 3.0


def lines(values):
    made = KSTIndicator(pd.Series(values), fillna=False)
    return made.kst().to_numpy()[:60], made.kst_sig().to_numpy()[:60]


(kst, signal), (kst_other, signal_other) = lines(closes), lines(other)
changed = np.flatnonzero(~np.isclose(kst, kst_other, equal_nan=True))
changed_signal = np.flatnonzero(~np.isclose(signal, signal_other, equal_nan=True))
print(f"ta {importlib.metadata.version('ta')}: two series with the same first 60 closes")
print(f"KST differs on candles {changed.min()} to {changed.max()}, its signal up to {changed_signal.max()}")
candle = changed[len(changed) // 2]
print(f"candle {candle}: {kst[candle]:.1f} and {kst_other[candle]:.1f}; candle 59: {kst[59]:.1f} in both")
same = changed.min() == 14 and changed.max() == 43 and changed_signal.max() == 51
sys.exit(0 if same else "the package ta behaves otherwise now")
CODE
