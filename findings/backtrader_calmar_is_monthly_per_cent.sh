#!/bin/sh
# Backtrader's Calmar ratio is about a thousand times too small.
#
# The ratio is the return of a year over the largest drawdown. `analyzers.Calmar` divides the mean logarithmic
# return of one MONTH, as a fraction, by a drawdown in PER CENT; nothing turns months into years or per cent
# into fractions. A market that gains 3 % a month and once loses a tenth has a Calmar of about 4; the analyzer
# says 0.004. Held against a threshold such as 1, every strategy fails. And as it looks at the ends of months
# alone, the same loss, won back within its month, is none: the ratio is then 0, not infinite.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" backtrader==1.9.78.123
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import datetime
import math
import sys

import backtrader as bt

STEP = datetime.timedelta(days=1)
FIRST = datetime.datetime(2020, 1, 1)


class Days(bt.feed.DataBase):
    """Four years of closes that double each second year, less a tenth for a while of December 2021."""

    params = (("dip", range(0)),)
    at = 0

    def _load(self):
        if self.at == 1461:
            return False
        self.lines.datetime[0] = bt.date2num(FIRST + self.at * STEP)
        price = 100.0 * 2 ** (max(self.at - 1, 0) / 730) * (0.9 if self.at in self.p.dip else 1.0)
        for line in (self.lines.open, self.lines.high, self.lines.low, self.lines.close):
            line[0] = price
        self.lines.volume[0] = 1.0
        self.at += 1
        return True


class Hold(bt.Strategy):
    def next(self):
        if len(self) == 1:
            self.buy(size=100)


def ratios(dip):
    """The yearly return over the largest drawdown, and what the analyzer says."""
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(Days(dip=dip))
    cerebro.addstrategy(Hold)
    cerebro.broker.setcash(10000.0)
    cerebro.addanalyzer(bt.analyzers.Calmar, _name="calmar")
    cerebro.addanalyzer(bt.analyzers.DrawDown, _name="drawdown")
    (strategy,) = cerebro.run()
    deepest = strategy.analyzers.drawdown.get_analysis().max.drawdown / 100
    yearly = math.sqrt(math.sqrt(cerebro.broker.getvalue() / 10000.0)) - 1
    return yearly / deepest, strategy.analyzers.calmar.calmar


(right, told), (unseen, none) = ratios(range(705, 735)), ratios(range(705, 725))
print(f"backtrader {bt.__version__}: ratio {right:.2f}, analyzer {told:.4f} ({right / told:.0f} times)")
print(f"with a loss that is won back within the month: ratio {unseen:.2f}, analyzer {none}")
same = 3.9 < right < 4.5 and 1000 < right / told < 1200 and unseen > 3.9 and none == 0
sys.exit(0 if same else "Backtrader behaves otherwise now")
CODE
