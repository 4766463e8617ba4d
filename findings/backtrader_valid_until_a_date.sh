#!/bin/sh
# An order of Backtrader that is valid until a date is dead from the first minutes of that day.
#
# `valid=datetime.date(2024, 1, 2)` says good till 2 January, and on candles of a day it is filled on that day.
# The date is taken as its midnight: on intraday candles the order expires on the second one of that day, and
# today's date expires it before it has met the market at all. An order for the day is `valid=bt.Order.DAY`.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" backtrader==1.9.78.123
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import datetime
import sys

import backtrader as bt

FIRST = datetime.datetime(2024, 1, 1)


class Prices(bt.feed.DataBase):
    """Prices of 100, but 40 from noon of 2 January on (or from that day on, if candles are days)."""

    params = (("step", datetime.timedelta(minutes=15)),)
    at = 0

    def _load(self):
        moment = FIRST + self.at * self.p.step
        if moment >= datetime.datetime(2024, 1, 4):
            return False
        daily = self.p.step == datetime.timedelta(days=1)
        low = moment >= datetime.datetime(2024, 1, 2, 0 if daily else 12)
        self.lines.datetime[0] = bt.date2num(moment)
        for line in (self.lines.open, self.lines.high, self.lines.low, self.lines.close):
            line[0] = 40.0 if low else 100.0
        self.lines.volume[0] = 1.0
        self.at += 1
        return True


class Once(bt.Strategy):
    params = (("valid", None),)
    told = None

    def next(self):
        if len(self) == 1:
            self.buy(exectype=bt.Order.Limit, price=50.0, valid=self.p.valid)

    def notify_order(self, order):
        if not order.alive():
            self.told = f"{order.getstatusname()} {self.data.datetime.datetime(0):%d %H:%M}"


def end(valid, **step):
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(Prices(**step))
    cerebro.addstrategy(Once, valid=valid)
    (strategy,) = cerebro.run()
    return strategy.told


today, tomorrow = datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)
told = [end(tomorrow, step=datetime.timedelta(days=1)), end(tomorrow), end(today), end(bt.Order.DAY)]
print(f"backtrader {bt.__version__}: order of 1 January 00:00, reached on the 2nd (15m: at noon)")
print("valid till the 2nd, days: {}; 15m: {}; valid till the 1st: {}; DAY: {}".format(*told))
want = ["Completed 02 00:00", "Expired 02 00:15", "Expired 01 00:15", "Expired 02 00:00"]
sys.exit(0 if told == want else "Backtrader behaves otherwise now")
CODE
