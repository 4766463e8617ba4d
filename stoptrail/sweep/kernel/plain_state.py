"""What the plain loop carries from candle to candle, and what fills within one makes of it."""

from __future__ import annotations

from typing import NamedTuple

from stoptrail.rules.exits import Target
from stoptrail.rules.funding import Funding, paid_since
from stoptrail.rules.jit import inner_rule, rule
from stoptrail.rules.manage import STAYS, Managed
from stoptrail.rules.margin import NO_DANGER, Danger
from stoptrail.rules.own_exit import NOTHING_SEEN
from stoptrail.rules.paths import CLOSED_OUT, LEFT, NOTHING, TARGETED, Walk, danger_of
from stoptrail.rules.protections import Guard
from stoptrail.rules.sizing import ClosedTrades
from stoptrail.rules.stops import LIQUIDATED, TARGET, Entry, Stop
from stoptrail.rules.trade import EntryOrder, Fill, Position, TradeRules, closing

NONE = -1
"""No candle, no reason."""


class Bar(NamedTuple):
    """One candle, and the ATR of the stop around it."""

    place: int
    """Its index."""
    opens: int
    """Time of its open, ms."""
    closes: int
    """Time of its close, ms."""
    open: float
    high: float
    low: float
    close: float
    volume: float
    atr: float
    """As known at its close."""
    known_atr: float
    """As known at its open."""
    highest: float
    lowest: float
    """Of the last candles, as known at its close; looked at for a chandelier only."""
    paid: float
    """Running sum of funding within it and before the moves at its close (rules.funding)."""


class Order(NamedTuple):
    """An entry order."""

    entry_order: EntryOrder
    signal: int
    """Candle of its signal; NONE where no order is pending."""


class Trade(NamedTuple):
    """A position with its stop and its target; units are 0 where there is none."""

    position: Position
    managed: Managed
    target: Target
    before: float
    """Running sum of funding at the entry."""


class Closing(NamedTuple):
    """How a trade ends on a candle; reason NONE where it does not."""

    last: Fill
    reason: int
    time: int
    """Open time of the candle, or of its piece, in which it ends, ms."""


class Books(NamedTuple):
    """The account."""

    balance: float
    """Cash, as it was before a position was entered."""
    guard: Guard
    quiet_until: int
    """First candle whose signal counts again after an exit."""
    history: ClosedTrades


NO_ORDER = Order(EntryOrder(1, 0.0, 0.0, 0.0, 0, 0), NONE)
NO_TRADE = Trade(
    Position(Entry(1, 0.0, 0, 0.0), 0.0, 0.0),
    Managed(Stop(0.0, 0.0, 0), STAYS, NOTHING_SEEN),
    Target(0.0, 0.0),
    0.0,
)
NO_CLOSING = Closing(Fill(0.0, 0.0, 0.0, 0.0, 0.0), NONE, NONE)


@rule
def unit_paid(trade: Trade, total: float, trade_rules: TradeRules) -> float:
    """What one unit held long since the entry has paid, by the running sum `total`."""
    return paid_since(total, trade.before, trade_rules.costs.funding)


@inner_rule
def endangered(
    trade: Trade, balance: float, time: int, total: float, sums: Funding, trade_rules: TradeRules
) -> Danger:
    """Where the trade is liquidated by what fills at `time` (C20); `total` is the running sum of
    funding that it has paid then, `balance` the cash before the entry."""
    if not trade_rules.margin.liquidates:
        return NO_DANGER
    paid = unit_paid(trade, total, trade_rules)
    return danger_of(trade.position, balance, time, trade_rules, paid, sums.tiers)


@rule
def filled_by(
    walk: Walk, trade: Trade, time: int, paid: float, charge: float, trade_rules: TradeRules
) -> tuple[Trade, Closing]:
    """The trade with the stop of `walk`, and what has filled at `time`; `paid` is the funding of
    one unit held long until then, `charge` what a liquidation costs beside the taker's fee."""
    position, managed, target, before = trade
    trade = Trade(position, Managed(walk.stop, managed.leaving, managed.seen), target, before)
    if walk.event == NOTHING:
        return trade, NO_CLOSING
    units, reason, added = position.units, walk.stop.reason, 0.0
    if walk.event == TARGETED:
        units, reason = target.units, TARGET
    elif walk.event == LEFT:
        reason = managed.leaving
    elif walk.event == CLOSED_OUT:
        reason, added = LIQUIDATED, charge
    fill = closing(position, units, walk.price, reason, time, trade_rules.costs, paid, added)
    return trade, Closing(fill, reason, time)
