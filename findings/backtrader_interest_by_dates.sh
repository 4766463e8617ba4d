#!/bin/sh
# Backtrader charges interest on shorts by calendar dates, not by time held.
#
# `setcommission(interest=0.365)` is a rate for a year: one thousandth a day. On candles of 15 minutes
# one would expect a share of it for each candle. What is charged is the number of midnights in
# between: 22 hours within one day cost nothing, 90 minutes across midnight cost a whole day. For an
# intraday strategy that goes short the borrow is either missing or up to 16 times too dear.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" backtrader==1.9.78.123
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import datetime
import sys

import backtrader as bt


class Quarters(bt.feed.DataBase):
    """Three days of 15m candles, all prices 100."""

    at = 0

    def _load(self):
        if self.at == 3 * 96:
            return False
        opened = datetime.datetime(2024, 1, 1) + datetime.timedelta(minutes=15 * self.at)
        self.lines.datetime[0] = bt.date2num(opened)
        for line in (self.lines.open, self.lines.high, self.lines.low, self.lines.close):
            line[0] = 100.0
        self.lines.volume[0] = 1.0
        self.at += 1
        return True


class Short(bt.Strategy):
    """One unit short from the open of candle `first` to that of candle `last`."""

    params = (("first", 0), ("last", 0))

    def next(self):
        if len(self) == self.p.first:
            self.sell(size=1)
        elif len(self) == self.p.last:
            self.buy(size=1)


def cost(first, last):
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(Quarters())
    cerebro.addstrategy(Short, first=first, last=last)
    cerebro.broker.setcommission(commission=0.0, interest=0.365)
    before = cerebro.broker.getvalue()
    cerebro.run()
    return round(before - cerebro.broker.getvalue(), 6)


within, across = cost(2, 90), cost(94, 100)
print(f"backtrader {bt.__version__}: interest of 0.1 a day on 100")
print(f"  22 hours within one day:      {within}")
print(f"  90 minutes across midnight:   {across}")
sys.exit(0 if (within, across) == (0.0, 0.1) else "Backtrader behaves otherwise now")
CODE
