#!/bin/sh
# The lagging span of Backtrader's Ichimoku is the close 26 candles AHEAD, in a backtest.
#
# Charts draw the close 26 candles to the left; the rule "lagging span above the price" compares today's close
# with an old price. In Backtrader `chikou_span[0]` holds, on each candle, the close that comes 26 candles later,
# and a strategy that asks for it in next() gets it: `chikou_span[0] > close[0]` is a perfect forecast. It works
# because a backtest computes all candles before it asks the strategy; with live data or `runonce=False` the
# same line is nan, and no comparison is ever true. The other four lines do not look ahead.
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

draw = random.Random(5)
CLOSES = [100.0]
while len(CLOSES) < 200:
    CLOSES.append(CLOSES[-1] * math.exp(draw.gauss(0, 0.02)))


class Days(bt.feed.DataBase):
    at = 0

    def _load(self):
        if self.at == len(CLOSES):
            return False
        self.lines.datetime[0] = bt.date2num(datetime.datetime(2024, 1, 1) + datetime.timedelta(self.at))
        for line in (self.lines.open, self.lines.high, self.lines.low, self.lines.close):
            line[0] = CLOSES[self.at]
        self.lines.volume[0] = 1.0
        self.at += 1
        return True


class Watch(bt.Strategy):
    def __init__(self):
        self.cloud = bt.ind.Ichimoku(self.data)
        self.seen = {}

    def next(self):
        self.seen[len(self) - 1] = self.cloud.chikou_span[0]


def run(runonce):
    cerebro = bt.Cerebro(stdstats=False, runonce=runonce)
    cerebro.adddata(Days())
    cerebro.addstrategy(Watch)
    (strategy,) = cerebro.run()
    return {at: value for at, value in strategy.seen.items() if at + 26 < len(CLOSES)}


backtest, live = run(True), run(False)
ahead = sum(value == CLOSES[at + 26] for at, value in backtest.items())
empty = sum(math.isnan(value) for value in live.values())
print(f"backtrader {bt.__version__}: the close of 26 candles later on {ahead} of {len(backtest)} candles")
print(f"with runonce=False nan on {empty} of {len(live)}")
same = ahead == len(backtest) > 50 and empty == len(live) > 50
sys.exit(0 if same else "Backtrader behaves otherwise now")
CODE
