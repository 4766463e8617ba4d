"""What the market data transport tells its consumer, in order.

Order: the ticks of a candle come after the close of the candle before it, and before its
own close. A tick that breaks this on purpose says so (`Tick.ahead`).
"""

from __future__ import annotations

import math
from typing import NamedTuple


class CandleClosed(NamedTuple):
    """A finished candle, confirmed by the exchange's own record."""

    time: int
    """Open time, milliseconds UTC."""
    open: float
    high: float
    low: float
    close: float
    volume: float
    """In units of the base currency."""


class Tick(NamedTuple):
    """A trade, with the best quote known at that moment."""

    time: int
    """The exchange's event time, milliseconds UTC."""
    price: float
    bid: float
    """NaN where no quote is known."""
    ask: float
    """NaN where no quote is known."""
    ahead: bool = False
    """True while an earlier candle could not be fetched yet: good for a stop, which must
    go on working, not for anything that needs candles in order."""
    quote_age: float = math.nan
    """Milliseconds by which the quote is older than the newest trade; NaN without one."""
    quote_rule: str = ""
    """How the quote was found to be of the moment: see live.market.quotes."""


class ConnectionLost(NamedTuple):
    """Market data may be missing from now on: no new entries."""

    reason: str


class ConnectionBack(NamedTuple):
    """Data is complete again: what was missed has been delivered before this."""


class Notice(NamedTuple):
    """Something a person may want to know; each kind of trouble once."""

    kind: str
    text: str


Event = CandleClosed | Tick | ConnectionLost | ConnectionBack | Notice
