#!/bin/sh
# Setting a margin in Backtrader turns the commission from per cent into money.
#
# `setcommission(commission=0.001)` charges a thousandth of the turnover. With `margin=1000` added, as one does
# for futures, the same 0.001 is an amount of money for each contract, whatever its price: a contract of 60,000
# costs a tenth of a cent instead of 60. Nothing warns; a backtest of perpetuals is all but free of fees. The
# type has to be said too (`commtype=COMM_PERC`), and then it matters again whether the class is CommInfoBase:
# made by hand, it divides the rate by 100, which setcommission does not.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" backtrader==1.9.78.123
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import datetime
import sys

import backtrader as bt


class Days(bt.feed.DataBase):
    """Three days, all prices 60,000."""

    at = 0

    def _load(self):
        if self.at == 3:
            return False
        self.lines.datetime[0] = bt.date2num(datetime.datetime(2024, 1, 1 + self.at))
        for line in (self.lines.open, self.lines.high, self.lines.low, self.lines.close):
            line[0] = 60000.0
        self.lines.volume[0] = 1.0
        self.at += 1
        return True


class Once(bt.Strategy):
    def next(self):
        if len(self) == 1:
            self.order = self.buy(size=1)


def charged(made=None, **options):
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(Days())
    cerebro.addstrategy(Once)
    cerebro.broker.setcash(100000.0)
    if made:
        cerebro.broker.addcommissioninfo(made)
    else:
        cerebro.broker.setcommission(commission=0.001, **options)
    (strategy,) = cerebro.run()
    return round(strategy.order.executed.comm, 6)


PERC = bt.CommInfoBase.COMM_PERC
by_hand = bt.CommInfoBase(commission=0.001, margin=1000.0, commtype=PERC)
told = [charged(), charged(margin=1000.0), charged(margin=1000.0, commtype=PERC), charged(by_hand)]
print(f"backtrader {bt.__version__}: fee of one contract at 60,000 with commission=0.001")
print("alone {}, margin {}, margin and COMM_PERC {}, the same in a CommInfoBase {}".format(*told))
sys.exit(0 if told == [60.0, 0.001, 60.0, 0.6] else "Backtrader behaves otherwise now")
CODE
