"""A stream of live data while a clock is wrong, this machine's or the exchange's: nobody's clock
decides what happened."""

from __future__ import annotations

import time
from collections.abc import Callable

import ccxt.async_support
import pytest

from stoptrail.live.market.events import ConnectionLost
from tests.exchange import script
from tests.exchange.dialects import DIALECTS, Dialect, Row
from tests.exchange.player import Pace
from tests.live.market.test_holes import BEGIN, KNOWN, QUARTER, go_on, polling, rows_of
from tests.live.scenario import (
    HISTORY,
    INTERVAL,
    QUICK,
    SYMBOL,
    Listener,
    closed,
    exchange,
    market,
    play,
    store,
)

CANDLES = market(70)
TIMING = QUICK._replace(silence=0.5, stale=20.0, hold=20.0, timeout=10.0)
HOUR = 3600.0
LATE = ("bitget", "gate", "hyperliquid", "mexc")
BEHIND = 40 * 60_000
"""By so much, ms, this machine's clock is behind: more than two candles."""


@pytest.fixture
def market_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, list[Row]], Dialect]:
    """The exchange of that name with these candles; this machine's clock is behind it."""

    def made(name: str, rows: list[Row]) -> Dialect:
        dialect = DIALECTS[name](rows, BEGIN + KNOWN * QUARTER + 60_000)
        for clock, unit in (("milliseconds", 1.0), ("seconds", 1000.0), ("microseconds", 0.001)):
            now = staticmethod(lambda unit=unit: int((dialect.now - BEHIND) / unit))
            monkeypatch.setattr(ccxt.async_support.Exchange, clock, now)
        return dialect

    return made


@pytest.mark.parametrize("step", [-HOUR, -300.0, 300.0, HOUR])
def test_this_machine_s_clock_is_set_while_data_comes(
    step: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No socket is given up for it, whether it talks or is quiet, and no candle is missing."""
    real, shift = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + shift[0])
    pace = Pace(speed=INTERVAL / 1000 * 20, wanted=())
    with exchange(CANDLES, pace=pace) as simulator, store(simulator, TIMING) as opened:
        after = int(CANDLES.time[HISTORY - 1])
        listener = Listener(opened, opened.start_stream(SYMBOL, INTERVAL, after))
        listener.until(lambda: opened.connection.state == "live")
        listener.until(lambda: len(simulator.streams.heard()) == 3)
        sockets = simulator.streams.opened
        simulator.play(until=HISTORY + 20)
        listener.candles_until(10)
        shift[0] = step
        listener.candles_until(20)
        quiet = time.monotonic() + 4 * TIMING.silence
        listener.until(lambda: time.monotonic() > quiet)  # and nothing is said
        simulator.play()
        listener.candles_until(len(closed(CANDLES)))
        assert listener.candles == closed(CANDLES)
        assert opened.connection.state == "live"
        assert ConnectionLost not in listener.connections
        assert simulator.streams.opened == sockets


@pytest.mark.parametrize("offset", [-7_200_000, -61_000, 61_000, 7_200_000])
def test_the_exchange_s_clock_is_wrong(offset: int) -> None:
    """From before the start, and once more while data comes."""
    with exchange(CANDLES) as simulator, store(simulator, TIMING) as opened:
        simulator.set_clock_offset(offset)
        first = int(CANDLES.time[0])
        assert opened.fetch_candles(SYMBOL, INTERVAL, first) == [
            tuple(row) for row in closed(CANDLES, 0)[:HISTORY]
        ]
    listener = play(CANDLES, script.ClockOff(HISTORY + 5, offset), ticks=True, timing=TIMING)
    assert listener.candles == closed(CANDLES)
    assert ConnectionLost not in listener.connections


@pytest.mark.parametrize("name", LATE)
def test_a_machine_whose_clock_is_behind_the_exchange_s_has_each_candle_as_it_closes(
    name: str, market_of: Callable[[str, list[Row]], Dialect]
) -> None:
    """ccxt names the end of the window by this machine's clock on many exchanges."""
    dialect = market_of(name, rows_of(KNOWN + 12))
    with polling(dialect) as (store, listener):
        missed = go_on(dialect, listener, 10)
        listener.until(lambda: store.connection.state == "polling")
        assert [row[0] for row in listener.candles[1:]] == [row[0] for row in missed]
