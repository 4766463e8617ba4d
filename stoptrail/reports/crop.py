"""The part of the candles that a chart shows, in as many candles as it can hold."""

from __future__ import annotations

import math

import numpy as np

from stoptrail.reports.run_files import TradeRecord
from stoptrail.rules.candles import Candles, rows_of

_MULTIPLES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 96, 192, 288, 672, 1344, 2688)


def around(candles: Candles, trade: TradeRecord, bars: int) -> Candles:
    """The part of `candles` that shows `trade`, merged into at most about `bars`."""
    entry = int(np.searchsorted(candles.time, trade.entry_time, side="right")) - 1
    last = len(candles.time) - 1
    if trade.exit_time is not None:
        last = int(np.searchsorted(candles.time, trade.exit_time, side="right")) - 1
    margin = max(32, (last - entry) // 7)
    kept = slice(max(entry - margin, 0), max(last + margin + 1, 0))
    window = rows_of(candles, kept)
    return merged(window, multiple_for(len(window.time), bars))


def multiple_for(count: int, bars: int) -> int:
    """How many candles to merge into one so that about `bars` remain of `count`."""
    return next((m for m in _MULTIPLES if count <= m * bars), math.ceil(count / bars))


def merged(candles: Candles, multiple: int) -> Candles:
    """`candles` in UTC-aligned candles `multiple` times as long, unfinished ones included."""
    if multiple == 1 or not len(candles.time):
        return candles
    interval = candles.interval * multiple
    bucket = candles.time // interval
    first = np.concatenate(([0], np.flatnonzero(bucket[1:] != bucket[:-1]) + 1))
    last = np.append(first[1:], len(bucket)) - 1
    return Candles(
        bucket[first] * interval,
        candles.open[first],
        np.maximum.reduceat(candles.high, first),
        np.minimum.reduceat(candles.low, first),
        candles.close[last],
        np.add.reduceat(candles.volume, first),
        interval,
    )
