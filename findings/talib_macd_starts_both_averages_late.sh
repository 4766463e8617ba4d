#!/bin/sh
# TA-Lib's MACD is not its EMA(12) less its EMA(26) until some fifty candles later.
#
# The fast average could begin at the 12th candle. MACD begins it at the 26th, with the mean of the twelve
# candles before, so that both averages are equally young where the line begins. The first values differ from
# the two averages' difference by a tenth of the line's own size and more, and crossings of zero lie elsewhere;
# after fifty candles the difference is gone. Backtrader's MACD is the difference of its averages from the
# start. Two engines that agree on EMA need not agree on the first crossings after a warm-up that is just long
# enough, and a live session that loads fewer candles than the backtest had sees other ones.
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

COUNT, FAST, SLOW, SIGNAL = 200, 12, 26, 9
draw = np.random.default_rng(1)
close = 100 * np.exp(np.cumsum(draw.normal(0, 0.01, COUNT)))
line = talib.MACD(close, FAST, SLOW, SIGNAL)[0]
difference = talib.EMA(close, FAST) - talib.EMA(close, SLOW)

late = talib.EMA(close[SLOW - FAST :], FAST)  # its first value is the mean of candles 15 to 26
told = np.r_[np.full(SLOW - FAST, np.nan), late] - talib.EMA(close, SLOW)


class Lines(bt.Strategy):
    def __init__(self):
        self.macd = bt.indicators.MACD(self.data)

    def next(self):
        values[len(self) - 1] = self.macd.macd[0]


values = np.full(COUNT, np.nan)
days = pd.date_range("2024-01-01", periods=COUNT)
frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), close), index=days)
cerebro = bt.Cerebro()
cerebro.adddata(bt.feeds.PandasData(dataname=frame))
cerebro.addstrategy(Lines)
cerebro.run()

first = int(np.flatnonzero(~np.isnan(line))[0])
gap = np.abs(line - difference)
print(f"TA-Lib {talib.__version__}, candle {first + 1}: MACD {line[first]:.4f}, EMA(12) - EMA(26) {difference[first]:.4f}")
print("difference after 0, 10, 25, 50 candles:", *(f"{gap[first + after]:.5f}" for after in (0, 10, 25, 50)))
print(f"to its fast average begun at candle {SLOW}: {np.nanmax(np.abs(line - told)):.1e}")
print(f"backtrader {bt.__version__} to EMA(12) - EMA(26): {np.nanmax(np.abs(values - difference)):.1e}")
same = gap[first] > 0.05 and gap[first + 50] < 1e-4 and np.nanmax(np.abs(line - told)) < 1e-9
same = same and np.nanmax(np.abs(values - difference)) < 1e-9
sys.exit(0 if same else "one of them behaves otherwise now")
CODE
