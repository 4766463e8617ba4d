"""One trade from entry order to exit (C2 to C6, C12): the steps that every engine takes."""

from __future__ import annotations

from typing import NamedTuple

from stoptrail.rules.costs import (
    Costs,
    borrow,
    fee,
    fill_price,
)
from stoptrail.rules.funding import booked_funding
from stoptrail.rules.jit import rule
from stoptrail.rules.margin import NO_MARGIN, Margin, stop_comes_first
from stoptrail.rules.market import Market
from stoptrail.rules.sizing import ClosedTrades, Sizing, extended, filled_units
from stoptrail.rules.stops import (
    Entry,
    Stop,
    StopRules,
    initial_stop,
)
from stoptrail.rules.tally import r_multiple

POSITION = 0
PENDING = 1
COOLDOWN = 2
SIZE = 3
GAP = 4
PROTECTION = 5
IGNORED = ("position", "pending", "cooldown", "size", "gap", "protection")
"""Names of why a signal led to no trade, by code (C3)."""


class TradeRules(NamedTuple):
    """Every number that a trade is entered, managed and charged by."""

    stop: StopRules
    sizing: Sizing
    costs: Costs
    market: Market
    margin: Margin = NO_MARGIN


class EntryOrder(NamedTuple):
    """An entry order: what was decided at the close of the signal candle."""

    side: int
    units: float
    """Wanted units; 0 where there is no trade."""
    equity: float
    atr: float
    signal: int
    """Open time of the signal candle, ms."""
    latest: int
    """Open time in ms after which the order is cancelled as `gap`."""


class Position(NamedTuple):
    """An open trade."""

    held: Entry
    units: float
    fee: float
    """Entry fee paid."""


class Exit(NamedTuple):
    """The end of a trade."""

    price: float
    fee: float
    borrow: float
    pnl: float
    """Profit after both fees, borrow and funding, quote currency."""
    funding: float = 0.0
    """Booked while it was held: negative where it was paid (C19)."""
    shortfall: float = 0.0
    """What was lost beyond the account, and credited to it: contained in pnl (C20)."""


@rule
def enter(
    entry_order: EntryOrder, price: float, time: int, trade_rules: TradeRules
) -> tuple[Position, Stop]:
    """Fill `entry_order` at `price` (an open or a quote) worsened by slippage.

    Position.units is 0 where C4 allows no trade (ignored as `size`).
    """
    fill = fill_price(entry_order.side, price, trade_rules.costs, trade_rules.market)
    return book_entry(entry_order, fill, time, trade_rules)


@rule
def book_entry(
    entry_order: EntryOrder, fill: float, time: int, trade_rules: TradeRules
) -> tuple[Position, Stop]:
    """The position and its initial stop for an entry at exactly `fill`."""
    held = Entry(entry_order.side, fill, time, entry_order.atr)
    stop = initial_stop(held, trade_rules.stop, trade_rules.market)
    units = filled_units(
        entry_order.units,
        entry_order.equity,
        entry_order.side,
        fill,
        stop.level,
        trade_rules.costs,
        trade_rules.sizing,
        trade_rules.market,
    )
    paid = fee(units, fill, trade_rules.costs)
    margin = trade_rules.margin
    if margin.checked and units > 0.0:
        side, balance = entry_order.side, entry_order.equity
        if not stop_comes_first(side, stop.level, units, fill, paid, balance, margin.rate):
            return Position(held, 0.0, 0.0), stop
    return Position(held, units, paid), stop


@rule
def credited(end: Exit, balance: float) -> Exit:
    """`end` as it is booked on `balance`, the cash before the entry: no account falls below
    zero, what is missing is credited (C20)."""
    missing = 0.0 - (balance + end.pnl)
    if not missing > 0.0:
        return end
    return Exit(end.price, end.fee, end.borrow, 0.0 - balance, end.funding, missing)


@rule
def leave(
    position: Position, price: float, time: int, trade_rules: TradeRules, paid: float = 0.0
) -> Exit:
    """Close `position` at exactly `price` (slippage is in it) at `time`; `paid` is what one
    unit held long has paid in funding since the entry (rules.funding.paid_within)."""
    held = position.held
    out = fee(position.units, price, trade_rules.costs)
    interest = borrow(held.side, position.units, held.fill, held.time, time, trade_rules.costs)
    gross = held.side * position.units * (price - held.fill)
    funding = booked_funding(held.side, position.units, paid)
    pnl = gross - position.fee - out - interest + funding
    return Exit(price, out, interest, pnl, funding, 0.0)


@rule
def after_trade(
    history: ClosedTrades, position: Position, pnl: float, trade_rules: TradeRules
) -> ClosedTrades:
    """`history` after `position` closed with profit `pnl` after costs."""
    held = position.held
    initial = initial_stop(held, trade_rules.stop, trade_rules.market).level
    return extended(history, pnl, r_multiple(pnl, position.units, abs(held.fill - initial)))


@rule
def marked(
    balance: float,
    position: Position,
    price: float,
    time: int,
    trade_rules: TradeRules,
    paid: float = 0.0,
) -> float:
    """Equity with the position at `price`: `balance` is the cash before the entry, `paid` the
    funding of one unit held long since then."""
    held = position.held
    interest = borrow(held.side, position.units, held.fill, held.time, time, trade_rules.costs)
    funding = booked_funding(held.side, position.units, paid)
    gross = held.side * position.units * (price - held.fill)
    return balance + gross - position.fee - interest + funding


@rule
def stand(
    position: Position,
    balance: float,
    price: float,
    time: int,
    trade_rules: TradeRules,
    paid: float = 0.0,
) -> Exit:
    """A trade that is still open, marked at `price`: no exit fee is paid yet (C11)."""
    held = position.held
    interest = borrow(held.side, position.units, held.fill, held.time, time, trade_rules.costs)
    pnl = marked(balance, position, price, time, trade_rules, paid) - balance
    funding = booked_funding(held.side, position.units, paid)
    return Exit(price, 0.0, interest, pnl, funding, 0.0)
