#!/bin/sh
# The RSI of a market whose price does not move is 0, 50, 100, undefined or an exception.
#
# Halted markets, thin coins at night and stablecoins have stretches of equal closes longer than the period.
# Neither gains nor losses leave 0/0, and each library has its own answer. TA-Lib says 0, the deepest oversold
# there is, and its Aroon says 100 both ways; ta says 100, the highest overbought; stockstats and Backtrader's
# RSI_Safe say 50; pandas-ta, finta and tulipy nothing. Backtrader's own RSI ends the whole run with a division
# by zero. A rule "buy below 30" that was tried with one of them does another thing with the next.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --no-compile --target "$folder" TA-Lib==0.8.2 ta==0.11.0 \
  pandas-ta-classic==0.8.32 finta==1.3 stockstats==0.6.10 tulipy==0.4.0 backtrader==1.9.78.123 \
  numpy==2.4.6 pandas==2.3.3
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import math
import sys

import backtrader as bt
import numpy as np
import pandas as pd
import pandas_ta_classic
import stockstats
import ta
import talib
import tulipy
from finta import TA

rest = np.full(60, 100.0)
days = pd.date_range("2024-01-01", periods=60)
names = ("open", "high", "low", "close", "volume")
candles = pd.DataFrame(dict.fromkeys(names, rest), index=days)


def of_backtrader(name):
    class Last(bt.Strategy):
        def __init__(self):
            self.rsi = getattr(bt.indicators, name)(self.data, period=14)

        def stop(self):
            found.append(self.rsi[0])

    found = []
    cerebro = bt.Cerebro()
    cerebro.adddata(bt.feeds.PandasData(dataname=candles))
    cerebro.addstrategy(Last)
    try:
        cerebro.run()
    except ZeroDivisionError as error:
        return type(error).__name__
    return found[0]


said = {
    "TA-Lib": talib.RSI(rest, 14)[-1],
    "ta": ta.momentum.rsi(candles.close, 14).iloc[-1],
    "pandas-ta-classic": pandas_ta_classic.rsi(candles.close, 14, talib=False).iloc[-1],
    "finta": TA.RSI(candles, 14).iloc[-1],
    "stockstats": stockstats.StockDataFrame.retype(candles.copy())["rsi_14"].iloc[-1],
    "tulipy": tulipy.rsi(rest, 14)[-1],
    "backtrader RSI": of_backtrader("RSI"),
    "backtrader RSI_Safe": of_backtrader("RSI_Safe"),
}
for library, value in said.items():
    print(f"{library}: {value}")
print("TA-Lib's Aroon, down and up:", *(float(line[-1]) for line in talib.AROON(rest, rest)))
nothing = all(math.isnan(said[name]) for name in ("pandas-ta-classic", "finta", "tulipy"))
same = (said["TA-Lib"], said["ta"], said["stockstats"]) == (0.0, 100.0, 50.0) and nothing
same = same and said["backtrader RSI"] == "ZeroDivisionError" and said["backtrader RSI_Safe"] == 50.0
sys.exit(0 if same else "one of them behaves otherwise now")
CODE
