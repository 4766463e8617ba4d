"""In what order a book takes in what comes of its markets, and how it begins where it cannot."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stoptrail.exchange.errors import BannedError, UnreachableError
from stoptrail.exchange.rows import Row
from stoptrail.live.book_markets import BookMarkets
from stoptrail.live.book_origin import kept_candles
from stoptrail.live.book_steps import LiveSteps
from stoptrail.live.ledger.database import existing_ledger
from stoptrail.live.ledger.records import all_sessions, sleeves_of
from stoptrail.live.market.events import (
    CandleClosed,
    Connection,
    ConnectionBack,
    ConnectionLost,
    Event,
    Published,
    Tick,
)
from stoptrail.rules.funding import FundingRow
from tests.live.book_market import PlaybackBook, book_settings, play_book, three_markets
from tests.live.small_market import WARM_UP

MINUTE = 60_000


class Box:
    """Events that come one by one; over when they are."""

    def __init__(self, events: Sequence[tuple[str, Event] | None]) -> None:
        self.events = deque(events)

    def get(self, timeout: float) -> tuple[str, Event] | None:
        del timeout
        return self.events.popleft() if self.events else None

    def ended(self, market: str) -> bool:
        del market
        return not self.events

    def behind(self, market: str) -> bool:
        del market
        return False


def candle(at: int) -> CandleClosed:
    return CandleClosed(at * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)


def tick(at: int, price: float = 1.0) -> Tick:
    return Tick(at * MINUTE + 1, price, 1.0, 1.0)


def played(events: Sequence[tuple[str, Event] | None]) -> list[Any]:
    """What was taken in, in order: markets of a step with the candle's number, or an event with
    its market and its minute."""
    found: list[Any] = []

    def told(market: str, event: Any) -> None:
        is_tick = isinstance(event, Tick)
        found.append(
            (market, event.time // MINUTE, event.ahead) if is_tick else (market, "funding")
        )

    steps = LiveSteps(
        ["A", "B"],
        Box(events),
        60.0,
        lambda market, event: found.append((market, type(event).__name__)),
        told,
        {},
        {"A": 0, "B": 0},
        0,
    )
    for coming in steps:
        if isinstance(coming, dict):
            found.append((*coming, next(iter(coming.values()))[0] // MINUTE))
        elif coming is not None:
            coming()
    return found


def test_ticks_behind_a_candle_are_told_after_its_step() -> None:
    events = [("A", tick(1)), ("A", candle(1)), ("A", tick(2)), ("B", tick(1)), ("B", candle(1))]
    assert played(events) == [
        ("A", 1, False),
        ("B", 1, False),
        ("A", "B", 1),
        ("A", 2, False),
    ]


def test_funding_keeps_its_place_and_a_connection_is_heard_at_once() -> None:
    row = Published(FundingRow(2 * MINUTE, 0.001, 1.0, 0.0))
    events = [("A", candle(1)), ("A", row), ("A", ConnectionBack()), ("B", candle(1))]
    assert played(events) == [("A", "ConnectionBack"), ("A", "B", 1), ("A", "funding")]


def test_no_stop_waits_long_for_another_market(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its ticks are told before the step then, good for a stop's test alone."""
    monkeypatch.setattr("stoptrail.live.book_steps._HOLD", -1.0)
    events = [("A", candle(1)), ("A", tick(2)), None, ("B", candle(1)), ("A", tick(3))]
    assert played(events) == [("A", 2, True), ("A", "B", 1), ("A", 3, False)]


def test_a_candle_that_comes_twice_is_taken_once() -> None:
    events = [("A", candle(1)), ("A", candle(1)), ("B", candle(1)), ("A", candle(2))]
    assert played(events) == [("A", "B", 1), ("A", 2)]


@pytest.mark.parametrize("error", [UnreachableError("no answer"), BannedError("not now", 0.01)])
def test_a_book_waits_for_an_exchange_that_does_not_give_what_it_missed(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for one that cannot be reached at all: its supervisor would only start it again."""
    monkeypatch.setattr("stoptrail.live.recovery._FIRST_PAUSE", 0.01)
    url, markets = f"sqlite:///{tmp_path}/ledger.db", three_markets(WARM_UP + 30)
    first = {name: rows[:-20] for name, rows in markets.items()}
    play_book(book_settings(), PlaybackBook(first, markets["BTC/USDT"][WARM_UP][0]), url)
    store = PlaybackBook(markets, markets["BTC/USDT"][-10][0])
    failures, own = [error] * 3, store.of("ETH/USDT")
    fetch = own.fetch_candles

    def fetched(*arguments: Any) -> list[Row]:
        if failures:
            raise failures.pop()
        found: list[Row] = fetch(*arguments)
        return found

    monkeypatch.setattr(own, "fetch_candles", fetched)
    play_book(book_settings(), store, url)
    assert not failures
    with existing_ledger(url) as database:
        kept = kept_candles(database, sleeves_of(database, all_sessions(database)[0].id))
    assert {name: [row[0] for row in rows] for name, rows in kept.items()} == {
        name: [row[0] for row in rows] for name, rows in markets.items()
    }


def test_a_book_says_of_which_market_the_data_is_stale_and_why() -> None:
    markets = BookMarkets(["A", "B", "C"], lambda *_: None, lambda _: None, lambda _: None)
    for symbol, reason in (("A", "no route"), ("C", "halted")):
        markets.heard(symbol, ConnectionLost(reason))
    store: Any = SimpleNamespace(connection=Connection.now("live"))
    markets.each["B"].store = store
    assert markets.connection == "stale: A no route; C halted"
