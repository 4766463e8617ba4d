"""ccxt.pro over stand-in sockets that speak as Bybit, OKX, Kraken and Coinbase do."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from stoptrail.live.market.store import CCXTStore
from stoptrail.live.market.timing import Timing
from stoptrail.rules.candles import Candles
from tests.exchange import script
from tests.exchange.player import Pace
from tests.exchange.script import Fault
from tests.exchange.wire_simulator import WireSimulator
from tests.exchange.wires import WIRES
from tests.live.scenario import HISTORY, INTERVAL, QUICK, Listener, closed, market

ALL = tuple(WIRES)
CANDLES = market(60)
LAST = int(CANDLES.time[HISTORY - 1])
ORDERLY = Pace(wanted=("kline", "trade", "bookTicker"))
UNHURRIED = QUICK._replace(timeout=20.0, silence=20.0, stale=60.0, grace=20.0, hold=60.0)
"""For tests in which nobody may be taken for dead."""


@contextmanager
def listening(
    name: str,
    timing: Timing = QUICK,
    pace: Pace = ORDERLY,
    candles: Candles = CANDLES,
    **faults: Counter[str],
) -> Iterator[tuple[WireSimulator, CCXTStore, Listener]]:
    """The exchange `name` and a store that has begun to hear of it."""
    with WireSimulator(name, candles, HISTORY, pace) as simulator:
        for fault, kinds in faults.items():
            getattr(simulator.wires, fault).update(kinds)
        quote, options = simulator.symbol.split("/")[1], simulator.ccxt_options()
        with CCXTStore(name, quote, options, 3, timing=timing) as store:
            outbox = store.start_stream(simulator.symbol, INTERVAL, LAST)
            yield simulator, store, Listener(store, outbox)


def played(
    simulator: WireSimulator,
    store: CCXTStore,
    listener: Listener,
    *faults: Fault,
    candles: Candles = CANDLES,
) -> None:
    """Let the market go on to its end."""
    simulator.script(*faults)
    playing = simulator.play()
    listener.candles_until(len(closed(candles)))
    playing.result(timeout=30)
    listener.until(lambda: store.connection.fresh)
    listener.drain()
    assert listener.candles == closed(candles)


def streams(name: str) -> set[str]:
    wire = WIRES[name]
    found = {"trades"} | ({"candles"} if wire.has_candles else set())
    return found | ({"quotes"} if wire.has_quotes else set())


@pytest.mark.parametrize("name", ALL)
def test_candles_and_ticks_are_those_of_the_market(name: str) -> None:
    with listening(name, UNHURRIED) as (simulator, store, listener):
        listener.until(lambda: store.connection.state == "live")
        played(simulator, store, listener)
        told = [(tick.time, tick.price) for tick in listener.ticks]
        tape = [
            (trade.time, trade.price)
            for at in range(HISTORY, len(CANDLES.time) - 1)
            for trade in simulator.market.trades(at)
        ]
        assert told[: len(tape)] == tape
        assert Counter(simulator.wires.asked) == Counter(streams(name))
        # What was told is not kept: the last of it may still be on its way through.
        listener.until(lambda: not store._exchange.trades[simulator.symbol])
        expected = [] if WIRES[name].has_quotes else ["no quotes"]
        assert listener.notices == expected


@pytest.mark.parametrize("name", [name for name in ALL if WIRES[name].has_quotes])
def test_a_quote_that_counts_lies_around_its_trade(name: str) -> None:
    with listening(name, UNHURRIED) as (simulator, store, listener):
        listener.until(lambda: store.connection.state == "live")
        played(simulator, store, listener)
        quoted = [tick for tick in listener.ticks if tick.quote_rule]
        assert len(quoted) > 5
        assert all(tick.bid <= tick.price * 1.001 for tick in quoted)
        assert all(tick.ask >= tick.price * 0.999 for tick in quoted)
        assert all(tick.bid < tick.ask for tick in quoted)  # no price that left the book


FAULTS: dict[str, tuple[Fault, ...]] = {
    "gaps": (script.Gap(25, candles=3), script.Gap(40, candles=2, everything=True)),
    "old states": (script.Duplicate(24), script.OutOfOrder(30), script.Unfinished(36)),
    "another close": (script.Revised(27, close=29_999.0),),
    "breaks": (script.Disconnect(26, away=2, halfway=True), script.Disconnect(44, away=1)),
    "silence": (script.SilentSocket(30, away=2),),
    "nonsense": (script.Malformed(33),),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ALL)
def test_faults_change_no_candle_and_no_trade_is_told_twice(name: str, fault: str) -> None:
    with listening(name) as (simulator, store, listener):
        listener.until(lambda: store.connection.fresh)
        played(simulator, store, listener, *FAULTS[fault])
        times = [tick.time for tick in listener.ticks]
        assert len(times) == len(set(times))
        assert times == sorted(times)


FAILING = [(name, "trades", how) for name in ALL for how in ("refusing", "ignoring")]
FAILING += [("kraken", "candles", "refusing"), ("bybit", "candles", "refusing")]
FAILING += [("okx", "candles", "ignoring"), ("bybit", "quotes", "ignoring")]


@pytest.mark.parametrize(("name", "kind", "how"), FAILING)
def test_a_subscription_that_fails_is_asked_for_again_alone(name: str, kind: str, how: str) -> None:
    """In words, or by no answer at all: on some exchanges ccxt then waits for ever."""
    timing = UNHURRIED._replace(silence=0.2)
    faults: Any = {how: Counter({kind: 1})}
    pace = Pace(speed=INTERVAL / 1000 * 40)
    with listening(name, timing, pace=pace, **faults) as (simulator, _, listener):
        wires = simulator.wires
        playing = simulator.play()
        listener.until(lambda: wires.asked.count(kind) >= 2)
        opened = wires.opened
        listener.candles_until(len(closed(CANDLES)))
        playing.result(timeout=30)
        assert listener.candles == closed(CANDLES)
        # okx's client hands a refusal to everybody on the socket: who was not heard yet may
        # ask again too
        most = 2 if (name, how) == ("okx", "refusing") else 1
        assert all(wires.asked.count(other) <= most for other in streams(name) - {kind})
        assert wires.opened == opened


def test_a_market_that_is_quiet_from_its_first_moment_is_asked_for_once() -> None:
    """Neither trades nor quotes come, which refused subscriptions look like too: the record
    tells them apart."""
    timing = UNHURRIED._replace(silence=0.1)
    with WireSimulator("bybit", CANDLES, HISTORY, ORDERLY) as simulator:
        options, wires = simulator.ccxt_options(), simulator.wires
        wires.recent.clear()
        with CCXTStore("bybit", "USDT", options, 3, timing=timing) as store:
            listener = Listener(store, store.start_stream(simulator.symbol, INTERVAL, LAST))
            listener.until(lambda: store.connection.state == "live")
            until = time.monotonic() + 10 * timing.silence
            listener.until(lambda: time.monotonic() > until)
            assert Counter(wires.asked) == Counter(streams("bybit"))
            assert "no answer" not in listener.notices
            assert wires.opened == 1
            played(simulator, store, listener)


def test_a_dead_socket_is_opened_anew_though_another_goes_on() -> None:
    """okx tells candles on a socket of their own."""
    timing = UNHURRIED._replace(silence=0.2)
    with listening("okx", timing, Pace(speed=INTERVAL / 1000 * 2)) as (simulator, store, listener):
        listener.until(lambda: store.connection.state == "live")
        wires = simulator.wires
        before = Counter(wires.asked)
        simulator.script(script.SilentSocket(HISTORY + 1, away=0, only="kline"))
        playing = simulator.play()
        listener.until(lambda: wires.asked.count("candles") > before["candles"])
        assert not playing.done()
        assert wires.asked.count("trades") == before["trades"]
        playing.cancel()


def test_a_second_timeframe_on_the_same_socket_is_not_taken_for_ours() -> None:
    """kraken's client resolves whoever waits for candles with those of any timeframe."""
    with listening("kraken", UNHURRIED) as (simulator, store, listener):
        hours = {"channel": "ohlc", "type": "update", "data": [_HOUR]}
        listener.until(lambda: store.connection.state == "live")
        simulator._call(simulator.wires.send_everywhere(json.dumps(hours)))
        played(simulator, store, listener)
        assert listener.notices == []


_HOUR = {
    "symbol": "BTC/USD",
    "open": 1.0,
    "high": 2.0,
    "low": 1.0,
    "close": 2.0,
    "trades": 1,
    "volume": 5.0,
    "vwap": 1.0,
    "interval_begin": "2031-01-01T00:00:00.000000Z",
    "interval": 60,
    "timestamp": "2031-01-01T01:00:00.000000Z",
}
