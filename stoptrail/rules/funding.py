"""Funding of perpetual swaps (C19): which rows a position pays, when, and how much.

A row says that at T a long pays `rate` of its notional to the shorts. What one unit held
long has paid by a moment is a running sum over all rows, so that a trade's funding is the
difference of two sums, however long it was held. Times are in ms, amounts in the quote
currency; an amount booked is negative where the position paid.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stoptrail.rules.candles import Candles, Floats, Times
from stoptrail.rules.jit import inner_rule, rule
from stoptrail.rules.margin import NO_TIERS

MINUTE = 60_000
HOUR = 3_600_000.0


class FundingRows(NamedTuple):
    """Rows as they were published, ascending in time; shape (r,) each."""

    time: Times
    """On the minute."""
    rate: Floats
    """Fraction of the notional for the whole row; positive: longs pay."""
    price: Floats
    """The row's own price; NaN where it has none."""
    hours: Floats
    """Over which the row accrues, from `time` on; 0: paid at `time` at once."""


class FundingRow(NamedTuple):
    """One of them."""

    time: int
    rate: float
    price: float
    hours: float


class Payments(NamedTuple):
    """What one unit held long pays, each at one moment; shape (k,), ascending in time."""

    time: Times
    amount: Floats


class Funding(NamedTuple):
    """Running sums of payments, and where each candle stands in them; and the tiers of the
    margin that a position has to keep."""

    time: Times
    """Of the payments, shape (k,)."""
    total: Floats
    """total[j] is what the first j payments come to, shape (k + 1,)."""
    opened: Floats
    """By the open of each candle, a payment at that moment included: an entry at that open is
    free of it. Shape (n,)."""
    held: Floats
    """By the close of each candle, a payment at that moment not included: what an exit within
    the candle has paid, and what a stop that moves at the close knows. Shape (n,)."""
    closed: Floats
    """By the close of each candle, a payment at that moment included: what a mark at the
    close contains. Shape (n,)."""
    tiers: Floats = NO_TIERS
    """rules.margin.margin_tiers."""


NO_ROWS = FundingRows(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0))


@rule
def no_funding() -> Funding:
    """Of a market without funding: nothing is ever looked up in it."""
    none = np.empty(0)
    return Funding(np.empty(0, np.int64), np.zeros(1), none, none, none, np.empty((0, 2)))


NO_FUNDING = no_funding()


