"""Candles in short runs with the bounds that let a loop pass a run at once.

A segment is a run of at most LONGEST candles over which the ATR of the stop is constant,
or, where that ATR changes with nearly every candle, simply LONGEST candles with the
least and greatest ATR known.

Bounds are kept for each side in the trade's own sense: a price times the side, so that
for either side greater is better. Negation is exact in float64, so nothing is lost.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rules.candles import Candles, Floats, Times
from rules.jit import rule

LONGEST = 16

BEST = 0
WORST = 1
BEST_CLOSE = 2
WORST_CLOSE = 3
LEAST_ATR = 4
GREATEST_ATR = 5
WIDTH = 8
"""Columns of a row of bounds, padded to a cache line."""


class Bounds(NamedTuple):
    """What the prices of a run of candles do not exceed, times the side of the trade."""

    best: float
    """Most favourable price: where the extreme can get to."""
    worst: float
    """Least favourable price of the candles with volume: what can hit a stop."""
    best_close: float
    worst_close: float


class Segments(NamedTuple):
    """All candles as segments, for one ATR."""

    atr: Floats
    """The stop's ATR as known at each close, shape (n,)."""
    begin: Times
    """First candle of each segment, and n at the end, shape (m + 1,)."""
    of: NDArray[np.int32]
    """Segment of each candle, shape (n,)."""
    rows: Floats
    """Bounds, shape (m, 2, WIDTH): [:, 0] for longs, [:, 1] for shorts."""


@rule
def segments_of(candles: Candles, atr: Floats) -> Segments:
    """Cut candles where `atr` changes, or after LONGEST candles; to be called compiled.

    A NaN in `atr` may only stand before the first signal.
    """
    n = len(atr)
    begin = np.empty(n + 1, np.int64)
    of = np.empty(n, np.int32)
    count = 0
    constant = True
    for i in range(n):
        size = i - begin[count - 1] if count > 0 else LONGEST
        same = i > 0 and atr[i] == atr[i - 1]
        if size == LONGEST or (not same and constant and size > 1):
            begin[count] = i
            count += 1
            constant = True
        elif not same:
            constant = False
        of[i] = count - 1
    begin[count] = n
    rows = np.empty((count, 2, WIDTH))
    for j in range(count):
        _fill_row(rows[j, 0], candles, atr, 1, begin[j], begin[j + 1])
        _fill_row(rows[j, 1], candles, atr, -1, begin[j], begin[j + 1])
    return Segments(atr, begin[: count + 1].copy(), of, rows)


@rule
def _fill_row(row: Floats, candles: Candles, atr: Floats, side: int, i: int, end: int) -> None:
    bounds = bounds_of(candles, side, i, end)
    row[BEST] = bounds.best
    row[WORST] = bounds.worst
    row[BEST_CLOSE] = bounds.best_close
    row[WORST_CLOSE] = bounds.worst_close
    row[LEAST_ATR] = np.inf
    row[GREATEST_ATR] = -np.inf
    for k in range(i, end):
        row[LEAST_ATR] = min(row[LEAST_ATR], atr[k])
        row[GREATEST_ATR] = max(row[GREATEST_ATR], atr[k])


@rule
def bounds_of(candles: Candles, side: int, i: int, end: int) -> Bounds:
    """Bounds of the candles [i, end) for a trade of `side`."""
    best, worst, best_close, worst_close = -np.inf, np.inf, -np.inf, np.inf
    for k in range(i, end):
        good, bad = (
            (candles.high[k], candles.low[k]) if side > 0 else (-candles.low[k], -candles.high[k])
        )
        close = side * candles.close[k]
        best = max(best, good)
        if candles.volume[k] > 0.0:
            worst = min(worst, bad)
        best_close = max(best_close, close)
        worst_close = min(worst_close, close)
    return Bounds(best, worst, best_close, worst_close)
