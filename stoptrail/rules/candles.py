"""Candle columns: the one array layout that every engine reads."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
Sides = NDArray[np.int8]


UNKNOWN_VOLUME = 1.0
"""What engines see where volume is unknown (C2): any amount, as something was traded."""


class Candles(NamedTuple):
    """Closed base candles, oldest first; all columns have the shape (n,)."""

    time: Times
    """Open time, milliseconds since the epoch, UTC, strictly ascending."""
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    """In units of the base currency."""
    interval: int
    """Length of a candle in milliseconds."""


class Signals(NamedTuple):
    """What an entry signal says of every candle at its close; shape (n,) each."""

    zone: Sides
    """1 where a long may be entered, -1 where a short may be, 0 elsewhere. The first
    candle of a zone is the signal."""
    exit_zone: Sides
    """1 where the cycle turns up, -1 where it turns down, whatever the trend: what the
    legacy exits leave at. Zeros where a signal has no such notion."""
    warm: int
    """Index of the first candle at which every indicator of the signal is warm."""


Rows: TypeAlias = slice | NDArray[np.bool_] | NDArray[np.int64]


def rows_of(candles: Candles, kept: Rows) -> Candles:
    """The rows `kept` (a slice, a mask or indices) of every column."""
    return Candles(
        candles.time[kept],
        candles.open[kept],
        candles.high[kept],
        candles.low[kept],
        candles.close[kept],
        candles.volume[kept],
        candles.interval,
    )


def last_closed(candles: Candles, times: Times) -> Times:
    """Index of the last candle that has closed by each of `times` (ms); -1 before the first."""
    closes = candles.time + candles.interval
    return np.searchsorted(closes, times, side="right").astype(np.int64) - 1


def known_prices(candles: Candles, times: Times) -> Floats:
    """The last close known at each of `times` (ms); NaN before the first. Shape of `times`."""
    known = last_closed(candles, times)
    return np.where(known < 0, np.nan, candles.close[np.maximum(known, 0)])


class Shown(Candles):
    """Candles as an entry signal gets them: arrays that cannot be written into."""

    source: Candles
    """The same candles with the arrays themselves: compiled code is made anew for arrays
    that cannot be written, and lines are remembered by the identity of theirs."""


def shown(candles: Candles) -> Candles:
    """`candles` behind read-only views of their arrays."""
    views = [column.view() for column in candles[:6]]
    for view in views:
        view.flags.writeable = False
    found = Shown._make([*views, candles.interval])
    found.source = source_of(candles)
    return found


def source_of(candles: Candles) -> Candles:
    """The candles behind those that `shown` made; any others as they are."""
    return getattr(candles, "source", candles)
