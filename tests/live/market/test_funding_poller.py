"""A swap's published funding through the real ccxt client, from exchanges that answer each in
their own way."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from stoptrail.core.time import iso_time
from stoptrail.live.market.events import Notice, Published
from stoptrail.live.market.funding_poller import FundingPoller
from stoptrail.live.market.store import CCXTStore
from tests.live.funding_exchanges import (
    HOUR,
    NOW,
    Bybit,
    Exchange,
    Hyperliquid,
    Krakenfutures,
    Okx,
    served,
)
from tests.live.scenario import QUICK

EXCHANGES = (Bybit, Okx, Krakenfutures, Hyperliquid)


@pytest.mark.parametrize("kind", EXCHANGES)
def test_rows_since_a_time_are_read_on_the_minute(
    kind: type[Exchange], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [NOW - hours * HOUR for hours in (40, 17, 9, 1)]
    exchange = kind(times)
    monkeypatch.setattr(CCXTStore, "_local_time", lambda self: NOW)
    with served(exchange) as store:
        rows = store.fetch_funding(exchange.symbol, NOW - 20 * HOUR)
    assert [(row.time, row.rate) for row in rows] == [(t, 0.0001) for t in times[1:]]
    assert {row.hours for row in rows} == {1.0 if kind is Krakenfutures else 0.0}


class Told:
    """What a poller tells, at a time of the test's own."""

    def __init__(self, exchange: Exchange, store: CCXTStore, known: int) -> None:
        self.now = NOW
        self.rows: list[int] = []
        connected, reader = store._open(exchange.symbol)
        timing = QUICK._replace(poll=0.005, forecast=0.02)
        self.poller = FundingPoller(
            connected,
            reader,
            exchange.symbol,
            known,
            lambda: self.now,
            timing,
            self._hear,
            store.warning_log,
        )
        self._running = store._background_or_new().start(self.poller.run())

    def _hear(self, events: list[Any]) -> None:
        self.rows += [event.row.time for event in events if isinstance(event, Published)]

    def until(self, enough: Callable[[], bool]) -> None:
        end = time.monotonic() + 30
        while not enough():
            assert time.monotonic() < end
            assert not self._running.done(), self._running.exception()
            time.sleep(0.005)


@pytest.mark.parametrize("kind", EXCHANGES)
def test_a_row_is_asked_for_from_a_minute_after_its_time_until_it_is_there(
    kind: type[Exchange],
) -> None:
    """Forecasts alone come before; each row is told once."""
    exchange = kind([NOW - HOUR])
    with served(exchange) as store:
        told = Told(exchange, store, NOW - HOUR)
        told.until(lambda: told.poller.forecast is not None)
        assert told.rows == []
        due = exchange.forecast or NOW
        told.now = due + 59_000
        asked = exchange.asked
        time.sleep(0.1)
        assert exchange.asked == asked
        told.now = due + 60_000
        told.until(lambda: exchange.asked >= asked + 3)
        assert told.rows == []
        exchange.times = [*exchange.times, due]
        told.until(lambda: told.rows == [due])
        time.sleep(0.1)
        assert told.rows == [due]


def test_a_row_behind_a_later_one_is_told_too() -> None:
    exchange = Hyperliquid([NOW - HOUR])
    with served(exchange) as store:
        told = Told(exchange, store, NOW - HOUR)
        exchange.times = [NOW - HOUR, NOW + HOUR]
        told.now = NOW + HOUR + 60_000
        told.until(lambda: told.rows == [NOW + HOUR])
        exchange.times = [NOW - HOUR, NOW, NOW + HOUR, NOW + 2 * HOUR]
        told.now = NOW + 2 * HOUR + 60_000
        told.until(lambda: told.rows == [NOW + HOUR, NOW, NOW + 2 * HOUR])


def test_a_promised_row_is_waited_for_when_the_forecast_has_gone_on() -> None:
    """Bybit tells the next time at once; the row of the one before is still to come."""
    exchange = Bybit([NOW - 6 * HOUR])
    with served(exchange) as store:
        told = Told(exchange, store, NOW - 6 * HOUR)
        told.until(lambda: told.poller.forecast is not None)
        due = NOW + 2 * HOUR
        exchange.forecast = due + 8 * HOUR
        told.now = due + 30 * 60_000  # long after the minutes in which any hour is looked at
        told.until(
            lambda: (
                told.poller.forecast is not None and told.poller.forecast.time == exchange.forecast
            )
        )
        exchange.times = [*exchange.times, due]
        told.until(lambda: told.rows == [due])


def test_an_exchange_that_fails_is_asked_again() -> None:
    exchange = Okx([NOW - HOUR])
    with served(exchange) as store:
        told = Told(exchange, store, NOW - HOUR)
        told.until(lambda: told.poller.forecast is not None)
        working = exchange.answer
        exchange.answer = lambda path, query: {"code": "50013", "msg": "busy", "data": []}  # type: ignore[method-assign]
        told.now = NOW + 2 * HOUR + 60_000
        time.sleep(0.1)
        exchange.times = [*exchange.times, NOW + 2 * HOUR]
        exchange.answer = working  # type: ignore[method-assign]
        told.until(lambda: told.rows == [NOW + 2 * HOUR])


@pytest.mark.parametrize("kind", EXCHANGES)
def test_a_row_that_is_corrected_is_said_and_not_told_again(kind: type[Exchange]) -> None:
    """What it booked stays, and a person who compares with the exchange knows why."""
    exchange = kind([NOW - HOUR, NOW])
    with served(exchange) as store:
        told = Told(exchange, store, NOW - HOUR)
        told.now = NOW + 60_000
        told.until(lambda: told.rows == [NOW])
        exchange.rate = 0.0002
        due = max(NOW + HOUR, exchange.forecast or 0)
        exchange.times = [NOW - HOUR, NOW, due]
        told.now = due + 60_000
        told.until(lambda: told.rows == [NOW, due])
        time.sleep(0.1)
        said = [event.text for event in drained(store) if isinstance(event, Notice)]
    text = f"the funding of {iso_time(NOW)} was corrected from +0.0100% to +0.0200% by the exchange"
    assert [words for words in said if "corrected" in words] == [f"{text}: what was booked stays"]


def drained(store: CCXTStore) -> list[Any]:
    found = []
    while (event := store.outbox.get()) is not None:
        found.append(event)
    return found
