#!/bin/sh
# The ATR of the package ta is 0 before it has a value, and ADX too; RSI and its averages are nan there.
#
# A missing ATR should be nan: every comparison with it fails and no order comes of it. This one is 0.0 for the
# first 13 candles with fillna=False: a trailing stop of three ATR stands on the close itself, a size from risk
# divided by ATR is infinite, `atr < limit` says that the market is calm, and dropna() keeps the rows. A stop
# ratchet that only rises keeps the wrong first level for good.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" ta==0.11.0 pandas==2.3.3 numpy==2.4.6
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import importlib.metadata
import sys

import numpy as np
import pandas as pd
from ta.momentum import rsi
from ta.trend import adx
from ta.volatility import average_true_range, bollinger_mavg

draw = np.random.default_rng(1)
close = pd.Series(100 * np.exp(np.cumsum(draw.normal(0, 0.01, 60))))
high, low = close * 1.01, close * 0.99
atr = average_true_range(high, low, close, window=14, fillna=False)
rising = (close - 3 * atr).cummax()
print(f"ta {importlib.metadata.version('ta')}, window of 14, fillna=False")
print("ATR:", atr.iloc[[0, 12, 13]].round(3).to_list(), "rows that dropna() leaves:", len(atr.dropna()))
print("ADX:", adx(high, low, close, window=14, fillna=False).iloc[[0, 13]].to_list())
print("RSI:", rsi(close, 14, fillna=False).iloc[0], "mean:", bollinger_mavg(close, 14).iloc[0])
print(f"trailing stop on candle 1: {rising[0]:.2f} at a close of {close[0]:.2f}")
same = (atr[:13] == 0).all() and atr[13] > 0 and rising[0] == close[0]
same = same and np.isnan(rsi(close, 14, fillna=False).iloc[0])
sys.exit(0 if same else "the package ta behaves otherwise now")
CODE
