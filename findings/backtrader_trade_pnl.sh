#!/bin/sh
# Backtrader hands the profit of an execution to the trade, which does not look at it.
#
# A broker tells `order.execute` the profit (`pnl`) of what was closed; it arrives in
# `order.executed.pnl` and as the argument `pnl` of `Trade.update`. One would think that a custom
# broker can charge interest or funding there. TradeAnalyzer, SQN and everything else on trades work it
# out again from the two prices; only a commission reaches `pnlcomm`. The broker below pays 3 of
# interest in its profit: the account and `executed.pnl` know it, the trade does not.
# Beside that, `get_value`, which PositionsValue and PyFolio call, is missing: the metaclass of
# BrokerBase means to add it for `getvalue`, but adds it under the name of the class.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" backtrader==1.9.78.123
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import datetime
import sys

import backtrader as bt


class Broker(bt.BrokerBase):
    """Fills at closes; interest of 3 is part of the profit."""

    def __init__(self):
        super().__init__()
        self.cash = self.startingcash = 1000.0
        self.news, self.holding = [], bt.Position()

    def getcash(self):
        return self.cash

    def getvalue(self, datas=None):
        return self.cash

    def getposition(self, data, clone=True):
        return self.holding

    def get_notification(self):
        return self.news.pop(0) if self.news else None

    def buy(self, owner, data, size, **_):
        return self.fill(bt.BuyOrder(owner=owner, data=data, size=size), data, 0.0)

    def sell(self, owner, data, size, **_):
        profit = data.close[0] - self.holding.price - 3.0
        self.cash += profit
        return self.fill(bt.SellOrder(owner=owner, data=data, size=size), data, profit)

    def fill(self, order, data, profit):
        order.addcomminfo(self.getcommissioninfo(data))
        price = data.close[0]
        size, mean, opened, closed = self.holding.update(order.size, price)
        order.execute(
            data.datetime[0], order.size, price, closed, abs(closed) * price, 0.0,
            opened, abs(opened) * price, 0.0, 0.0, profit, size, mean,
        )
        order.completed()
        self.news.append(order.clone())
        return order


class Days(bt.feed.DataBase):
    """Closes of 100, 110, 110, 110."""

    at = 0

    def _load(self):
        if self.at == 4:
            return False
        day = datetime.datetime(2024, 1, 1 + self.at)
        self.lines.datetime[0] = bt.date2num(day)
        price = 100.0 if self.at == 0 else 110.0
        for line in (self.lines.open, self.lines.high, self.lines.low, self.lines.close):
            line[0] = price
        self.lines.volume[0] = 1.0
        self.at += 1
        return True


class Once(bt.Strategy):
    """Buys on the first day, sells on the second."""

    def next(self):
        if len(self) == 1:
            self.buy(size=1)
        elif len(self) == 2:
            self.told = self.sell(size=1).executed.pnl


cerebro = bt.Cerebro(stdstats=False)
cerebro.adddata(Days())
cerebro.setbroker(Broker())
cerebro.addstrategy(Once)
cerebro.addanalyzer(bt.analyzers.TradeAnalyzer, _name="trades")
(strategy,) = cerebro.run()
gain = cerebro.broker.getvalue() - 1000.0
net = strategy.analyzers.trades.get_analysis().pnl.net.total
print(f"backtrader {bt.__version__}: account {gain:+}, executed.pnl {strategy.told:+}, trade {net:+}")
print(f"get_value: {hasattr(Broker, 'get_value')}, Broker.Broker: {hasattr(Broker, 'Broker')}")
same = (gain, strategy.told, net) == (7.0, 7.0, 10.0) and not hasattr(Broker, "get_value")
sys.exit(0 if same else "Backtrader behaves otherwise now")
CODE
