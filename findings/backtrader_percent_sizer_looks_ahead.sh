#!/bin/sh
# Backtrader's PercentSizer knows the close of the candle that it buys the open of.
#
# With `cheat_on_open=True` an order of `next_open` fills at the open of the candle that has just begun. The
# sizer of Backtrader divides by `data.close[0]`, which in next_open is the close of that very candle: unknown
# at its open. All the cash buys 5 before a candle from 100 to 200, and 10 before one that stays; before one
# that falls the order is larger than the cash, refused for Margin, and the loss never taken. `target_percent`
# orders divide by the same close. A backtest with them avoids a part of its losing entries.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" backtrader==1.9.78.123
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import datetime
import sys

import backtrader as bt


class Days(bt.feed.DataBase):
    """Three days at 100; the second one closes at `close`."""

    params = (("close", 100.0),)
    at = 0

    def _load(self):
        if self.at == 3:
            return False
        self.lines.datetime[0] = bt.date2num(datetime.datetime(2024, 1, 1 + self.at))
        for line in (self.lines.open, self.lines.high, self.lines.low, self.lines.close):
            line[0] = 100.0
        if self.at == 1:
            close = self.p.close
            self.lines.close[0] = close
            self.lines.high[0], self.lines.low[0] = max(close, 100.0), min(close, 100.0)
        self.lines.volume[0] = 1.0
        self.at += 1
        return True


class Once(bt.Strategy):
    params = (("target", False),)

    def next_open(self):
        if len(self.data) == 2:
            self.order = self.order_target_percent(target=1.0) if self.p.target else self.buy()


def bought(close, target):
    cerebro = bt.Cerebro(stdstats=False, cheat_on_open=True)
    cerebro.adddata(Days(close=close))
    cerebro.addstrategy(Once, target=target)
    cerebro.addsizer(bt.sizers.PercentSizer, percents=100)
    cerebro.broker.setcash(1000.0)
    (strategy,) = cerebro.run()
    order = strategy.order
    return order.executed.size, order.executed.price, order.getstatusname()


told = [(bought(close, False), bought(close, True)) for close in (200.0, 100.0, 50.0)]
print(f"backtrader {bt.__version__}, 1,000 of cash, each candle opens at 100 (size, price, status)")
for close, (sizer, target) in zip((200, 100, 50), told):
    print(f"it closes at {close}: PercentSizer {sizer}, order_target_percent {target}")
want = [(5.0, 100.0, "Completed"), (10.0, 100.0, "Completed"), (0, 0.0, "Margin")]
same = [pair[0] for pair in told] == want and [pair[1] for pair in told] == want
sys.exit(0 if same else "Backtrader behaves otherwise now")
CODE
