from __future__ import annotations

from typing import Any

import backtrader as bt
import pytest

from stoptrail.core.time import milliseconds
from stoptrail.live.market.events import CandleClosed, Event, Tick
from stoptrail.live.market.feed import CCXTFeed
from tests.exchange.player import Pace
from tests.exchange.script import Disconnect, Gap
from tests.live.scenario import HISTORY, INTERVAL, QUICK, SYMBOL, closed, exchange, market, store


class Recorder(bt.Strategy):  # type: ignore[misc]
    """Writes down what it sees, and stops after `most` candles."""

    params = (("most", 0), ("log", None))

    def next(self) -> None:
        data = self.data
        row = (milliseconds(data.datetime[0]), data.open[0], data.high[0], data.low[0])
        self.p.log.append(("candle", (*row, data.close[0], data.volume[0])))
        if len(self) >= self.p.most:
            self.cerebro.runstop()

    def notify_data(self, data: Any, status: int, *args: Any, **kwargs: Any) -> None:
        self.p.log.append(("status", data._getstatusname(status)))


def run(store: Any, most: int, **parameters: Any) -> list[tuple[str, Any]]:
    log: list[tuple[str, Any]] = []
    feed = store.getdata(dataname=SYMBOL, compression=15, **parameters)
    feed.on_tick = lambda tick: log.append(("tick", tick))
    cerebro = bt.Cerebro()
    cerebro.adddata(feed)
    cerebro.addstrategy(Recorder, most=most, log=log)
    cerebro.run()
    return log


def seen(log: list[tuple[str, Any]], kind: str) -> list[Any]:
    return [what for name, what in log if name == kind]


@pytest.mark.parametrize("faults", [(), (Gap(30, candles=3), Disconnect(40, away=3))])
def test_warm_up_candles_come_first_then_closed_live_ones(faults: tuple[Any, ...]) -> None:
    candles = market()
    with exchange(candles) as simulator, store(simulator) as opened:
        simulator.script(*faults)
        simulator.play()
        log = run(opened, len(candles.time) - 1, since=int(candles.time[0]), ticks=False)
    assert seen(log, "candle") == closed(candles, 0)


def test_statuses_tell_connected_delayed_live_and_disconnected() -> None:
    candles = market()
    timing = QUICK._replace(poll=5.0)
    with exchange(candles, pace=Pace(lockstep=True)) as simulator, store(simulator, timing) as op:
        simulator.script(Disconnect(40, away=2))
        simulator.play()
        statuses = seen(run(op, len(candles.time) - 1, since=0, ticks=False), "status")
    assert statuses[:2] == ["CONNECTED", "DELAYED"] or statuses[0] == "DELAYED"
    assert "LIVE" in statuses
    assert statuses.index("DISCONNECTED") > statuses.index("LIVE")


def test_ticks_come_between_the_candles_they_belong_to() -> None:
    candles = market()
    pace = Pace(wanted=("kline", "trade"))
    with exchange(candles, pace=pace) as simulator, store(simulator) as opened:
        simulator.play()
        log = run(opened, len(candles.time) - 1, since=int(candles.time[0]))
    last = 0
    for kind, what in log:
        if kind == "candle":
            last = what[0]
        elif kind == "tick":
            assert last + INTERVAL <= what.time < last + 2 * INTERVAL
    assert len(seen(log, "tick")) > HISTORY


def test_known_candles_are_not_fetched_again() -> None:
    candles = market()
    known = [(int(row[0]), *row[1:]) for row in closed(candles, 0)[:10]]
    with exchange(candles) as simulator, store(simulator) as opened:
        feed = opened.getdata(dataname=SYMBOL, compression=15, candles=known)
        feed.start()
        assert [tuple(row) for row in feed.warm_up] == closed(candles, 0)[:HISTORY]
        assert feed.live_from == candles.time[HISTORY]
        feed.stop()


def test_a_historical_feed_ends_after_its_candles() -> None:
    candles = market()
    with exchange(candles) as simulator, store(simulator) as opened:
        log = run(opened, 1000, since=int(candles.time[5]), historical=True)
    assert seen(log, "candle") == closed(candles, 5)[: HISTORY - 5]


def test_every_other_event_is_passed_on() -> None:
    heard: list[Event] = []
    feed = CCXTFeed(dataname=SYMBOL, on_event=heard.append)
    events: list[Event] = [Tick(1, 2.0, 1.9, 2.1)]
    for event in events:
        feed._pass_on(event)
    assert heard == []
    assert feed.interval == INTERVAL
    assert feed.islive()


def test_a_timeframe_that_is_not_minutes_is_refused() -> None:
    with pytest.raises(ValueError, match="minutes"):
        CCXTFeed(dataname=SYMBOL, timeframe=bt.TimeFrame.Days)


def test_a_candle_carries_its_open_time() -> None:
    candle = CandleClosed(1_609_459_200_000, 1.0, 2.0, 0.5, 1.5, 3.0)
    feed = CCXTFeed(dataname=SYMBOL)
    feed.forward()
    feed._fill(candle)
    assert milliseconds(feed.lines.datetime[0]) == candle.time
