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
WIDTH = 8
"""Columns of a bar and of a row of bounds: a cache line of 64 bytes."""

OPEN_PRICE = 0
HIGH = 1
LOW = 2
CLOSE = 3
VOLUME = 4
ATR = 5
TIME = 6
"""Columns of a bar; the time is exact in float64."""

BEST = 0
WORST = 1
BEST_CLOSE = 2
WORST_CLOSE = 3
LEAST_ATR = 4
GREATEST_ATR = 5
"""Columns of a row of bounds, see Bounds."""


class Bounds(NamedTuple):
    """What a run of candles does not exceed; prices are times the side of the trade."""

    best: float
    """Most favourable price: where the extreme can get to."""
    worst: float
    """Least favourable price of the candles with volume: what can hit a stop."""
    best_close: float
    worst_close: float
    least_atr: float
    greatest_atr: float


ANY_ATR = Bounds(-np.inf, np.inf, -np.inf, np.inf, -np.inf, np.inf)
"""Bounds of no candles, which say nothing of the ATR."""


class Segments(NamedTuple):
    """All candles as segments, for one ATR."""

    atr: Floats
    """The stop's ATR as known at each close, shape (n,)."""
    bars: Floats
    """All that a position needs to know of a candle side by side, shape (n, WIDTH)."""
    begin: Times
    """First candle of each segment, and n at the end, shape (m + 1,)."""
    of: NDArray[np.int32]
    """Segment of each candle, shape (n,)."""
    rows: Floats
    """Bounds, shape (2, m, WIDTH): [0] for longs, [1] for shorts."""


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
    bars = _bars(candles, atr)
    rows = np.zeros((2, count, WIDTH))
    for j in range(count):
        _fill_row(rows[0, j], bars, 1, begin[j], begin[j + 1])
        _fill_row(rows[1, j], bars, -1, begin[j], begin[j + 1])
    return Segments(atr, bars, begin[: count + 1].copy(), of, rows)


@rule
def _bars(candles: Candles, atr: Floats) -> Floats:
    bars = np.zeros((len(atr), WIDTH))
    bars[:, OPEN_PRICE] = candles.open
    bars[:, HIGH] = candles.high
    bars[:, LOW] = candles.low
    bars[:, CLOSE] = candles.close
    bars[:, VOLUME] = candles.volume
    bars[:, ATR] = atr
    bars[:, TIME] = candles.time
    return bars


@rule
def _fill_row(row: Floats, bars: Floats, side: int, i: int, end: int) -> None:
    bounds = part_bounds(bars, side, i, end, ANY_ATR)
    row[BEST] = bounds.best
    row[WORST] = bounds.worst
    row[BEST_CLOSE] = bounds.best_close
    row[WORST_CLOSE] = bounds.worst_close
    row[LEAST_ATR] = np.inf
    row[GREATEST_ATR] = -np.inf
    for k in range(i, end):
        row[LEAST_ATR] = min(row[LEAST_ATR], bars[k, ATR])
        row[GREATEST_ATR] = max(row[GREATEST_ATR], bars[k, ATR])


@rule
def segment_bounds(rows: Floats, side: int, segment: int) -> Bounds:
    """Bounds of a whole segment for a trade of `side`; rows: Segments.rows."""
    k = 0 if side > 0 else 1
    return Bounds(
        rows[k, segment, BEST],
        rows[k, segment, WORST],
        rows[k, segment, BEST_CLOSE],
        rows[k, segment, WORST_CLOSE],
        rows[k, segment, LEAST_ATR],
        rows[k, segment, GREATEST_ATR],
    )


@rule
def part_bounds(bars: Floats, side: int, i: int, end: int, whole: Bounds) -> Bounds:
    """Bounds of the candles [i, end) for a trade of `side`, with the ATR's from `whole`."""
    best, worst, best_close, worst_close = -np.inf, np.inf, -np.inf, np.inf
    for k in range(i, end):
        good, bad = bars[k, HIGH], bars[k, LOW]
        if side < 0:
            good, bad = -bad, -good
        close = side * bars[k, CLOSE]
        best = max(best, good)
        if bars[k, VOLUME] > 0.0:
            worst = min(worst, bad)
        best_close = max(best_close, close)
        worst_close = min(worst_close, close)
    return Bounds(best, worst, best_close, worst_close, whole.least_atr, whole.greatest_atr)
