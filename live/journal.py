"""A journal that keeps what happened until it is committed to the ledger."""

from __future__ import annotations

from typing import NamedTuple

from stoptrail.rules.stops import Stop
from stoptrail.rules.trade import EntryOrder, Exit, Fill, Position


class Ordered(NamedTuple):
    """An entry order was sent."""

    entry_order: EntryOrder


class Ignored(NamedTuple):
    """A signal led to no trade."""

    side: int
    reason: int
    """Code of live.gate.REASONS."""
    time: int
    """Open time of the signal's candle."""


class Entered(NamedTuple):
    """An entry filled."""

    trade: int
    entry_order: EntryOrder
    position: Position
    stop: Stop


class Moved(NamedTuple):
    """The stop level moved."""

    trade: int
    signal: int
    number: int
    """1 for the first move of the trade."""
    before: Stop
    after: Stop
    time: int


class Leaving(NamedTuple):
    """An order to leave was sent."""

    trade: int
    signal: int
    position: Position
    reason: int
    """Code of rules.stops.REASONS."""
    price: float | None = None
    """That a person names; None: at market."""


class Reduced(NamedTuple):
    """A part of a trade closed, and left `position`."""

    trade: int
    signal: int
    position: Position
    part: Fill
    reason: int
    """Code of rules.stops.REASONS."""
    time: int


class Left(NamedTuple):
    """A trade closed."""

    trade: int
    signal: int
    position: Position
    end: Exit
    reason: int
    """Code of rules.stops.REASONS."""
    time: int


Happening = Ordered | Ignored | Entered | Moved | Leaving | Reduced | Left


class LiveJournal:
    """Numbers trades and moves; see brokers.paper.PaperJournal.

    `trades` and `moves` are how many there have been: trades in all, moves of the last
    one, whose signal's candle opened at `signal`.
    """

    def __init__(self, trades: int = 0, moves: int = 0, signal: int = 0) -> None:
        self._trades = trades
        self._moves = moves
        self._signal = signal
        self._events: list[Happening] = []

    def take(self) -> tuple[Happening, ...]:
        """What has happened since the last call, in order."""
        events, self._events = tuple(self._events), []
        return events

    def ordered(self, entry_order: EntryOrder) -> None:
        """An entry order was sent."""
        self._events.append(Ordered(entry_order))

    def entered(self, entry_order: EntryOrder, position: Position, stop: Stop, time: int) -> None:
        """An entry filled."""
        self._trades += 1
        self._moves = 0
        self._signal = entry_order.signal
        self._events.append(Entered(self._trades, entry_order, position, stop))

    def moved(self, before: Stop, after: Stop, time: int, *, by_tick: bool = False) -> None:
        """The level moved."""
        self._moves += 1
        self._events.append(Moved(self._trades, self._signal, self._moves, before, after, time))

    def leaving(self, position: Position, reason: int, price: float | None = None) -> None:
        """An order to leave was sent, at `price` where a person names one."""
        self._events.append(Leaving(self._trades, self._signal, position, reason, price))

    def reduced(self, position: Position, part: Fill, reason: int, time: int) -> None:
        """A part of a trade closed."""
        self._events.append(Reduced(self._trades, self._signal, position, part, reason, time))

    def left(self, position: Position, end: Exit, reason: int, time: int) -> None:
        """A trade closed."""
        self._events.append(Left(self._trades, self._signal, position, end, reason, time))

    def ignored(self, side: int, reason: int, time: int) -> None:
        """A signal led to no trade."""
        self._events.append(Ignored(side, reason, time))
