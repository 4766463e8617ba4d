"""The same days in another order: a market in which nothing that lasts can be found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stoptrail.rules.candles import Candles, Floats, Times, rows_of
from stoptrail.rules.costs import DAY
from stoptrail.rules.market import Market


def permuted_days(
    candles: Candles, start: int, market: Market, random: np.random.Generator
) -> Candles:
    """`candles` with the whole UTC days from candle `start` on in random order.

    The candles of a day keep their log returns, the first one's against the close before
    it, their times within the day and their volumes; prices are chained from the first open
    of the span and put on the tick. So what happens within a day, and how days are
    distributed, stays as it is, and what one day says of the next is gone. Candles before
    `start`, the warm-up, stay as they are, and so do days that the span holds in part.
    """
    span = rows_of(candles, slice(start, None))
    rows, time = _order(span, random)
    earlier = candles.close[start - 1] if start else span.open[0]
    before = np.concatenate(([earlier], span.close[:-1]))
    prices = _chained(span, before, rows, market)
    later = (time, *prices, span.volume[rows])
    columns = [
        np.concatenate((column[:start], new))
        for column, new in zip(candles[:6], later, strict=True)
    ]
    return Candles._make([*columns, candles.interval])


def _order(span: Candles, random: np.random.Generator) -> tuple[NDArray[np.int64], Times]:
    """The row of `span` that comes at each place, and the time at which it opens there."""
    days, first, counts = np.unique(span.time // DAY, return_index=True, return_counts=True)
    end = span.time[-1] + span.interval
    whole = np.flatnonzero((days * DAY >= span.time[0]) & ((days + 1) * DAY <= end))
    order = np.arange(len(days))
    order[whole] = random.permutation(whole)
    rows = np.concatenate([np.arange(first[k], first[k] + counts[k]) for k in order])
    time = np.repeat(days, counts[order]) * DAY + span.time[rows] % DAY
    return rows.astype(np.int64), time.astype(np.int64)


def _chained(
    span: Candles, before: Floats, rows: NDArray[np.int64], market: Market
) -> tuple[Floats, Floats, Floats, Floats]:
    """Open, high, low and close of these rows, one after the other. before: the close that
    each row followed."""
    gap = np.log(span.open / before)[rows]
    gap[0] = 0.0
    body = np.log(span.close / span.open)[rows]
    opens = np.log(span.open[0]) + np.cumsum(gap) + np.concatenate(([0.0], np.cumsum(body)[:-1]))
    highs, lows = opens + np.log(span.high / span.open)[rows], np.log(span.low / span.open)[rows]
    opened, high, low, close = (
        _on_tick(np.exp(logs), market) for logs in (opens, highs, opens + lows, opens + body)
    )
    return (
        opened,
        np.maximum.reduce([high, opened, close]),
        np.minimum.reduce([low, opened, close]),
        close,
    )


def _on_tick(price: Floats, market: Market) -> Floats:
    """The nearest ticks, one at least."""
    ticks = np.maximum(np.rint(price * market.price_scale / market.price_step), 1.0)
    return np.asarray(ticks * market.price_step / market.price_scale, np.float64)
