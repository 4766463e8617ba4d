"""A journal that keeps what happened until it is committed to the ledger."""

from __future__ import annotations

import math
from typing import NamedTuple

from stoptrail.brokers.settlement import Amendment, Settled, Settlement
from stoptrail.rules.funding import FundingRow
from stoptrail.rules.stops import Stop, initial_stop
from stoptrail.rules.trade import EntryOrder, Exit, Fill, Position, TradeRules, entry_units


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
    tick: float
    """Price of the tick that moved it; NaN where a close did."""


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
    until: int
    """Rows of funding before this moment are those of the units, ms."""


class Left(NamedTuple):
    """A trade closed."""

    trade: int
    signal: int
    position: Position
    end: Exit
    reason: int
    """Code of rules.stops.REASONS."""
    time: int
    until: int
    """Rows of funding before this moment are those of the units, ms."""


class Funded(NamedTuple):
    """A row of funding was booked (C19)."""

    row: FundingRow
    after: int
    """Open time of the last candle before the row came."""
    ticks: int
    """How many ticks had changed something by then."""
    booked: float
    """For what was held at its time, negative where it was paid."""


class Amended(NamedTuple):
    """A row that came late changed what a fill had cost."""

    amendment: Amendment


Happening = Ordered | Ignored | Entered | Moved | Leaving | Reduced | Left | Funded | Amended


class LiveJournal:
    """Numbers trades and moves; see brokers.paper.PaperJournal.

    `trades` and `moves` are how many there have been: trades in all, moves of the last
    one, whose signal's candle opened at `signal`. `settlement` hears which units have closed.
    """

    def __init__(
        self,
        trade_rules: TradeRules,
        settlement: Settlement | None = None,
        trades: int = 0,
        moves: int = 0,
        signal: int = 0,
    ) -> None:
        self._trades = trades
        self._moves = moves
        self._signal = signal
        self._events: list[Happening] = []
        self._rules = trade_rules
        self._settlement = settlement
        self._came: dict[int, tuple[int, int]] = {}
        self._until = 0

    @property
    def waits(self) -> bool:
        """Whether something has happened since the last call of `take`."""
        return bool(self._events)

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

    def moved(self, before: Stop, after: Stop, time: int, tick: float = math.nan) -> None:
        """The level moved."""
        self._moves += 1
        counted = self._trades, self._signal, self._moves
        self._events.append(Moved(*counted, before, after, time, tick))

    def leaving(self, position: Position, reason: int, price: float | None = None) -> None:
        """An order to leave was sent, at `price` where a person names one."""
        self._events.append(Leaving(self._trades, self._signal, position, reason, price))

    def closing(self, until: int) -> None:
        """Rows before `until` (ms) are those of the units that close next."""
        self._until = until

    def reduced(self, position: Position, part: Fill, reason: int, time: int) -> None:
        """A part of a trade closed."""
        when = time, self._until
        self._events.append(Reduced(self._trades, self._signal, position, part, reason, *when))
        self._settle(position, part, None, 0.0)

    def left(self, position: Position, end: Exit, reason: int, time: int) -> None:
        """A trade closed."""
        when = time, self._until
        self._events.append(Left(self._trades, self._signal, position, end, reason, *when))
        self._settle(position, end.last, end.pnl, end.shortfall)

    def _settle(self, position: Position, part: Fill, pnl: float | None, shortfall: float) -> None:
        if self._settlement is None:
            return
        held, rules = position.held, self._rules
        distance = abs(held.fill - initial_stop(held, rules.stop, rules.market).level)
        units = entry_units(position)
        trade = Settled(self._trades, held.side, held.time, units, distance, pnl, shortfall)
        self._settlement.closed(trade, part.units, part.funding, self._until)

    def came(self, row: FundingRow, after: int, ticks: int) -> None:
        """A row of funding came after the candle that opened at `after`, when so many ticks
        had changed something; it may have to wait until it is booked."""
        self._came[row.time] = after, ticks

    def funded(self, row: FundingRow, booked: float) -> None:
        """A row of funding was booked."""
        after, ticks = self._came.pop(row.time)
        self._events.append(Funded(row, after, ticks, booked))

    def amended(self, amendment: Amendment) -> None:
        """A row that came late changed what a fill had cost."""
        self._events.append(Amended(amendment))

    def ignored(self, side: int, reason: int, time: int) -> None:
        """A signal led to no trade."""
        self._events.append(Ignored(side, reason, time))