def on_the_minute(time: Any) -> Any:
    """The nearest minute, of a number or an array in ms: archives stamp a row some ms late."""
    return (time + MINUTE // 2) // MINUTE * MINUTE


def funding_rows(time: Any, rate: Any, price: Any = None, hours: Any = None) -> FundingRows:
    """Rows from columns of any kind; without a price NaN, without hours 0."""
    times = on_the_minute(np.asarray(time, np.int64))
    own = np.full(len(times), np.nan) if price is None else np.asarray(price, np.float64)
    accrues = np.zeros(len(times)) if hours is None else np.asarray(hours, np.float64)
    return FundingRows(times, np.asarray(rate, np.float64), own, accrues)


@rule
def unit_payment(price: float, rate: float) -> float:
    """What one unit held long pays for a row: price * rate; negative: it receives."""
    return price * rate


@rule
def booked_funding(side: int, units: float, paid: float) -> float:
    """What is booked for a position where one unit held long has `paid`: negative for a long
    that pays. The sum of side * units * price * rate over its rows, with the sign turned."""
    return 0.0 - side * units * paid


def payments_of(rows: FundingRows, candles: Candles) -> Payments:
    """Payments of `rows` while `candles` last, priced by what is known at their moment: the
    row's own price, else the close of the last candle that had closed. What comes before the
    first close or after the last one is left out."""
    time, rate, own = accruals(rows, candles.interval)
    closes = candles.time + candles.interval
    known = (time >= closes[0]) & (time <= closes[-1])
    time, rate, own = time[known], rate[known], own[known]
    last = np.searchsorted(closes, time, side="right") - 1
    price = np.where(np.isnan(own), candles.close[last], own)
    return Payments(time, np.asarray(unit_payment(price, rate), np.float64))


def accruals(rows: FundingRows, interval: int) -> tuple[Times, Floats, Floats]:
    """Moment, rate and own price of each payment: of a row with hours one for each base close
    (a multiple of `interval`, whether there is a candle or not) that ends a part of it, in
    proportion to that part."""
    whole = rows.hours == 0.0
    times, rates, prices = [rows.time[whole]], [rows.rate[whole]], [rows.price[whole]]
    for k in np.flatnonzero(~whole):
        begin, length = int(rows.time[k]), round(rows.hours[k] * HOUR)
        first = begin // interval + 1
        last = -(-(begin + length) // interval)
        ends = np.arange(first, last + 1, dtype=np.int64) * interval
        part = np.minimum(ends, begin + length) - np.maximum(ends - interval, begin)
        times.append(ends)
        rates.append(rows.rate[k] * (part / length))
        prices.append(np.full(len(ends), rows.price[k]))
    time = np.concatenate(times)
    order = np.argsort(time, kind="stable")
    return time[order], np.concatenate(rates)[order], np.concatenate(prices)[order]


def funding_of(rows: FundingRows, candles: Candles, tiers: Floats = NO_TIERS) -> Funding:
    """The running sums of `rows` over `candles`; those of NO_FUNDING without rows."""
    if not len(rows.time):
        return NO_FUNDING._replace(tiers=tiers) if len(tiers) else NO_FUNDING
    time, amount = payments_of(rows, candles)
    total = np.concatenate(([0.0], np.cumsum(amount)))
    closes = candles.time + candles.interval
    return Funding(
        time,
        total,
        total[np.searchsorted(time, candles.time, side="right")],
        total[np.searchsorted(time, closes, side="left")],
        total[np.searchsorted(time, closes, side="right")],
        tiers,
    )


def first_candles(funding: Funding, count: int) -> Funding:
    """The funding of the first `count` of its candles."""
    return Funding(
        funding.time,
        funding.total,
        funding.opened[:count],
        funding.held[:count],
        funding.closed[:count],
        funding.tiers,
    )


@inner_rule
def paid_since(total: float, before: float, scale: float) -> float:
    """What one unit held long has paid between two of the running sums; `scale` multiplies
    the rates (rules.costs.Costs.funding)."""
    return scale * (total - before)


@inner_rule
def less_total(price: Any, total: Any, scale: float) -> Any:
    """`price` less all that one unit held long has ever paid; numbers or arrays."""
    return price - scale * total


@inner_rule
def since_entry(less: float, before: float, scale: float) -> float:
    """A price less all payments (`less_total`), as it is less those since the sum stood at
    `before`. Both only add: the best of many prices is the best of them for every entry."""
    return less + scale * before


@inner_rule
def net_price(price: float, total: float, before: float, scale: float) -> float:
    """`price` less what one unit held long has paid between two of the running sums: what a
    position is marked at (rules.trade.marked)."""
    return since_entry(less_total(price, total, scale), before, scale)


@inner_rule
def sum_opened(funding: Funding, candle: int) -> float:
    """The running sum at the open of `candle`: where an entry at that open begins, as a row
    is paid by who entered before it (entry_time < T)."""
    return 0.0 if len(funding.opened) == 0 else funding.opened[candle]


@inner_rule
def sum_held(funding: Funding, candle: int) -> float:
    """The running sum within `candle`: where an exit in it ends, its open included, as the
    rows of its open and those inside it are paid by what was open at its open."""
    return 0.0 if len(funding.held) == 0 else funding.held[candle]


@inner_rule
def sum_closed(funding: Funding, candle: int) -> float:
    """The running sum at the close of `candle`, a row at that very moment included."""
    return 0.0 if len(funding.closed) == 0 else funding.closed[candle]


@inner_rule
def sum_by(funding: Funding, time: int) -> float:
    """The running sum at `time`, a row at that very moment included: for marks that lie
    between two candles."""
    if len(funding.time) == 0:
        return 0.0
    total: float = funding.total[np.searchsorted(funding.time, time, side="right")]
    return total
