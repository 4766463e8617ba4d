"""Raw candle columns as a file holds them, before anything is checked, and longer candles from
them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stoptrail.core.time import Spans, joined
from stoptrail.rules.candles import Candles, Floats, Rows, Times

PRICES = ("open", "high", "low", "close")
VALUES = (*PRICES, "volume")


class Columns(NamedTuple):
    """Columns of a candle file in the file's order, shape (n,) each; NaN where empty."""

    time: Times
    """Open time, milliseconds since the epoch, UTC."""
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


def columns_from(rows: Sequence[tuple[float, ...]]) -> Columns:
    """Rows of time, prices and volume as columns."""
    table = np.array(rows, np.float64).reshape(-1, 6)
    return Columns(table[:, 0].astype(np.int64), *table[:, 1:].T)


def rows_of(columns: Columns, rows: Rows) -> Columns:
    """The chosen rows of every column."""
    return Columns(
        columns.time[rows],
        columns.open[rows],
        columns.high[rows],
        columns.low[rows],
        columns.close[rows],
        columns.volume[rows],
    )


def columns_of(candles: Candles) -> Columns:
    """The columns of candles, without their length; nothing is copied."""
    return Columns(*candles[:6])


def aggregated(columns: Columns, covered: Spans, wanted: int) -> tuple[Columns, Spans]:
    """Candles of `wanted` milliseconds from shorter ones, for those buckets that `covered` holds
    whole, and the span of these buckets. Shape (n,) each."""
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
