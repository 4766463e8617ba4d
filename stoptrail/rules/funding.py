"""Funding of perpetual swaps (C19): which rows a position pays, when, and how much.

A row says that at T a long pays `rate` of its notional to the shorts. What one unit held
long has paid by a moment is a running sum over all rows, so that a trade's funding is the
difference of two sums, however long it was held. Times are in ms, amounts in the quote
currency; an amount booked is negative where the position paid.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.rules.candles import Candles, Floats, Times, last_closed
from stoptrail.rules.costs import HOUR
from stoptrail.rules.jit import inner_rule, rule
from stoptrail.rules.margin import NO_MARKS, NO_TIERS

MINUTE = 60_000


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
    """Running sums of payments, and where each candle stands in them; and what liquidations go
    by: the tiers of the margin that a position has to keep, and mark prices."""

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
    marks: Floats = NO_MARKS
    """Of each candle, shape (n, 4): see rules.margin.is_marked."""


NO_ROWS = FundingRows(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0))


@rule
def no_funding() -> Funding:
    """Of a market without funding: nothing is ever looked up in it."""
    none, tiers, marks = np.empty(0), np.empty((0, 2)), np.empty((0, 4))
    return Funding(np.empty(0, np.int64), np.zeros(1), none, none, none, tiers, marks)


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


def payments_of(rows: FundingRows, candles: Candles, marks: Candles | None = None) -> Payments:
    """Payments of `rows` while `candles` last, priced by what is known at their moment: the
    row's own price, else the open of the candle of `marks` that opens then; a part of a row that
    accrues by the close of the one that ends with it and with a base candle; else by the close of
    the last candle that had closed. What comes before the first close or after the last one is left
    out."""
    time, rate, own, accrues = accruals(rows, candles.interval)
    closes = candles.time + candles.interval
    known = (time >= closes[0]) & (time <= closes[-1])
    time, rate, own, accrues = time[known], rate[known], own[known], accrues[known]
    last = last_closed(candles, time)
    price: Any = np.where(np.isnan(own), candles.close[last], own)
    if marks is not None and len(marks.time):
        ends = _at(marks.time + marks.interval, marks.close, time)
        ends[closes[last] != time] = np.nan
        mark = np.where(accrues, ends, _at(marks.time, marks.open, time))
        price = np.where(np.isnan(own) & ~np.isnan(mark), mark, price)
    return Payments(time, np.asarray(unit_payment(price, rate), np.float64))


def _at(times: Times, prices: Floats, wanted: Times) -> Floats:
    """The price of `times` (ascending) at each of the times `wanted`; NaN where there is none."""
    place = np.minimum(np.searchsorted(times, wanted), len(times) - 1)
    return np.where(times[place] == wanted, prices[place], np.nan)


def accruals(rows: FundingRows, interval: int) -> tuple[Times, Floats, Floats, NDArray[np.bool_]]:
    """Moment, rate and own price of each payment, and whether it is a part: of a row with hours
    one for each base close (a multiple of `interval`, whether there is a candle or not) that ends
    a part of it, in proportion to that part."""
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
    parts = np.arange(len(time)) >= np.count_nonzero(whole)
    return time[order], np.concatenate(rates)[order], np.concatenate(prices)[order], parts[order]


def funding_of(
    rows: FundingRows, candles: Candles, tiers: Floats = NO_TIERS, marks: Candles | None = None
) -> Funding:
    """The running sums of `rows` over `candles`; those of NO_FUNDING without rows. marks: mark
    candles of the same market, as long or shorter ones."""
    by = NO_MARKS if marks is None else marks_of(candles, marks)
    if not len(rows.time):
        known = len(tiers) or len(by)
        return NO_FUNDING._replace(tiers=tiers, marks=by) if known else NO_FUNDING
    time, amount = payments_of(rows, candles, marks)
    total = np.concatenate(([0.0], np.cumsum(amount)))
    closes = candles.time + candles.interval
    return Funding(
        time,
        total,
        total[np.searchsorted(time, candles.time, side="right")],
        total[np.searchsorted(time, closes, side="left")],
        total[np.searchsorted(time, closes, side="right")],
        tiers,
        by,
    )


def marks_of(candles: Candles, marks: Candles) -> Floats:
    """rules.margin.Mark of each candle, shape (n, 4), put together from shorter `marks`; NaN for
    one that lacks some of them: what they reached is not known."""
    parts = candles.interval // marks.interval
    first = np.searchsorted(marks.time, candles.time)
    last = np.searchsorted(marks.time, candles.time + candles.interval)
    whole = last - first == parts
    found: Floats = np.full((len(candles.time), 4), np.nan)
    starts = first[whole]
    if not len(starts):
        return found
    rows = starts[:, None] + np.arange(parts)
    found[whole, 0] = marks.open[starts]
    found[whole, 1] = marks.high[rows].max(axis=1)
    found[whole, 2] = marks.low[rows].min(axis=1)
    found[whole, 3] = marks.close[starts + parts - 1]
    return found


def first_candles(funding: Funding, count: int) -> Funding:
    """The funding of the first `count` of its candles."""
    return Funding(
        funding.time,
        funding.total,
        funding.opened[:count],
        funding.held[:count],
        funding.closed[:count],
        funding.tiers,
        funding.marks[:count],
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
