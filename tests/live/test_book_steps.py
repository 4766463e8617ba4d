"""In what order a book takes in what comes of its markets."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import pytest

from stoptrail.live.book_steps import LiveSteps
from stoptrail.live.market.events import CandleClosed, ConnectionBack, Event, Published, Tick
from stoptrail.rules.funding import FundingRow

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
