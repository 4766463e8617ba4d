"""The quick path of a backtest against Backtrader's own."""

from __future__ import annotations

from typing import Any

import backtrader as bt
import numpy as np
import pytest

from stoptrail.feeds.columnar import ColumnarFeed
from stoptrail.strategies.quick_candles import QuickCandles
from tests.strategies.market import random_market

CANDLES = random_market(7, 12)
COUNT = len(CANDLES.time)


class Watcher(QuickCandles):
    """Notes what `next` sees of stock indicators, of operations on lines and of time, and
    trades now and then with the stock broker."""

    def __init__(self) -> None:
        self.mean = bt.ind.SMA(self.data.close, period=5)
        self.cross = bt.ind.CrossOver(self.data.close, self.mean)
        self.distance = self.data.close - self.mean
        self.seen: list[tuple[float, ...]] = []
        self.told: list[tuple[Any, ...]] = []

    def prenext(self) -> None:
        self.seen.append((len(self), self.data.close[0]))

    def next(self) -> None:
        lines = self.mean, self.cross, self.distance, self.datetime, self.data.close
        self.seen.append((len(self), len(self.mean), *(line[0] for line in lines)))
        if self.cross[0]:
            (self.close if self.position else self.buy)()

    def notify_order(self, order: Any) -> None:
        self.told.append((len(self), order.status, order.executed.price))

    def notify_trade(self, trade: Any) -> None:
        self.told.append((len(self), trade.isclosed, trade.pnlcomm))


class StockWatcher(Watcher):
    """The same without the quick path."""

    def _in_step(self) -> bool:
        return False


class CashWatcher(Watcher):
    """Hears of the account on every candle."""

    values = 0

    def notify_cashvalue(self, cash: float, value: float) -> None:
        self.values += 1


class Counter(bt.Analyzer):
    """Counts candles."""

    def start(self) -> None:
        self.count = 0

    def prenext(self) -> None:
        self.count += 1

    def next(self) -> None:
        self.count += 1


def run(strategy: type[Watcher], **options: Any) -> Any:
    """One run over the candles; `prepare` may add to Cerebro."""
    prepare = options.pop("prepare", lambda _: None)
    cerebro = bt.Cerebro(stdstats=False, **options)
    cerebro.adddata(ColumnarFeed(candles=CANDLES))
    cerebro.addstrategy(strategy)
    prepare(cerebro)
    return cerebro.run()[0]


@pytest.fixture
def stock() -> Any:
    """The run that Backtrader's own code makes."""
    found = run(StockWatcher)
    assert not found._quick
    assert len(found.told) > 10
    return found


def test_next_sees_on_every_candle_what_it_sees_on_the_stock_path(stock: Any) -> None:
    quick = run(Watcher)
    assert quick._quick
    assert len(quick.seen) == len(stock.seen) == COUNT
    assert quick.seen == stock.seen


def test_orders_and_trades_are_told_on_the_same_candles(stock: Any) -> None:
    assert run(Watcher).told == stock.told


def test_lines_hold_the_same_values_after_the_run(stock: Any) -> None:
    quick = run(Watcher)
    for name in ("mean", "cross", "distance", "datetime"):
        ours, theirs = (np.array(getattr(each, name).array) for each in (quick, stock))
        np.testing.assert_array_equal(ours, theirs)


def test_an_analyzer_hears_of_every_candle() -> None:
    found = run(Watcher, prepare=lambda cerebro: cerebro.addanalyzer(Counter, _name="counter"))
    assert not found._quick
    assert found.analyzers.counter.count == COUNT


def test_an_observer_has_a_value_for_every_candle(stock: Any) -> None:
    found = run(Watcher, prepare=lambda cerebro: cerebro.addobserver(bt.observers.Value))
    assert not found._quick
    assert len(found.observers[0]) == COUNT
    assert found.seen == stock.seen


def test_a_strategy_that_wants_the_account_on_every_candle_gets_it() -> None:
    found = run(CashWatcher)
    assert not found._quick
    assert found.values == COUNT


@pytest.mark.parametrize("options", [{"runonce": False}, {"preload": False}, {"exactbars": -1}])
def test_other_ways_to_run_are_backtraders_own(options: dict[str, Any], stock: Any) -> None:
    found = run(Watcher, **options)
    # A run that steps from candle to candle never asks for the quick path.
    assert found.seen == stock.seen
    assert found.told == stock.told


def test_a_second_feed_is_left_to_backtrader() -> None:
    def second(cerebro: Any) -> None:
        cerebro.adddata(ColumnarFeed(candles=CANDLES))

    found = run(Watcher, prepare=second)
    assert not found._quick
    assert len(found) == COUNT
