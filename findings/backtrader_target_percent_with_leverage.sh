#!/bin/sh
# Backtrader's order_target_percent with leverage buys too much, and on the next candle turns round.
#
# The target is compared with the value of the position without leverage, but the size bought is multiplied by
# it. With leverage 5, a target of 100 % of 1,000 buys 5,000. Asked for once more, as by a strategy that
# rebalances on every candle, it finds 5,000 where 1,000 are wanted, and sells five times the difference: 15,000
# short. One more is then refused, and the short stays. At constant prices a target that never changes goes
# through three positions, none of them the one asked for.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" backtrader==1.9.78.123
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import datetime
import sys

import backtrader as bt


class Days(bt.feed.DataBase):
    """Six days, all prices 100."""

    at = 0

    def _load(self):
        if self.at == 6:
            return False
        self.lines.datetime[0] = bt.date2num(datetime.datetime(2024, 1, 1 + self.at))
        for line in (self.lines.open, self.lines.high, self.lines.low, self.lines.close):
            line[0] = 100.0
        self.lines.volume[0] = 1.0
        self.at += 1
        return True


class Always(bt.Strategy):
    """Wants a position worth the account, on every candle."""

    def __init__(self):
        self.seen, self.refused = [], 0

    def next(self):
        self.seen.append(self.position.size)
        self.order_target_percent(target=1.0)

    def notify_order(self, order):
        self.refused += order.status == order.Margin


def positions(leverage):
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(Days())
    cerebro.addstrategy(Always)
    cerebro.broker.setcash(1000.0)
    cerebro.broker.setcommission(commission=0.0, leverage=leverage)
    (strategy,) = cerebro.run()
    return strategy.seen, strategy.refused


plain, lever = positions(1.0), positions(5.0)
print(f"backtrader {bt.__version__}, target 100 % of 1,000 at 100 (positions, refused orders)")
print("leverage 1:", plain)
print("leverage 5:", lever)
same = plain == ([0, 10, 10, 10, 10, 10], 0) and lever[0][:4] == [0, 50, -150, -150] and lever[1] > 0
sys.exit(0 if same else "Backtrader behaves otherwise now")
CODE
