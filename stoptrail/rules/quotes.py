"""Which quote is of the same moment as a trade (C14). Prices in the quote currency, ages in ms."""

from __future__ import annotations

import math
from typing import NamedTuple

from stoptrail.rules.costs import Costs, fill_price, quoted_price
from stoptrail.rules.market import Market

LATEST = 1000
"""Milliseconds by which a quote may be older than the newest trade."""
WITHIN = 0.001
"""Fraction by which a price may lie outside of a quote of its moment."""
FAR = 0.01
"""The same where the quote has a time of its own: prices move within a second, but a client's
book may have kept a level that is gone."""
ABSURD = 100.0
"""A price at so many times the last close, or a fraction of it, is a mistake."""
BY_EVENT, BY_ARRIVAL, NONE = "event", "arrival", ""
"""How a quote was found to be of the moment: by its own time, or by when it came."""


def fresh(age: float) -> bool:
    """Whether a quote that is older than a trade by `age`, or newer where that is negative, is
    within a second of it; never for NaN."""
    return -LATEST <= age <= LATEST


def around(bid: float, ask: float, low: float, high: float, within: float = WITHIN) -> bool:
    """Whether prices from `low` to `high` reach into the quote, to a fraction `within`."""
    return bid * (1 - within) <= high and low <= ask * (1 + within)


def believable(price: float, close: float) -> bool:
    """Whether `price` may be the market's, whose last candle closed at `close`."""
    return close / ABSURD < price < close * ABSURD


def counts(rule: str, age: float, bid: float, ask: float, price: float) -> bool:
    """Whether a quote counts at a trade at `price`: by its event time if that is within a second,
    and the trade not far from it; by its arrival if it came at most a second before, and the trade
    lies within it."""
    if rule == BY_EVENT:
        return fresh(age) and around(bid, ask, price, price, FAR)
    return rule == BY_ARRIVAL and 0 <= age <= LATEST and around(bid, ask, price, price)


def market_price(direction: int, price: float, quote: float, costs: Costs, market: Market) -> float:
    """What an order at market fills at: the other side's quote as it is, or, where that is NaN,
    the last trade's `price` worsened by slippage."""
    if quote == quote:
        return quoted_price(direction, quote, market)
    return fill_price(direction, price, costs, market)


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


class TradeQuote(NamedTuple):
    """The quote that counts at a trade; NaN where none does."""

    bid: float = math.nan
    ask: float = math.nan
    age: float = math.nan
    """Milliseconds by which the quote is older than the newest trade (by event), or by which
    it came before it (by arrival)."""
    rule: str = NONE


NO_QUOTE = TradeQuote()


def trade_quote(
    quote: Quote | None, trade: int, newest: int, price: float, now: float, waited: float
) -> TradeQuote:
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
    return TradeQuote(bid, ask, age, rule) if found else NO_QUOTE
