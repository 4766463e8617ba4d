"""What a run tells about itself while it goes on."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

from stoptrail.rules.candles import Floats, Times
from stoptrail.rules.stops import Stop
from stoptrail.rules.trade import EntryOrder, Exit, Fill, Position


class RatchetMoves(NamedTuple):
    """Moves of one trade's stop at closes, shape (moves,) each."""

    time: Times
    """Of the closes, ms."""
    level: Floats
    reason: Times


class Journal(Protocol):
    """Receives every event of a run in order; times are in milliseconds. One that has
    `moved_on(moves, after)` too hears of RatchetMoves in one go, `after` being the last of them."""

    def entered(self, entry_order: EntryOrder, position: Position, stop: Stop, time: int) -> None:
        """An entry filled; `stop` is its initial stop."""

    def moved(self, before: Stop, after: Stop, time: int, tick: float = math.nan) -> None:
        """The level moved; it is in force for candles that open at or after `time`, or, where
        a tick moved it, at the price `tick`, for all prices after; NaN where a close did."""

    def reduced(self, position: Position, part: Fill, reason: int, time: int) -> None:
        """A part of a trade closed, and left `position`; `reason` as in `left`."""

    def leaving(self, position: Position, reason: int, price: float | None = None) -> None:
        """An order to leave was sent, at `price` where a person names one; `reason` as in
        `left`."""

    def left(self, position: Position, end: Exit, reason: int, time: int) -> None:
        """A trade closed; `reason` is a code of rules.stops.REASONS."""

    def ignored(self, side: int, reason: int, time: int) -> None:
        """A signal of the candle that opened at `time` led to no trade; `reason` is a
        code of rules.trade.IGNORED."""


class Unheard:
    """The journal of a run that nobody reads."""

    def entered(self, entry_order: EntryOrder, position: Position, stop: Stop, time: int) -> None:
        """Nothing."""

    def moved(self, before: Stop, after: Stop, time: int, tick: float = math.nan) -> None:
        """Nothing."""

    def reduced(self, position: Position, part: Fill, reason: int, time: int) -> None:
        """Nothing."""

    def leaving(self, position: Position, reason: int, price: float | None = None) -> None:
        """Nothing."""

    def left(self, position: Position, end: Exit, reason: int, time: int) -> None:
        """Nothing."""

    def ignored(self, side: int, reason: int, time: int) -> None:
        """Nothing."""
