#!/bin/sh
# In stockstats `close_10_sma` looks back ten candles, and `close_10_max` is the close ten candles AHEAD.
#
# Columns are made from their names. Nearly all of them, such as close_10_sma, _ema, _mstd, _roc, read the number
# as a window into the past. For _max and _min it is a list of shifts, and a positive shift is the future: the
# "maximum" over one shift is that one close. A breakout rule `close > close_10_max` trades on the price of ten
# candles later. The window behind is called `close_-9~0_max`.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" stockstats==0.6.10 pandas==2.3.3 numpy==2.4.6
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import importlib.metadata
import sys

import numpy as np
import pandas as pd
from stockstats import wrap

draw = np.random.default_rng(2)
close = pd.Series(100 * np.exp(np.cumsum(draw.normal(0, 0.01, 60))))
frame = pd.DataFrame(
    {"open": close, "high": close * 1.01, "low": close * 0.99, "close": close, "volume": 1.0}
)
table = wrap(frame)
ahead, behind = table["close_10_max"].to_numpy(), table["close_-9~0_max"].to_numpy()
mean = table["close_10_sma"].to_numpy()
print(f"stockstats {importlib.metadata.version('stockstats')}, candle 30 of 60")
print(f"close {close[30]:.3f}, largest of the last ten {close[21:31].max():.3f}, ten later {close[40]:.3f}")
print(f"close_10_max {ahead[30]:.3f}, close_-9~0_max {behind[30]:.3f}, close_10_sma {mean[30]:.3f}")
same = np.array_equal(ahead[:50], close[10:]) and behind[30] == close[21:31].max()
same = same and np.isclose(mean[30], close[21:31].mean())
sys.exit(0 if same else "stockstats behaves otherwise now")
CODE
