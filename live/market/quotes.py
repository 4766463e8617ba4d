"""Which quote a trade may be filled at: one of the same moment, or none (C14)."""

from __future__ import annotations

import math
from typing import NamedTuple

from stoptrail.rules.quotes import BY_ARRIVAL, BY_EVENT, NONE, counts, fresh


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
    bid, ask = quote.bid, quote.ask
    if quote.time is not None:
        age, rule = float(max(newest, trade) - quote.time), BY_EVENT
        of_its_time = fresh(trade - quote.time)
    else:
        age, rule = (now - quote.arrived) * 1000, BY_ARRIVAL
        of_its_time = waited == quote.waited
    found = of_its_time and counts(rule, age, bid, ask, price)
    return Known(bid, ask, age, rule) if found else NO_QUOTE
