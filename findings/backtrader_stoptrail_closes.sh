#!/bin/sh
# Backtrader's StopTrail order trails the close of each candle, never its high.
#
# A trailing stop of 10 at an exchange stands at 110 once the price has been at 120. Backtrader moves it
# by closes alone: a candle from 100 to 120 that closes at 101 puts it at 91, and there it stays when
# the price falls back. Traded live, the same order leaves 19 higher; on a market with long wicks
# backtest and exchange have hardly a trade in common.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" backtrader==1.9.78.123
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import datetime
import sys

import backtrader as bt

CANDLES = [  # open, high, low, close of one day each
    (100, 101, 99, 100),
    (100, 120, 99.5, 101),
    (101, 102, 95, 100),
    (100, 101, 94, 95),
    (95, 96, 80, 82),
]


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


class Once(bt.Strategy):
    def __init__(self):
        self.levels, self.left = [], None

    def next(self):
        if len(self) == 1:
            self.buy(size=1)
            self.trail = self.sell(size=1, exectype=bt.Order.StopTrail, trailamount=10)
        self.levels.append(self.trail.created.price)

    def notify_order(self, order):
        if order.status == order.Completed and not order.isbuy():
            self.left = (bt.num2date(order.executed.dt).day, order.executed.price)


cerebro = bt.Cerebro(stdstats=False)
cerebro.adddata(Days())
cerebro.addstrategy(Once)
(strategy,) = cerebro.run()
print(f"backtrader {bt.__version__}: high of day 2 is 120, trail 10")
print(f"  level after each day: {strategy.levels}")
print(f"  left on day {strategy.left[0]} at {strategy.left[1]}; a trail of the high leaves on day 3 or before at 110")
same = strategy.levels[:4] == [90.0, 91.0, 91.0, 91.0] and strategy.left == (5, 91.0)
sys.exit(0 if same else "Backtrader behaves otherwise now")
CODE
