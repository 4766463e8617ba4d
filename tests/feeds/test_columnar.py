from __future__ import annotations

from typing import Any

import backtrader as bt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.core.errors import UsageError
from stoptrail.core.time import milliseconds
from stoptrail.feeds.columnar import ColumnarFeed, date_numbers
from stoptrail.rules.candles import Candles
from tests.feeds.candle_files import QUARTER, START, candles

NAMES = ("open", "high", "low", "close", "volume")
MODES = [
    {},
    {"runonce": False},
    {"preload": False},
    {"preload": False, "runonce": False},
    {"lookahead": 3},
]


class Recorder(bt.Strategy):  # type: ignore[misc]
    """Writes down what every candle looks like from a strategy."""

    def __init__(self) -> None:
        self.average = bt.indicators.SMA(self.data.close, period=4)
        self.seen: list[tuple[float, ...]] = []

    def prenext(self) -> None:
        self.record(np.nan)

    def next(self) -> None:
        self.record(self.average[0])

    def record(self, average: float) -> None:
        data = self.data
        values = [getattr(data, name)[0] for name in NAMES]
        before = data.close[-1] if len(data) > 1 else np.nan
        position = data.index
        self.seen.append((data.datetime[0], *values, average, before, len(data), position))


def run(given: Candles, **mode: Any) -> Recorder:
    cerebro = bt.Cerebro(stdstats=False, **mode)
    cerebro.adddata(ColumnarFeed(candles=given))
    cerebro.addstrategy(Recorder)
    strategy: Recorder = cerebro.run()[0]
    return strategy


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_a_strategy_sees_every_candle_exactly_in_every_mode(mode: dict[str, Any]) -> None:
    data = candles(60, missing=(20, 21))
    seen = np.array(run(data, **mode).seen)
    assert [milliseconds(number) for number in seen[:, 0]] == data.time.tolist()
    for i, name in enumerate(NAMES):
        assert np.array_equal(seen[:, 1 + i], getattr(data, name))
    averages = np.convolve(data.close, np.ones(4) / 4, "valid")
    np.testing.assert_allclose(seen[3:, 6], averages, rtol=1e-12)
    assert np.array_equal(seen[1:, 7], data.close[:-1])
    assert seen[:, 8].tolist() == list(range(1, len(data.time) + 1))
    assert seen[:, 9].tolist() == list(range(len(data.time)))


def test_the_feed_knows_its_candles_and_timeframe() -> None:
    data = candles(5, interval=4 * QUARTER)
    feed = ColumnarFeed(candles=data)
    assert feed.candles is data
    assert feed.interval == 4 * QUARTER
    assert (len(feed), feed.index) == (0, -1)
    assert (feed._timeframe, feed._compression) == (bt.TimeFrame.Minutes, 60)


def test_a_feed_can_run_twice() -> None:
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(ColumnarFeed(candles=candles(20)))
    cerebro.addstrategy(Recorder)
    assert len(cerebro.run()[0].seen) == len(cerebro.run()[0].seen) == 20


def test_two_feeds_of_different_candles_stay_in_step() -> None:
    cerebro = bt.Cerebro(stdstats=False)
    short, long = candles(40, missing=(4, 5, 6)), candles(40)
    cerebro.adddata(ColumnarFeed(candles=short))
    cerebro.adddata(ColumnarFeed(candles=long))

    class Both(bt.Strategy):  # type: ignore[misc]
        def __init__(self) -> None:
            self.pairs: list[tuple[int, int]] = []

        def next(self) -> None:
            times = [milliseconds(data.datetime[0]) for data in self.datas]
            self.pairs.append((times[0], times[1]))

    cerebro.addstrategy(Both)
    pairs = cerebro.run()[0].pairs
    assert [second for _, second in pairs] == long.time.tolist()
    assert all(first == short.time[short.time <= second][-1] for first, second in pairs)


def test_orders_are_filled_by_the_stock_broker_at_the_next_open() -> None:
    data = candles(20)

    class BuyOnce(bt.Strategy):  # type: ignore[misc]
        price = 0.0

        def next(self) -> None:
            if len(self) == 5:
                self.buy(size=1)

        def notify_order(self, order: Any) -> None:
            if order.status == order.Completed:
                self.price = order.executed.price

    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(ColumnarFeed(candles=data))
    cerebro.addstrategy(BuyOnce)
    assert cerebro.run()[0].price == data.open[5]


def test_stock_observers_and_analyzers_work() -> None:
    cerebro = bt.Cerebro(stdstats=True)
    cerebro.adddata(ColumnarFeed(candles=candles(300)))
    cerebro.addstrategy(Recorder)
    cerebro.addanalyzer(bt.analyzers.TimeReturn, timeframe=bt.TimeFrame.Days)
    strategy = cerebro.run()[0]
    assert len(strategy.seen) == 300
    assert len(strategy.analyzers[0].get_analysis()) == 4


def test_it_refuses_what_it_would_ignore() -> None:
    from datetime import datetime

    cerebro = bt.Cerebro()
    cerebro.adddata(ColumnarFeed(candles=candles(5), fromdate=datetime(2021, 1, 1)))
    cerebro.addstrategy(bt.Strategy)
    with pytest.raises(UsageError, match="cut the candles"):
        cerebro.run()


def test_it_takes_candles_only() -> None:
    with pytest.raises(UsageError, match=r"takes stoptrail\.Candles, .*, not list"):
        ColumnarFeed(candles=[1, 2, 3])


@given(st.integers(946_684_800_000, 4_102_444_800_000))
def test_date_numbers_are_backtraders_and_come_back_to_the_millisecond(time: int) -> None:
    number = float(date_numbers(np.array([time]))[0])
    assert milliseconds(number) == time
    assert number == pytest.approx(bt.date2num(bt.num2date(number)), abs=1e-10)


def test_the_first_candle_has_backtraders_own_date() -> None:
    assert (
        bt.num2date(float(date_numbers(np.array([START]))[0])).isoformat() == "2021-06-22T00:00:00"
    )
