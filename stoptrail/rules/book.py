"""Several sleeves on one account (C22): what a sleeve may order, and what it is filled with.

A sleeve is the one-position strategy on a share of the account. At a moment T every stop that
moves has moved and every candle that closes at T is marked before the first decision; decisions
follow in the order of the sleeves. A decision, and a fill at the next open, know what was held
and ordered by then: no exit of the coming candle, its open included, makes room.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from stoptrail.rules.costs import fee, fill_price
from stoptrail.rules.funding import booked_funding
from stoptrail.rules.jit import rule
from stoptrail.rules.market import reaches, units_down
from stoptrail.rules.sizing import (
    affordable_units,
    filled_units,
    stop_out_loss,
    terms_of,
    tradable,
)
from stoptrail.rules.stops import Entry, initial_stop
from stoptrail.rules.trade import IGNORED, EntryOrder, Position, TradeRules

CAP = len(IGNORED)
BOOK_IGNORED = (*IGNORED, "cap")
"""Why a signal of a sleeve led to no trade, by code: as rules.trade.IGNORED, and the caps."""
NO_CAP = math.inf


class Allowed(NamedTuple):
    """What the book has allowed a sleeve, beside the order itself."""

    most: float
    """Units that the caps have left of its entry order; infinite where they cut nothing."""
    margin: float
    """What its position or order may lose (C20), quote currency."""


FREE = Allowed(math.inf, 0.0)
"""Where nothing is held or ordered."""


class Caps(NamedTuple):
    """What the whole book may have open, as multiples of its equity; NO_CAP: no limit."""

    open_risk: float
    notional: float


class Exposure(NamedTuple):
    """What positions and waiting orders put at stake, quote currency."""

    risk: float
    """What is lost where every stop in force is hit, after costs; 0 where no cap asks for it."""
    notional: float
    margins: float
    """What all of it may lose (C20)."""


AtStake = tuple[float, float, float, float]
"""One position, or one order as it is expected, marked: units, price, what is lost where its stop
is hit, after costs (0 where no cap asks for it), and what it may lose (C20)."""


class Expected(NamedTuple):
    """An entry as its decision expects it."""

    fill: float
    level: float
    """Of the initial stop."""


@rule
def stake(equity: float, share: float) -> float:
    """What a sleeve's trade is sized by (C4): its share of the book's marked equity."""
    return equity * share


@rule
def expected(side: int, price: float, atr: float, trade_rules: TradeRules) -> Expected:
    """The fill of an order that is decided at the close `price`, `atr` at hand, and its stop."""
    fill = fill_price(side, price, trade_rules.costs, trade_rules.market)
    held = Entry(side, fill, 0, atr)
    return Expected(fill, initial_stop(held, trade_rules.stop, trade_rules.market).level)


@rule
def open_risk(side: int, units: float, fill: float, level: float, trade_rules: TradeRules) -> float:
    """What `units` lose from the fill to the stop at `level`, after costs; 0 where they would
    win, all of their worth where there is no stop (a level at 0 or infinity)."""
    if not 0.0 < level < math.inf:
        return units * fill
    loss = stop_out_loss(side, fill, level, trade_rules.costs, trade_rules.market)
    return max(0.0, units * loss)


def added(values: Iterable[float]) -> float:
    """One after the other: the sum of Python 3.12 and later has other last digits than that of
    3.11."""
    total = 0.0
    for value in values:
        total += value
    return total


def exposure_of(stakes: Iterable[AtStake]) -> Exposure:
    """All of them, added up in the order of the book."""
    risk = notional = margins = 0.0
    for units, price, own, margin in stakes:
        risk += own
        notional += units * price
        margins += margin
    return Exposure(risk, notional, margins)


@rule
def capped_units(
    wanted: float,
    side: int,
    price: float,
    entry: Expected,
    equity: float,
    share: float,
    others: Exposure,
    caps: Caps,
    trade_rules: TradeRules,
) -> float:
    """`wanted` units of a decision at the close `price`, cut to what is left of the caps.

    equity: of the book; others: all that is held and ordered. A sleeve that is alone is held
    to its own leverage at the fill (C4): the book's, unless it is lower, cuts it no more.
    """
    units = wanted
    risk = open_risk(side, 1.0, entry.fill, entry.level, trade_rules)
    if risk > 0.0 and caps.open_risk < NO_CAP:
        units = min(units, max(0.0, caps.open_risk * equity - others.risk) / risk)
    own = share * trade_rules.sizing.max_leverage
    if others.notional > 0.0 or not reaches(1, caps.notional, own):
        units = min(units, max(0.0, caps.notional * equity - others.notional) / price)
    return units


@rule
def too_small(units: float, wanted: float, fill: float, trade_rules: TradeRules) -> bool:
    """Whether what caps have left of the `wanted` units is no trade: below a minimum."""
    market = trade_rules.market
    return units < wanted and not tradable(units_down(units, market), fill, market) > 0.0


def fits_alone(order: EntryOrder, fill: float, trade_rules: TradeRules) -> bool:
    """Whether C4 would leave a trade of `order` at `fill`, had no cap cut its units."""
    stop, costs, market = trade_rules.stop, trade_rules.costs, trade_rules.market
    terms = terms_of(order.side, fill, order.atr, stop, costs, market)
    return filled_units(math.inf, order.equity, terms, costs, trade_rules.sizing, market) > 0.0


@rule
def tied(position: Position, paid: float = 0.0) -> float:
    """What a position keeps of the cash: its worth at the entry with the fee and the funding so
    far, less what its targets have brought in; `paid`: by one unit held long (C19)."""
    held, units = position.held, position.units
    funding = booked_funding(held.side, units, paid)
    return units * held.fill + position.fee - position.parts.profit - funding


@rule
def cut_entry(position: Position, most: float, cash: float, trade_rules: TradeRules) -> Position:
    """`position`, as it would fill, cut to the `most` units that the caps left, and to what the
    free `cash` buys (infinite where a market lends); 0 units below a minimum."""
    fill = position.held.fill
    most = min(most, affordable_units(cash, fill, 1.0, trade_rules.costs))
    if not most < position.units:
        return position
    units = tradable(units_down(max(0.0, most), trade_rules.market), fill, trade_rules.market)
    return Position(position.held, units, fee(units, fill, trade_rules.costs), position.parts)


@rule
def margin_of(equity: float, share: float, others: float) -> float:
    """What a sleeve's position may lose before it is liquidated (C20): its share, and no more
    than the equity less the margins of the others; set at the decision."""
    return min(equity * share, equity - others)
