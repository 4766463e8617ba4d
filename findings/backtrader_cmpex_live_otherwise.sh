#!/bin/sh
# Backtrader's CmpEx gives a price in a backtest and -1, 0 or 1 live.
#
# `CmpEx(a, b, r1, r2, r3)` is r1 where a < b, r2 where they are equal, r3 where a > b. So it is when Backtrader
# computes all candles at once, as it does for backtests. Candle by candle, as with live data or
# `runonce=False`, it forgets the three and gives the comparison itself. The Demark pivot, built on it, is a
# level near the price in the backtest, and a quarter or nothing in the live run of the same strategy. (In the
# backtest it has rising and unchanged candles the wrong way round: doubled high where the close should be.)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" backtrader==1.9.78.123
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import datetime
import sys

import backtrader as bt

CANDLES = [(100, 110, 90, 105), (105, 108, 96, 98), (98, 104, 97, 98)]  # open, high, low, close


class Days(bt.feed.DataBase):
    at = 0

    def _load(self):
        if self.at == len(CANDLES):
            return False
        self.lines.datetime[0] = bt.date2num(datetime.datetime(2024, 1, 1 + self.at))
        self.lines.volume[0] = 1.0
        prices = (self.lines.open, self.lines.high, self.lines.low, self.lines.close)
        for line, price in zip(prices, CANDLES[self.at]):
            line[0] = price
        self.at += 1
        return True


class Watch(bt.Strategy):
    def __init__(self):
        days = self.data
        self.chosen = bt.CmpEx(days.close, days.open, days.low, days.open, days.high)
        self.pivot = bt.ind.DemarkPivotPoint(days)
        self.seen = []

    def next(self):
        self.seen.append((self.chosen[0], self.pivot.lines.p[0]))


def run(runonce):
    cerebro = bt.Cerebro(stdstats=False, runonce=runonce)
    cerebro.adddata(Days())
    cerebro.addstrategy(Watch)
    (strategy,) = cerebro.run()
    return strategy.seen


at_once, stepwise = run(True), run(False)
print(f"backtrader {bt.__version__}: CmpEx, pivot")
for row, other in zip(at_once, stepwise):
    print("all at once", row, "candle by candle", other)
same = [row[0] for row in at_once] == [110.0, 96.0, 98.0]
same &= [row[0] for row in stepwise] == [1.0, -1.0, 0.0]
same &= [row[1] for row in at_once] == [102.5, 99.5, 100.75]  # 103.75, 99.5, 99.25 by its rule
same &= [row[1] for row in stepwise] == [0.25, -0.25, 0.0]
sys.exit(0 if same else "Backtrader behaves otherwise now")
CODE
