"""One trade from entry order to exit (C2 to C6, C12): the steps that every engine takes."""

from __future__ import annotations

from typing import NamedTuple

from stoptrail.rules.candles import Floats
from stoptrail.rules.costs import Costs, borrow, fee, fill_price, maker_rate
from stoptrail.rules.exits import NO_EXITS, ExitRules, Target, next_target
from stoptrail.rules.funding import booked_funding
from stoptrail.rules.jit import inner_rule, rule
from stoptrail.rules.margin import NO_MARGIN, Margin, liquidation, overtaken
from stoptrail.rules.market import Market, units_down
from stoptrail.rules.sizing import ClosedTrades, Sizing, Terms, extended, filled_units, terms_of
from stoptrail.rules.stops import (
    INITIAL,
    MANUAL,
    TARGET,
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
    exits: ExitRules = NO_EXITS


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


class Parts(NamedTuple):
    """What targets have closed of a trade so far (C18)."""

    number: int
    """How many."""
    first: float
    """Units at the entry."""
    value: float
    """Sum of units * price."""
    fees: float
    borrow: float
    profit: float
    """After these fees, this borrow and this funding; the entry fee is not in it."""
    funding: float
    """Booked while they were held (C19)."""


NO_PARTS = Parts(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


class Position(NamedTuple):
    """An open trade."""

    held: Entry
    units: float
    """That are held now."""
    fee: float
    """Entry fee paid."""
    parts: Parts = NO_PARTS


class Fill(NamedTuple):
    """What closes a position, or a part of it."""

    units: float
    price: float
    fee: float
    borrow: float
    """Of these units, from the entry on."""
    funding: float
    """Booked for these units, from the entry on: negative where it was paid (C19)."""


class Exit(NamedTuple):
    """The end of a trade."""

    price: float
    """Of all its exits, weighted by units."""
    fee: float
    """Of all its exits."""
    borrow: float
    pnl: float
    """Profit after all fees, borrow and funding, quote currency."""
    last: Fill
    """What closed the rest of it."""
    funding: float = 0.0
    """Booked while it was held: negative where it was paid (C19)."""
    shortfall: float = 0.0
    """What was lost beyond the account, and credited to it: contained in pnl (C20)."""


@rule
def enter(
    entry_order: EntryOrder,
    price: float,
    time: int,
    trade_rules: TradeRules,
    tiers: Floats | None = None,
) -> tuple[Position, Stop]:
    """Fill `entry_order` at `price` (an open or a quote) worsened by slippage; tiers: see
    rules.margin.liquidation.

    Position.units is 0 where C4 allows no trade (ignored as `size`).
    """
    fill = fill_price(entry_order.side, price, trade_rules.costs, trade_rules.market)
    return book_entry(entry_order, fill, time, trade_rules, tiers)


@rule
def book_entry(
    entry_order: EntryOrder,
    fill: float,
    time: int,
    trade_rules: TradeRules,
    tiers: Floats | None = None,
) -> tuple[Position, Stop]:
    """The position and its initial stop for an entry at exactly `fill`."""
    side, stop = entry_order.side, trade_rules.stop
    terms = terms_of(side, fill, entry_order.atr, stop, trade_rules.costs, trade_rules.market)
    return entered(entry_order, terms, time, trade_rules, tiers)


@inner_rule
def entered(
    entry_order: EntryOrder,
    terms: Terms,
    time: int,
    trade_rules: TradeRules,
    tiers: Floats | None = None,
) -> tuple[Position, Stop]:
    """The position and its initial stop for an entry on `terms` at `time`; a stop that is not
    before the liquidation price is no trade (C20)."""
    side, fill, equity = entry_order.side, terms.fill, entry_order.equity
    held, stop = Entry(side, fill, time, entry_order.atr), Stop(terms.level, fill, INITIAL)
    costs, margin, sizing = trade_rules.costs, trade_rules.margin, trade_rules.sizing
    units = filled_units(entry_order.units, equity, terms, costs, sizing, trade_rules.market)
    paid = fee(units, fill, costs)
    if margin.checked and units > 0.0:
        danger = liquidation(side, units, fill, paid, equity, margin, tiers)
        if overtaken(side, stop.level, danger.price):
            return Position(held, 0.0, 0.0, NO_PARTS), stop
    return Position(held, units, paid, NO_PARTS), stop


@rule
def credited(end: Exit, balance: float) -> Exit:
    """`end` as it is booked on `balance`, the cash before the entry: no account falls below
    zero, what is missing is credited (C20)."""
    missing = 0.0 - (balance + end.pnl)
    if not missing > 0.0:
        return end
    return Exit(end.price, end.fee, end.borrow, 0.0 - balance, end.last, end.funding, missing)


@rule
def entry_units(position: Position) -> float:
    """The units that the position was entered with."""
    return position.parts.first if position.parts.number > 0 else position.units


@rule
def working_target(position: Position, trade_rules: TradeRules) -> Target:
    """The limit order that takes the next profit of `position`."""
    return next_target(
        position.held,
        entry_units(position),
        position.parts.number,
        trade_rules.exits,
        trade_rules.stop,
        trade_rules.market,
    )


@rule
def closing(
    position: Position,
    units: float,
    price: float,
    reason: int,
    time: int,
    costs: Costs,
    paid: float = 0.0,
    charge: float = 0.0,
) -> Fill:
    """`units` of `position` closed at exactly `price` at `time`; reason: a code of
    rules.stops.REASONS, as a target rests in the book and pays a maker's fee; `paid` is what
    one unit held long has paid in funding since the entry (rules.funding.paid_since); `charge`
    comes on top of a taker's fee (rules.margin.Danger.fee)."""
    held = position.held
    rate = maker_rate(costs) if reason == TARGET else costs.taker_fee + charge
    interest = borrow(held.side, units, held.fill, held.time, time, costs)
    funding = booked_funding(held.side, units, paid)
    return Fill(units, price, units * price * rate, interest, funding)


@inner_rule
def gross_profit(held: Entry, units: float, price: float) -> float:
    """What `units` have won from the fill to `price`, in the quote currency, before costs."""
    return held.side * units * (price - held.fill)


@rule
def reduced(position: Position, part: Fill, left: float) -> Position:
    """`position` after a part has closed, with the units that are `left` of it."""
    held, before = position.held, position.parts
    gross = gross_profit(held, part.units, part.price)
    parts = Parts(
        before.number + 1,
        entry_units(position),
        before.value + part.units * part.price,
        before.fees + part.fee,
        before.borrow + part.borrow,
        before.profit + gross - part.fee - part.borrow + part.funding,
        before.funding + part.funding,
    )
    return Position(held, left, position.fee, parts)


@rule
def without_part(position: Position, part: Fill, market: Market) -> Position:
    """`position` after a part has closed; what is left is a whole number of lots."""
    return reduced(position, part, units_down(position.units - part.units, market))


@rule
def left_by(position: Position, last: Fill) -> Exit:
    """The end of a trade whose rest closes as `last`."""
    held, parts = position.held, position.parts
    gross = gross_profit(held, last.units, last.price)
    price = last.price
    if parts.number > 0:
        price = (parts.value + last.units * last.price) / parts.first
    fees, interest = parts.fees + last.fee, parts.borrow + last.borrow
    pnl = parts.profit + gross - position.fee - last.fee - last.borrow + last.funding
    return Exit(price, fees, interest, pnl, last, parts.funding + last.funding, 0.0)


@rule
def leave(
    position: Position,
    price: float,
    time: int,
    trade_rules: TradeRules,
    reason: int = MANUAL,
    paid: float = 0.0,
    charge: float = 0.0,
) -> Exit:
    """Close `position` at exactly `price` (slippage is in it) at `time`; reason, paid, charge:
    see `closing`."""
    last = closing(position, position.units, price, reason, time, trade_rules.costs, paid, charge)
    return left_by(position, last)


@rule
def after_trade(
    history: ClosedTrades, position: Position, pnl: float, trade_rules: TradeRules
) -> ClosedTrades:
    """`history` after `position` closed with profit `pnl` after costs."""
    held = position.held
    initial = initial_stop(held, trade_rules.stop, trade_rules.market).level
    return extended(history, pnl, r_multiple(pnl, entry_units(position), abs(held.fill - initial)))


@rule
def marked(
    balance: float,
    position: Position,
    net: float,
    time: int,
    trade_rules: TradeRules,
) -> float:
    """Equity with the position at a price: `net` is that price less what one unit held long has
    paid in funding since the entry (rules.funding.net_price), `balance` the cash before it."""
    held, realised = position.held, balance + position.parts.profit
    interest = borrow(held.side, position.units, held.fill, held.time, time, trade_rules.costs)
    gross = gross_profit(held, position.units, net)
    return realised + gross - position.fee - interest


def booked(position: Position, paid: float) -> float:
    """Funding booked for an open trade, its closed parts included; `paid` as in `closing`."""
    return position.parts.funding + booked_funding(position.held.side, position.units, paid)


def with_funding(position: Position, booked: float) -> Position:
    """`position` after funding was `booked` late for parts of it that had closed."""
    parts = position.parts
    profit, funding = parts.profit + booked, parts.funding + booked
    return position._replace(parts=parts._replace(profit=profit, funding=funding))


@rule
def cash_beside(balance: float, position: Position, paid: float = 0.0) -> float:
    """The cash of an account that holds `position`, a short's proceeds included; `balance`
    as in `marked`, `paid` as in `closing`."""
    held, units = position.held, position.units
    funding = booked_funding(held.side, units, paid)
    return balance + position.parts.profit - held.side * units * held.fill - position.fee + funding


@rule
def stand(
    position: Position,
    balance: float,
    price: float,
    time: int,
    trade_rules: TradeRules,
    paid: float = 0.0,
) -> Exit:
    """A trade that is still open, marked at `price`: no exit fee of the rest is paid yet (C11)."""
    held, parts = position.held, position.parts
    interest = borrow(held.side, position.units, held.fill, held.time, time, trade_rules.costs)
    pnl = marked(balance, position, price - paid, time, trade_rules) - balance
    funding = booked_funding(held.side, position.units, paid)
    last = Fill(position.units, price, 0.0, interest, funding)
    fees, interest = parts.fees, parts.borrow + interest
    return Exit(price, fees, interest, pnl, last, parts.funding + funding, 0.0)
