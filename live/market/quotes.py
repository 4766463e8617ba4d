"""Which quote a trade may be filled at: one of the same moment, or none (C14)."""

from __future__ import annotations

import math
from typing import NamedTuple

LATEST = 1000
"""Milliseconds by which a quote may be older than the newest trade."""
WITHIN = 0.001
"""Fraction by which a trade may lie outside of a quote that carries no time of its own."""
BY_EVENT, BY_ARRIVAL, NONE = "event", "arrival", ""
"""How a quote was found to be of the moment: by its own time, or by when it came."""


class Quote(NamedTuple):
    """Best bid and ask, as they were heard."""

    bid: float
    ask: float
    time: int | None
    """The exchange's event time, ms; None where it sends none (Binance spot's bookTicker)."""
    arrived: float
    """When it came, seconds of the monotonic clock."""
    waited: float
    """Seconds for which the connection had been held back in all by then."""


class Known(NamedTuple):
    """The quote that counts at a trade; NaN where none does."""

    bid: float = math.nan
    ask: float = math.nan
    age: float = math.nan
    """Milliseconds by which the quote is older than the newest trade (by event), or by which
    it came before it (by arrival)."""
    rule: str = NONE


NO_QUOTE = Known()


def known_at(
    quote: Quote | None, trade: int, newest: int, price: float, now: float, waited: float
) -> Known:
    """The quote that counts for a trade at `trade` (ms) and `price`.

    newest: time of the newest trade, ms. now, waited: monotonic seconds, and those for which
    the connection was held back in all, as the trade comes. A quote with an event time counts
    if that is at most a second before the newest trade's, and at most a second after this one.
    One without counts if it came at most a second before, on a connection that was not held
    back meanwhile, and if the trade lies within bid and ask to a thousandth.
    """
    if quote is None:
        return NO_QUOTE
    if quote.time is not None:
        age = max(newest, trade) - quote.time
        if age <= LATEST and quote.time - trade <= LATEST:
            return Known(quote.bid, quote.ask, float(age), BY_EVENT)
        return NO_QUOTE
    came = (now - quote.arrived) * 1000
    within = quote.bid * (1 - WITHIN) <= price <= quote.ask * (1 + WITHIN)
    if came <= LATEST and waited == quote.waited and within:
        return Known(quote.bid, quote.ask, came, BY_ARRIVAL)
    return NO_QUOTE
