"""Trades of which units have closed while a row of funding that they pay may still be published
(C19): what such a row changes of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from stoptrail.rules.funding import booked_funding
from stoptrail.rules.sizing import NO_CLOSED_TRADES, ClosedTrades, extended
from stoptrail.rules.tally import r_multiple

REACH = 3 * 86_400_000
"""Milliseconds that a row may come behind later ones and still finds its trade."""


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
    shortfall: float = 0.0
    """Of it what was credited, as the account did not have it (C20)."""
    parts: tuple[Part, ...] = ()
    before: ClosedTrades = NO_CLOSED_TRADES
    """The closed trades before this one."""
    cash: float = 0.0
    """The account before it."""

    def extend(self, history: ClosedTrades) -> ClosedTrades:
        """`history` with this trade, if it is over."""
        if self.pnl is None:
            return history
        return extended(history, self.pnl, r_multiple(self.pnl, self.units, self.distance))


class Amendment(NamedTuple):
    """What a late row changed of a fill that closed units, or of a trade alone, as one before it
    left another account."""

    trade: int
    fill: int
    """Number of the fill in its trade, from 1; 0 for none."""
    by: float
    """Added to the funding of the fill and to the profit."""
    funding: float
    """Of the fill now."""
    booked: float
    """Funding of all fills of the trade now."""
    pnl: float | None
    """Of the trade now; None while units are held."""
    shortfall: float
    """Of the trade now."""
    credited: float
    """Added to the shortfall, and so to the account."""


class Settlement:
    """Keeps the trades that a late row may reach. `cash`: the account after all of them, what is
    held left out; None for a sleeve of a book, whose trades had a margin each: what took more is
    credited there on and on, what took less is not."""

    def __init__(
        self, history: ClosedTrades, cash: float | None, trades: Iterable[Settled] = ()
    ) -> None:
        self.history = history
        """The closed trades as they are now."""
        self.cash = cash
        self.trades = list(trades)
        for at in range(len(self.trades) - 1, -1, -1):
            trade = self.trades[at]
            if cash is not None and trade.pnl is not None:
                cash = cash - trade.pnl if trade.shortfall == 0.0 else -trade.pnl
            self.trades[at] = trade._replace(cash=_backing(trade, cash))

    def closed(self, trade: Settled, units: float, funding: float, until: int) -> None:
        """`units` of `trade` closed with this `funding`, and rows before `until` (ms) are theirs;
        its parts before are known here."""
        part = Part(units, until, funding)
        parts: tuple[Part, ...] = ()
        if self.trades and self.trades[-1].number == trade.number:
            parts = self.trades.pop().parts
        backing = _backing(trade, self.cash)
        trade = trade._replace(parts=(*parts, part), before=self.history, cash=backing)
        self.trades.append(trade)
        self.history = trade.extend(self.history)
        if self.cash is not None:
            self.cash += trade.pnl or 0.0

    def forget(self, newest: int) -> None:
        """Drop the trades that ended long before the `newest` row, ms: however long none is
        published, the trades of that time wait for theirs."""
        while self.trades and self.trades[0].pnl is not None:
            if self.trades[0].parts[-1].until > newest - REACH:
                return
            self.trades.pop(0)

    def pay(self, moment: int, paid: float) -> list[Amendment]:
        """One unit held long paid `paid` at `moment` (ms), as is known only now."""
        found: list[Amendment] = []
        added = 0.0
        for at, trade in enumerate(self.trades):
            parts, changes = list(trade.parts), []
            for number, part in enumerate(trade.parts):
                if trade.entry < moment < part.until:
                    by = booked_funding(trade.side, part.units, paid)
                    parts[number] = part._replace(funding=part.funding + by)
                    changes.append((number + 1, by))
            after = _counted(trade._replace(parts=tuple(parts)), [by for _, by in changes], added)
            if self.cash is not None and trade.pnl is not None and after.pnl is not None:
                added += after.pnl - trade.pnl
            credited = after.shortfall - trade.shortfall
            if not changes and credited != 0.0:
                changes.append((0, 0.0))
            self.trades[at] = after
            own = [_amended(after, *change) for change in changes]
            found += [*own[:-1], *(each._replace(credited=credited) for each in own[-1:])]
        if found:
            self._count_again(found)
        return found

    def _count_again(self, found: list[Amendment]) -> None:
        if self.cash is not None:
            for each in found:
                self.cash += 0.0 if each.pnl is None else each.by + each.credited
        self.history = self.trades[0].before
        for at, trade in enumerate(self.trades):
            self.trades[at] = trade._replace(before=self.history)
            self.history = trade.extend(self.history)
            if self.cash is not None and trade.shortfall > 0.0:
                self.cash = sum(each.pnl or 0.0 for each in self.trades[at + 1 :])


def _counted(trade: Settled, changes: Iterable[float], added: float) -> Settled:
    """`trade` on an account to which `added` was added before it, with `changes` of its funding:
    what the account has not is credited."""
    cash, pnl = trade.cash + added, trade.pnl
    if pnl is None:
        return trade._replace(cash=cash)
    pnl -= trade.shortfall
    for by in changes:
        pnl += by
    missing = -(cash + pnl)
    if missing > 0.0:
        return trade._replace(cash=cash, pnl=0.0 - cash, shortfall=missing)
    return trade._replace(cash=cash, pnl=pnl, shortfall=0.0)


def _amended(trade: Settled, fill: int, by: float) -> Amendment:
    """What is to be told of `trade` as it is now."""
    booked = sum(part.funding for part in trade.parts)
    funding = trade.parts[fill - 1].funding if fill else 0.0
    return Amendment(trade.number, fill, by, funding, booked, trade.pnl, trade.shortfall, 0.0)


def _backing(trade: Settled, cash: float | None) -> float:
    """What `trade` might lose, `cash` being the account before it: of what took it all, all that
    it lost."""
    if trade.pnl is not None and trade.shortfall > 0.0:
        return -trade.pnl
    return math.inf if cash is None else cash
