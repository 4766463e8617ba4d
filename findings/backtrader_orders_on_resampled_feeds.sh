#!/bin/sh
# Backtrader fills orders on a resampled feed when its candle is over, at the price at which it began.
#
# A strategy of 15 minutes with a daily trend has both feeds at hand, and may send an order for the daily one
# (`buy(data=self.data1)`). It is filled at the daily candle's open, but only once that candle is complete: the
# position appears a day late, at a price of a day ago. Until then the order can be cancelled. So below: buy
# after midnight, and cancel at 23:45 if the price has fallen. On a random walk 30 of 32 fills are in profit.
# Orders belong on the smallest feed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" backtrader==1.9.78.123
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import datetime
import math
import random
import sys

import backtrader as bt

STEP = datetime.timedelta(minutes=15)
FIRST = datetime.datetime(2024, 1, 1)


class Quarters(bt.feed.DataBase):
    """Sixty days of 15m closes, a random walk."""

    def start(self):
        self.at, self.price, self.draw = 0, 100.0, random.Random(4)

    def _load(self):
        if self.at == 60 * 96:
            return False
        self.lines.datetime[0] = bt.date2num(FIRST + self.at * STEP)
        for line in (self.lines.open, self.lines.high, self.lines.low, self.lines.close):
            line[0] = self.price
        self.lines.volume[0] = 1.0
        self.price *= math.exp(self.draw.gauss(0, 0.003))
        self.at += 1
        return True


class Hindsight(bt.Strategy):
    """Buys on the daily feed after midnight, and cancels at 23:45 unless the price has risen."""

    def __init__(self):
        self.order, self.gains, self.lags = None, [], []

    def next(self):
        now = self.data.datetime.datetime(0)
        if now.time() == datetime.time(0, 15) and len(self.data1):
            self.order, self.sent, self.seen = self.buy(data=self.data1, size=1), now, self.data.close[0]
        elif now.time() == datetime.time(23, 45) and self.order and self.data.close[0] <= self.seen:
            self.cancel(self.order)

    def notify_order(self, order):
        if order.status == order.Completed:
            self.gains.append(self.data.close[0] - order.executed.price)
            self.lags.append(self.data.datetime.datetime(0) - self.sent)


cerebro = bt.Cerebro(stdstats=False)
quarters = Quarters(timeframe=bt.TimeFrame.Minutes, compression=15)
cerebro.adddata(quarters)
cerebro.resampledata(quarters, timeframe=bt.TimeFrame.Days)
cerebro.addstrategy(Hindsight)
(strategy,) = cerebro.run()
gains = strategy.gains
won = sum(gain > 0 for gain in gains)
print(f"backtrader {bt.__version__}, a random walk: {won} of {len(gains)} fills are in profit when told")
print(f"together {sum(gains):+.1f} at prices near 100; told {min(strategy.lags)} after the order, or later")
late = min(strategy.lags) > datetime.timedelta(hours=23)
sys.exit(0 if late and len(gains) > 15 and won > 0.9 * len(gains) else "Backtrader behaves otherwise now")
CODE
