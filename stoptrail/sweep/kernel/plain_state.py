"""What the plain loop carries from candle to candle."""

from __future__ import annotations

from typing import NamedTuple

from stoptrail.rules.exits import Target
from stoptrail.rules.funding import paid_since
from stoptrail.rules.jit import rule
from stoptrail.rules.manage import STAYS, Managed
from stoptrail.rules.own_exit import NOTHING_SEEN
from stoptrail.rules.protections import Guard
from stoptrail.rules.sizing import ClosedTrades
from stoptrail.rules.stops import Entry, Stop
from stoptrail.rules.trade import EntryOrder, Fill, Position, TradeRules

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
