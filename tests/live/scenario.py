"""A market played through the store: what every test of the transport needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from stoptrail.live.market.events import (
    CandleClosed,
    ConnectionBack,
    ConnectionLost,
    Event,
    Notice,
    Tick,
)
from stoptrail.live.market.outbox import Outbox
from stoptrail.live.market.store import CCXTStore
from stoptrail.live.market.stream import Transport
from stoptrail.live.market.timing import Timing
from stoptrail.rules.candles import Candles
from tests.exchange.player import Pace
from tests.exchange.script import Fault
from tests.exchange.simulator import Simulator

SYMBOL = "BTC/USDT"
INTERVAL = 900_000
START = 1_609_459_200_000
QUICK = Timing(
    timeout=0.5,
    silence=0.3,
    stale=5.0,
    poll=0.01,
    backoff=0.01,
    backoff_cap=0.05,
    ban=0.2,
    confirm=0.005,
    marks=0.3,
    grace=0.3,
    listing=0.3,
    hold=1.0,
)
"""Waits short enough for tests."""
PATIENT = QUICK._replace(timeout=30.0, silence=30.0, stale=60.0, grace=30.0, hold=60.0)
"""Quick to repeat, slow to give up: for what a busy machine must not disturb."""
HISTORY = 20
"""Candles that are closed before market time goes on."""


def market(count: int = 60, seed: int = 1, without: tuple[int, ...] = ()) -> Candles:
    """A random walk of `count` candles, those at the positions `without` missing."""
    random = np.random.default_rng(seed)
    close = np.round(30_000 + np.cumsum(random.normal(0, 20, count)), 2)
    open_ = np.concatenate([[30_000.0], close[:-1]])
    high = np.round(np.maximum(open_, close) + random.uniform(0, 9, count), 2)
    low = np.round(np.minimum(open_, close) - random.uniform(0, 9, count), 2)
    volume = np.round(1 + 9 * random.random(count), 4)
    kept = np.setdiff1d(np.arange(count), without)
    times = START + INTERVAL * np.arange(count, dtype=np.int64)
    columns = [column[kept] for column in (open_, high, low, close, volume)]
    return Candles(
        times[kept], columns[0], columns[1], columns[2], columns[3], columns[4], INTERVAL
    )


def closed(candles: Candles, start: int = HISTORY) -> list[tuple[float, ...]]:
    """The candles that an undisturbed run tells, as plain rows."""
    return list(zip(*(column[start:-1].tolist() for column in candles[:6]), strict=True))


class Listener:
    """Reads a stream's events and keeps them by kind."""

    def __init__(self, store: CCXTStore, outbox: Outbox) -> None:
        self._store = store
        self._outbox = outbox
        self.events: list[Event] = []

    def wait(self, enough: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait until `enough` without reading; AssertionError after `seconds`."""
        end = time.monotonic() + seconds
        while not enough():
            assert time.monotonic() < end
            time.sleep(0.01)

    def until(self, enough: Callable[[], bool], seconds: float = 60.0) -> None:
        """Read until `enough`; AssertionError after `seconds`."""
        end = time.monotonic() + seconds
        while not enough():
            assert time.monotonic() < end, f"got {len(self.candles)} candles, {self.notices}"
            event = self._outbox.get(0.05)
            if event is None:
                self._store.check()
            else:
                self.events.append(event)

    def drain(self) -> None:
        """Read what is there already."""
        while (event := self._outbox.get()) is not None:
            self.events.append(event)

    def candles_until(self, count: int) -> None:
        """Read until that many candles have closed."""
        self.until(lambda: len(self.candles) >= count)

    @property
    def candles(self) -> list[tuple[float, ...]]:
        return [tuple(event) for event in self.events if isinstance(event, CandleClosed)]

    @property
    def ticks(self) -> list[Tick]:
        return [event for event in self.events if isinstance(event, Tick)]

    @property
    def notices(self) -> list[str]:
        return [event.kind for event in self.events if isinstance(event, Notice)]

    @property
    def connections(self) -> list[type[Event]]:
        kinds = (ConnectionLost, ConnectionBack)
        return [type(event) for event in self.events if isinstance(event, kinds)]


@contextmanager
def exchange(candles: Candles, **options: Any) -> Iterator[Simulator]:
    """The simulator with `HISTORY` closed candles."""
    with Simulator(candles, start=HISTORY, **options) as simulator:
        yield simulator


@contextmanager
def store(
    simulator: Simulator,
    timing: Timing = QUICK,
    transport: Transport = "auto",
    retries: int = 3,
    config: dict[str, Any] | None = None,
) -> Iterator[CCXTStore]:
    """A store that takes the simulator for Binance."""
    options = {**simulator.ccxt_options(), **(config or {})}
    with CCXTStore(
        "binance", "USDT", options, retries, transport=transport, timing=timing
    ) as opened:
        yield opened


def play(
    candles: Candles,
    *faults: Fault,
    ticks: bool = False,
    timing: Timing = QUICK,
    transport: Transport = "auto",
    pace: Pace | None = None,
) -> Listener:
    """Everything that the store tells of the market with these faults."""
    wanted = ("kline", "trade") if ticks else ("kline",)
    expected = closed(candles)
    with (
        exchange(candles, pace=pace or Pace(wanted=wanted)) as simulator,
        store(simulator, timing, transport) as opened,
    ):
        simulator.script(*faults)
        last = int(candles.time[HISTORY - 1])
        listener = Listener(opened, opened.start_stream(SYMBOL, INTERVAL, last, ticks))
        awaited = "polling" if transport == "rest" else "live"
        listener.until(lambda: opened.connection.state == awaited)
        playing = simulator.play()
        listener.candles_until(len(expected))
        playing.result(timeout=60)
        listener.until(lambda: opened.connection.fresh)
        listener.drain()
        return listener
