"""Longer candles from shorter ones."""

from __future__ import annotations

import numpy as np

from stoptrail.core.spans import Spans, joined
from stoptrail.feeds.columns import Columns, rows_of


def aggregated(
    columns: Columns, covered: Spans, interval: int, wanted: int
) -> tuple[Columns, Spans]:
    """Candles of `wanted` milliseconds from ones of `interval`, for those buckets that
    `covered` holds whole, and the span of these buckets. Shape (n,) each."""
    whole = joined((start + -start % wanted, end - end % wanted) for start, end in covered)
    inside = np.zeros(len(columns.time), np.bool_)
    for start, end in whole:
        inside |= (columns.time >= start) & (columns.time < end)
    time, open_, high, low, close, volume = rows_of(columns, inside)
    bucket = time - time % wanted
    firsts = np.flatnonzero(np.diff(bucket, prepend=-1) != 0)
    if not len(firsts):
        return Columns(time, open_, high, low, close, volume), whole
    lasts = np.append(firsts[1:], len(time)) - 1
    return Columns(
        bucket[firsts],
        open_[firsts],
        np.maximum.reduceat(high, firsts),
        np.minimum.reduceat(low, firsts),
        close[lasts],
        np.add.reduceat(volume, firsts),
    ), whole
