#!/bin/sh
# Backtrader's CCI divides by another deviation than everybody else's, and crosses 100 elsewhere.
#
# The commodity channel index (Lambert, 1980) divides the typical price's distance from its mean by the mean
# distance of the last 20 typical prices from that same mean. Backtrader averages the distances that each of
# them had from the mean of its own day. In a trend, where prices keep their distance from a mean that runs
# after them, that is the larger number, and the index the smaller one. RSI, ADX, ATR, PSAR, Williams' %R and
# the ultimate oscillator agree with TA-Lib to the last digits, so one takes it that CCI does. Averages of both
# are right: it is the deviation alone, as the last line shows.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --no-compile --target "$folder" TA-Lib==0.8.2 numpy==2.4.6 \
  pandas==2.3.3 backtrader==1.9.78.123
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import sys

import backtrader as bt
import numpy as np
import pandas as pd
import talib

COUNT, PERIOD = 2000, 20
draw = np.random.default_rng(4)
close = 100 * np.exp(np.cumsum(draw.normal(0, 0.01, COUNT)))
opened = np.r_[100.0, close[:-1]]
high = np.maximum(opened, close) * (1 + draw.uniform(0, 0.005, COUNT))
low = np.minimum(opened, close) * (1 - draw.uniform(0, 0.005, COUNT))
index = pd.date_range("2020-01-01", periods=COUNT)
frame = pd.DataFrame({"open": opened, "high": high, "low": low, "close": close}, index=index)


class Lines(bt.Strategy):
    def __init__(self):
        self.cci = bt.indicators.CCI(self.data, period=PERIOD)
        self.rsi = bt.indicators.RSI(self.data, period=PERIOD)

    def next(self):
        cci[len(self) - 1], rsi[len(self) - 1] = self.cci[0], self.rsi[0]


cci, rsi = np.full(COUNT, np.nan), np.full(COUNT, np.nan)
cerebro = bt.Cerebro()
cerebro.adddata(bt.feeds.PandasData(dataname=frame))
cerebro.addstrategy(Lines)
cerebro.run()

theirs = talib.CCI(high, low, close, PERIOD)
typical = pd.Series((high + low + close) / 3)
mean = typical.rolling(PERIOD).mean()
old = ((typical - mean) / (0.015 * (typical - mean).abs().rolling(PERIOD).mean())).to_numpy()
both = ~np.isnan(cci) & ~np.isnan(theirs)
beyond = np.abs(cci[both]) > 100, np.abs(theirs[both]) > 100
print(f"backtrader {bt.__version__} and TA-Lib {talib.__version__}, {both.sum()} candles")
print(f"median |CCI|: {np.median(np.abs(cci[both])):.0f} and {np.median(np.abs(theirs[both])):.0f}")
print(f"beyond 100: {beyond[0].sum()} and {beyond[1].sum()} candles, {(beyond[0] != beyond[1]).sum()} of them in one alone")
rest = np.nanmax(np.abs(rsi - talib.RSI(close, PERIOD)))
print(f"largest difference of RSI: {rest:.0e}; of Backtrader's CCI to one by old means: {np.nanmax(np.abs(cci - old)):.0e}")
same = (beyond[0] != beyond[1]).sum() > 100 and rest < 1e-6 and np.nanmax(np.abs(cci - old)) < 1e-6
sys.exit(0 if same else "one of them behaves otherwise now")
CODE
