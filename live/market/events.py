"""What the market data transport tells its consumer: events in order, and whether the data can
be relied on.

Order: the ticks of a candle come after the close of the candle before it, and before its
own close. A tick that breaks this on purpose says so (`Tick.ahead`).
"""

from __future__ import annotations

import math
import time
from typing import Literal, NamedTuple, Self

from stoptrail.core.text import number_of
from stoptrail.core.time import iso_time
from stoptrail.rules.funding import FundingRow
from stoptrail.rules.margin import Mark


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
    """How the quote was found to be of the moment: see rules.quotes."""


class ConnectionLost(NamedTuple):
    """Market data may be missing from now on: no new entries."""

    reason: str


class ConnectionBack(NamedTuple):
    """Data is complete again: what was missed has been delivered before this."""


class Notice(NamedTuple):
    """Something a person may want to know; each kind of trouble once."""

    kind: str
    text: str


def not_served(start: int, end: int, interval: int) -> Notice:
    """An exchange does not give the candles of [start, end), ms: nobody knows what was traded."""
    return Notice(
        "not served",
        f"the exchange does not give {number_of((end - start) // interval, 'candle')} from "
        f"{iso_time(start)} to {iso_time(end)}: missing here, with whatever was traded",
    )


class Published(NamedTuple):
    """A row of a swap's funding was published (C19)."""

    row: FundingRow


class Marked(NamedTuple):
    """The mark prices of the candle that comes next (C20)."""

    time: int
    """Open time of the candle, milliseconds UTC."""
    mark: Mark


Event = Published | Marked | CandleClosed | Tick | ConnectionLost | ConnectionBack | Notice


State = Literal["connecting", "live", "polling", "stale", "closed"]


FRESH = ("live", "polling")
"""States in which a new entry may be made."""


def is_fresh(words: str) -> bool:
    """Whether a connection that is told in `words`, its state first, allows new entries."""
    return words.partition(":")[0] in FRESH


class Connection(NamedTuple):
    """State of the market data."""

    state: State
    since: float
    """Seconds since the epoch at which the state began (for people, not for decisions)."""
    reason: str = ""
    """Why, in words; empty where all is well."""

    @property
    def fresh(self) -> bool:
        """Whether a new entry may be made on this data."""
        return self.state in FRESH

    def because(self, why: str) -> Self:
        """The same; where it is stale with `why` it is so now, beside why it became so."""
        if self.state != "stale" or not why or why in self.reason:
            return self
        return self._replace(reason=f"{self.reason}; {why}")

    @classmethod
    def now(cls, state: State, reason: str = "") -> Self:
        """A connection that has this state from now on."""
        return cls(state, time.time(), reason)
