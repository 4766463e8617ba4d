"""Trades of which units have closed while a row of funding that they pay may still be published
(C19): what such a row changes of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from stoptrail.rules.funding import booked_funding
from stoptrail.rules.sizing import NO_CLOSED_TRADES, ClosedTrades, extended
from stoptrail.rules.tally import r_multiple

REACH = 3 * 86_400_000
"""Milliseconds after its end for which a late row still finds a trade."""


class Part(NamedTuple):
    """Units that closed together."""

    units: float
    until: int
    """Rows before this moment are theirs, ms."""
    funding: float
    """Booked for them, negative where it was paid."""


class Settled(NamedTuple):
    """A trade that is over, or of which targets closed parts."""

    number: int
    """1 for the first of the session."""
    side: int
    entry: int
    """Time of the entry, ms."""
    units: float
    """At the entry."""
    distance: float
    """From the entry to the initial stop."""
    pnl: float | None
    """None while units are held."""
    parts: tuple[Part, ...] = ()
    before: ClosedTrades = NO_CLOSED_TRADES
    """The closed trades before this one."""

    def extend(self, history: ClosedTrades) -> ClosedTrades:
        """`history` with this trade, if it is over."""
        if self.pnl is None:
            return history
        return extended(history, self.pnl, r_multiple(self.pnl, self.units, self.distance))


class Amendment(NamedTuple):
    """What a late row changed of a fill that closed units."""

    trade: int
    fill: int
    """Number of the fill in its trade, from 1."""
    by: float
    """Added to the funding of the fill and to the profit."""
    funding: float
    """Of the fill now."""
    booked: float
    """Funding of all fills of the trade now."""
    pnl: float | None
    """Of the trade now; None while units are held."""


def rows_until(time: int, interval: int, by_tick: bool) -> int:
    """The moment before which rows belong to units that closed at `time`, all in ms: on candles
    the end of the candle, for a tick the next millisecond."""
    candle = not by_tick or time % interval == 0
    return time - time % interval + interval if candle else time + 1


class Settlement:
    """Keeps the trades that a late row may reach. `interval`, `by_tick`: see `rows_until`."""

    def __init__(
        self, interval: int, by_tick: bool, history: ClosedTrades, trades: Iterable[Settled] = ()
    ) -> None:
        self._interval = interval
        self._by_tick = by_tick
        self.history = history
        """The closed trades as they are now."""
        self.trades = list(trades)

    def closed(self, trade: Settled, units: float, funding: float, time: int) -> None:
        """`units` of `trade` closed at `time` (ms) with this `funding`; its parts before are
        known here."""
        part = Part(units, rows_until(time, self._interval, self._by_tick), funding)
        parts: tuple[Part, ...] = ()
        if self.trades and self.trades[-1].number == trade.number:
            parts = self.trades.pop().parts
        trade = trade._replace(parts=(*parts, part), before=self.history)
        self.trades.append(trade)
        self.history = trade.extend(self.history)

    def forget(self, now: int) -> None:
        """Drop the trades that ended long before `now`, ms."""
        while self.trades and self.trades[0].pnl is not None:
            if self.trades[0].parts[-1].until > now - REACH:
                return
            self.trades.pop(0)

    def pay(self, moment: int, paid: float) -> list[Amendment]:
        """One unit held long paid `paid` at `moment` (ms), as is known only now."""
        found = []
        for at, trade in enumerate(self.trades):
            if not trade.entry < moment:
                continue
            parts, pnl = list(trade.parts), trade.pnl
            for number, part in enumerate(trade.parts):
                if moment < part.until:
                    by = booked_funding(trade.side, part.units, paid)
                    funding = part.funding + by
                    parts[number] = part._replace(funding=funding)
                    pnl = None if pnl is None else pnl + by
                    booked = sum(each.funding for each in parts)
                    found.append(Amendment(trade.number, number + 1, by, funding, booked, pnl))
            self.trades[at] = trade._replace(parts=tuple(parts), pnl=pnl)
        if found:
            self._count_again()
        return found

    def _count_again(self) -> None:
        self.history = self.trades[0].before
        for at, trade in enumerate(self.trades):
            self.trades[at] = trade._replace(before=self.history)
            self.history = trade.extend(self.history)
