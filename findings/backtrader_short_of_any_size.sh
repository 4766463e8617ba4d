#!/bin/sh
# Backtrader accepts a short of any size.
#
# An order to buy that costs more than the cash is refused with status Margin. One would think that a short
# is, too. But a sale raises the cash, so the check before it always passes: an account of 10,000 goes short
# a hundred million. The value of the account then falls below zero, and nothing is closed. A sizer that is
# wrong on the short side only is not found out by the broker.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" backtrader==1.9.78.123
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import datetime
import sys

import backtrader as bt


class Days(bt.feed.DataBase):
    """Prices of 100, 100, 100 and then 110."""

    at = 0

    def _load(self):
        if self.at == 4:
            return False
        self.lines.datetime[0] = bt.date2num(datetime.datetime(2024, 1, 1 + self.at))
        price = 110.0 if self.at == 3 else 100.0
        for line in (self.lines.open, self.lines.high, self.lines.low, self.lines.close):
            line[0] = price
        self.lines.volume[0] = 1.0
        self.at += 1
        return True


class Once(bt.Strategy):
    params = (("size", 0),)

    def next(self):
        if len(self) == 1:
            self.order = self.order_target_size(target=self.p.size)


def result(size):
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(Days())
    cerebro.addstrategy(Once, size=size)
    (strategy,) = cerebro.run()
    return strategy.order.getstatusname(), strategy.position.size, cerebro.broker.getvalue()


long, short = result(1_000_000), result(-1_000_000)
print(f"backtrader {bt.__version__}, 10,000 of cash, prices 100 and then 110")
print("buy 1,000,000: status {}, position {}, value {:,.0f}".format(*long))
print("sell 1,000,000: status {}, position {}, value {:,.0f}".format(*short))
same = long[0] == "Margin" and short == ("Completed", -1_000_000, 10_000.0 - 10_000_000.0)
sys.exit(0 if same else "Backtrader behaves otherwise now")
CODE
