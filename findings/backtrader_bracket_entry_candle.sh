#!/bin/sh
# A stop of Backtrader's bracket does not see the candle in which the entry fills.
#
# `buy_bracket` with a market entry fills at the next open. Its stop and its target wait for the fill
# and are active from the candle after it: a candle that opens at 100 and falls to 85 leaves a stop
# at 90 untouched, and the trade lives on. The same stop, sent as an order of its own beside the same
# market order, is hit within that candle. Backtests with wide candles and brackets look better than
# they were; on the candle of entry the loss can be any size.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" backtrader==1.9.78.123
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import datetime
import sys

import backtrader as bt

CANDLES = [  # open, high, low, close of one day each; the entry fills on the second
    (100, 101, 99, 100),
    (100, 101, 85, 100),
    (100, 101, 99, 100),
    (100, 101, 88, 95),
    (95, 96, 94, 95),
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
    params = (("bracket", True),)

    def __init__(self):
        self.fills = []

    def next(self):
        if len(self) == 1 and self.p.bracket:
            self.buy_bracket(size=1, exectype=bt.Order.Market, stopprice=90, limitprice=150)
        elif len(self) == 1:
            self.buy(size=1)
            self.sell(size=1, exectype=bt.Order.Stop, price=90)

    def notify_order(self, order):
        if order.status == order.Completed:
            self.fills.append((bt.num2date(order.executed.dt).day, order.executed.price))


def fills(bracket):
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(Days())
    cerebro.addstrategy(Once, bracket=bracket)
    return cerebro.run()[0].fills


in_bracket, alone = fills(True), fills(False)
print(f"backtrader {bt.__version__}: (day, price) of entry and stop")
print(f"  as a bracket:      {in_bracket}")
print(f"  as two orders:     {alone}")
same = in_bracket == [(2, 100.0), (4, 90.0)] and alone == [(2, 100.0), (2, 90.0)]
sys.exit(0 if same else "Backtrader behaves otherwise now")
CODE
