#!/bin/sh
# The Fisher transform of pandas-ta-classic and of stockstats does not work on cheap coins.
#
# It places the price within its range of the last candles, a number without a unit: priced in dollars or in
# thousandths, the result should be the same. Both libraries, against division by zero, raise a range below
# 0.001 to 0.001: of whatever the price is in. On a coin at 0.00002 every range is, the price is always taken
# to stand at the bottom, and the oscillator lies at its lowest value, without an error. Multiply such
# prices by a million first.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" pandas-ta-classic==0.8.32 stockstats==0.6.10 pandas==2.3.3 numpy==2.4.6
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import importlib.metadata
import sys

import numpy as np
import pandas as pd
import pandas_ta_classic as ta
from stockstats import wrap

draw = np.random.default_rng(3)
closes = 20 * np.exp(np.cumsum(draw.normal(0, 0.02, 400)))


def transforms(unit):
    close = pd.Series(closes * unit)
    high, low = close * 1.01, close * 0.99
    first = ta.fisher(high, low, length=9).iloc[:, 0].to_numpy()[100:]
    frame = pd.DataFrame({"open": close, "high": high, "low": low, "close": close, "volume": 1.0})
    return first, wrap(frame)["ftr"].to_numpy()[100:]


for name in ("pandas-ta-classic", "stockstats"):
    print(name, importlib.metadata.version(name))
same = True
for dear, scaled, cheap in zip(transforms(1.0), transforms(1e-2), transforms(1e-6)):
    print(f"at 20: {dear.min():.2f} to {dear.max():.2f}, at 0.00002: {cheap.min():.4f} to {cheap.max():.4f}")
    same &= dear.min() < -1 < 1 < dear.max() and np.allclose(dear, scaled) and np.ptp(cheap) < 0.1
sys.exit(0 if same else "one of them behaves otherwise now")
CODE
