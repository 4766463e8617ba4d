#!/bin/sh
# A trade that opens and closes within one candle is missing from Backtrader's Transactions and PyFolio.
#
# The analyzer Transactions adds the fills of a candle up in one position, and writes a row only if that is not
# flat. An entry at the open whose stop is hit in the same candle leaves nothing: no row, though the account has
# lost money and TradeAnalyzer counts the trade. The analyzer PyFolio takes its transactions from there, so the
# worst trades are those that a tear sheet lacks.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install --quiet --target "$folder" backtrader==1.9.78.123
PYTHONPATH="$folder" "${PYTHON:-python3}" -W ignore - <<'CODE'
import datetime
import sys

import backtrader as bt

CANDLES = [  # open, high, low, close of one day each
    (100, 101, 99, 100),
    (100, 101, 85, 95),
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
    """Buys at the second open, with a stop at 90 in the same candle."""

    def __init__(self):
        self.fills = []

    def next(self):
        if len(self) == 1:
            self.buy(size=1)
            self.sell(size=1, exectype=bt.Order.Stop, price=90)

    def notify_order(self, order):
        if order.status == order.Completed:
            self.fills.append((order.executed.size, order.executed.price))


cerebro = bt.Cerebro(stdstats=False)
cerebro.adddata(Days())
cerebro.addstrategy(Once)
cerebro.addanalyzer(bt.analyzers.Transactions, _name="rows")
cerebro.addanalyzer(bt.analyzers.TradeAnalyzer, _name="trades")
(strategy,) = cerebro.run()
rows = dict(strategy.analyzers.rows.get_analysis())
closed = strategy.analyzers.trades.get_analysis().total.closed
lost = cerebro.broker.getvalue() - 10000.0
print(f"backtrader {bt.__version__}: fills {strategy.fills}, account {lost:+}")
print(f"TradeAnalyzer: {closed} closed trade; Transactions: {rows}")
same = strategy.fills == [(1, 100.0), (-1, 90.0)] and lost == -10 and closed == 1 and not rows
sys.exit(0 if same else "Backtrader behaves otherwise now")
CODE
