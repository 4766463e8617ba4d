#!/bin/sh
# TA-Lib's stream functions give another EMA, ATR and RSI than its functions over the same candles: the "EMA" of
# a live session is the plain mean of the last candles.
#
# `talib.stream.X(candles)` looks like the last value of `talib.X(candles)`, only quicker, and for SMA it is.
# It hands the library the last candle alone, and a smoothed line is then begun anew as far back as its shortest
# warm-up: EMA(20) begins with the mean of 20 candles and ends there, as no candle follows. Wilder's ATR(14) and
# RSI(14) end at their first value too. However many candles are given, the rest is not looked at. On a walk of
# 300 candles ATR(14) is a tenth off: a stop at three of them lies elsewhere than in the backtest.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --no-compile --target "$folder" TA-Lib==0.6.8 numpy==2.3.5
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import sys

import numpy as np
import talib
from talib import stream

COUNT = 300
draw = np.random.default_rng(3)
close = 100 * np.exp(np.cumsum(draw.normal(0, 0.01, COUNT)))
high, low = close * (1 + draw.uniform(0, 0.006, COUNT)), close * (1 - draw.uniform(0, 0.006, COUNT))

cases = {
    "SMA(20)": (talib.SMA(close, 20), stream.SMA(close, 20), talib.SMA(close[-20:], 20)),
    "EMA(20)": (talib.EMA(close, 20), stream.EMA(close, 20), talib.EMA(close[-20:], 20)),
    "ATR(14)": (talib.ATR(high, low, close, 14), stream.ATR(high, low, close, 14),
                talib.ATR(high[-15:], low[-15:], close[-15:], 14)),
    "RSI(14)": (talib.RSI(close, 14), stream.RSI(close, 14), talib.RSI(close[-15:], 14)),
}
print(f"TA-Lib {talib.__version__}: the last of {COUNT} values, the stream's, and that of the shortest part of the candles")
for name, (whole, live, short) in cases.items():
    print(f"{name}: {whole[-1]:.6f} {live:.6f} {short[-1]:.6f}")
near = {name: np.isclose(live, whole[-1], rtol=1e-6) for name, (whole, live, _) in cases.items()}
alone = all(np.isclose(live, short[-1], rtol=1e-9) for _, live, short in cases.values())
is_mean = np.isclose(cases["EMA(20)"][1], close[-20:].mean(), rtol=1e-12)
print("equal to the whole line's:", [name for name, same in near.items() if same], "- EMA(20) is the mean:", bool(is_mean))
same = alone and is_mean and near == {"SMA(20)": True, "EMA(20)": False, "ATR(14)": False, "RSI(14)": False}
sys.exit(0 if same else "it behaves otherwise now")
CODE
