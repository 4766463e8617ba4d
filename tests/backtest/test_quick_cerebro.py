"""What a strategy of the user's own sees in the one loop, and in Backtrader's."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import backtrader as bt
import pytest

from stoptrail.backtest.engine import strategy_options
from stoptrail.backtest.journal import RecordingJournal
from stoptrail.backtest.quick_cerebro import InStep, QuickCerebro, closing_by
from stoptrail.brokers.candle import CandleBroker
from stoptrail.core.program import PLAIN
from stoptrail.feeds.columnar import ColumnarFeed
from stoptrail.strategies.mtf_strategy import MtfStrategy
from tests.backtest.test_roads import road_case

CASE = road_case(1)


class Watcher(MtfStrategy):
    """Notes what `next` and the broker's word see: stock indicators, an operation on lines
    (which moves by itself), lengths, times, the account and the stop."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = bt.ind.SMA(self.data.close, period=5)
        self.apart = self.data.close - self.mean
        self.seen: list[tuple[Any, ...]] = []
        self.told: list[tuple[Any, ...]] = []

    def prenext(self) -> None:
        self.seen.append((len(self), self.data.close[0]))

    def next(self) -> None:
        super().next()
        lines = self.mean, self.apart, self.datetime, self.data.close, self.zone
        lengths = (len(self), len(self.data), len(self.mean), len(self.apart), len(self.atr))
        account = (self.broker.getvalue(), self.broker.getcash(), self.manager.stop)
        values = (*(line[0] for line in lines), self.data.close[-1], repr(self.atr[0]))
        self.seen.append(lengths + values + account)

    def trade_closed(self, end: Any) -> None:
        super().trade_closed(end)
        self.told.append((len(self), len(self.data), self.data.close[0], self.mean[0], end))

    def notify_order(self, order: Any) -> None:
        self.told.append((len(self), order.status, order.executed.price))

    def notify_trade(self, trade: Any) -> None:
        self.told.append((len(self), trade.isclosed, trade.pnlcomm))


class Stopper(Watcher):
    """Ends the run in its hundredth candle."""

    def next(self) -> None:
        super().next()
        if len(self) == 100:
            self.cerebro.runstop()


def run(strategy: type[Watcher] = Watcher, *added: Any, only_read: bool = False) -> Any:
    candles, start, plan = CASE
    journal = RecordingJournal()
    cerebro = QuickCerebro(stdstats=False)
    feed = ColumnarFeed(candles=candles)
    feed.only_read = only_read
    cerebro.adddata(feed)
    cerebro.setbroker(CandleBroker(run_rules=plan.run_rules, journal=journal))
    cerebro.addstrategy(strategy, **strategy_options(plan, int(candles.time[start])))
    for analyzer in added:
        cerebro.addanalyzer(analyzer)
    return cerebro.run()[0]


@pytest.mark.parametrize("strategy", [Watcher, Stopper])
def test_next_and_the_brokers_word_see_the_same(
    strategy: type[Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = run(strategy)
    assert type(quick.data.lines[0]) is InStep
    monkeypatch.setenv(PLAIN, "1")
    stock = run(strategy)
    assert type(stock.data.lines[0]) is not InStep
    assert len(quick.seen) == (100 if strategy is Stopper else len(CASE.candles.time))
    assert quick.seen == stock.seen
    assert quick.told == stock.told
    assert len(quick.told) > (2 if strategy is Stopper else 100)


class Orders(MtfStrategy):
    """Notes every order that it sends, as it is then."""

    sent: ClassVar[list[Any]] = []

    def buy(self, *given: Any, **options: Any) -> Any:
        return self._noted(super().buy(*given, **options))

    def sell(self, *given: Any, **options: Any) -> Any:
        return self._noted(super().sell(*given, **options))

    def _noted(self, order: Any) -> Any:
        self.sent.append((order.clone(), dict(order.info), dict(vars(order.p))))
        return order


def _as_sent(order: Any, info: dict[str, Any], params: dict[str, Any]) -> tuple[Any, ...]:
    """Everything of an order but what differs between any two runs, or has no meaning here."""
    own = "ref", "broker", "info", "comminfo", "p", "params", "created", "executed", "dteos"
    state = {name: value for name, value in vars(order).items() if name not in own}
    state.setdefault("size", order.size)
    told = {key: value for key, value in info.items() if not callable(value)}
    terms = {key: value for key, value in params.items() if key not in ("owner", "data")}
    datas = [vars(data) | {"exbits": None} for data in (order.created, order.executed)]
    return type(order), state, told, terms, datas, order.isbuy(), order.size, order.created.price


def test_orders_that_nobody_hears_of_are_backtraders_orders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Orders, "sent", quick := [])
    assert not run(Orders)._orders
    monkeypatch.setattr(Orders, "sent", stock := [])
    monkeypatch.setattr(Orders, "notify_order", lambda _self, _order: None)
    assert len(run(Orders)._orders) > len(stock)
    assert len(quick) > 20
    assert [_as_sent(*sent) for sent in quick] == [_as_sent(*sent) for sent in stock]
    assert len({sent[0].ref for sent in quick}) == len(quick)


def test_lines_that_are_only_read_are_the_columns_themselves() -> None:
    lent, copied = run(only_read=True), run()
    assert [type(line.array) for line in (lent.zone, lent.exit_zone, lent.atr)] == [memoryview] * 3
    assert lent.zone.array.itemsize == 1
    assert lent.seen == copied.seen
    assert lent.told == copied.told


def test_lines_can_be_moved_and_emptied_after_the_run() -> None:
    line = run().data.close
    count = len(CASE.candles.time)
    assert (len(line), line[0], line[-1]) == (count, *CASE.candles.close[:-3:-1])
    line.home()
    line.advance()
    assert (len(line), line[0]) == (1, CASE.candles.close[0])
    line.reset()
    assert len(line) == 0


def test_an_analyzer_is_left_to_backtrader() -> None:
    found = run(Watcher, bt.analyzers.TradeAnalyzer)
    assert type(found.data.lines[0]) is not InStep
    assert found.analyzers[0].get_analysis().total.total > 10


def test_a_time_is_due_at_the_first_close_that_is_not_before_it() -> None:
    candles = CASE.candles
    closes = (candles.time + candles.interval).tolist()
    assert closing_by(-math.inf, candles) == closing_by(closes[0], candles) == 0
    for due in (closes[0] + 0.5, closes[1] - 0.5, float(closes[1])):
        assert closing_by(due, candles) == 1
    assert closing_by(closes[-1], candles) == len(closes) - 1
    for due in (closes[-1] + 0.5, 1e30, math.inf):
        assert closing_by(due, candles) == len(closes)
