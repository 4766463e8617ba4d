"""Candles in short runs with the bounds that let a loop pass a run at once.

A segment is a run of at most LONGEST candles over which the ATR of the stop is constant:
a part of a higher-timeframe candle or, on the base timeframe, a single candle.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rules.candles import Candles, Floats, Times

LONGEST = 16
WIDTH = 8
"""Columns of a bar and of a segment's row: a cache line of 64 bytes."""

OPEN_PRICE = 0
HIGH = 1
LOW = 2
CLOSE = 3
VOLUME = 4
ATR = 5
TIME = 6
"""Columns of a bar; the time is exact in float64."""

TOP = 0
"""Highest and lowest price of a segment: how far an extreme can get."""
BOTTOM = 1
TRADED_TOP = 2
"""The same over its candles with volume, -inf and inf without any: what can hit a stop."""
TRADED_BOTTOM = 3
TOP_CLOSE = 4
BOTTOM_CLOSE = 5
LAST_CLOSE = 6
SEGMENT_ATR = 7


class Segments(NamedTuple):
    """All candles as segments, for one ATR."""

    atr: Floats
    """The stop's ATR as known at each close, shape (n,)."""
    bars: Floats
    """All that a position needs to know of a candle side by side, shape (n, WIDTH)."""
    begin: Times
    """First candle of each segment, and n at the end, shape (m + 1,)."""
    of: Times
    """Segment of each candle, shape (n,)."""
    rows: Floats
    """What is known of each segment, shape (m, WIDTH)."""


def segments_of(candles: Candles, atr: Floats) -> Segments:
    """Cut candles where `atr` changes, and after LONGEST candles.

    A NaN in `atr` may only stand before the first signal.
    """
    place = np.arange(len(atr))
    changes = np.ones(len(atr), np.bool_)
    changes[1:] = atr[1:] != atr[:-1]
    since = place - np.maximum.accumulate(np.where(changes, place, 0))
    first = since % LONGEST == 0
    of = np.cumsum(first) - 1
    begin = np.append(np.flatnonzero(first), len(atr)).astype(np.int64)
    return Segments(atr, _bars(candles, atr), begin, of, _rows(candles, atr, begin[:-1]))


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


def _rows(candles: Candles, atr: Floats, begin: Times) -> Floats:
    rows = np.zeros((len(begin), WIDTH))
    traded = candles.volume > 0.0
    rows[:, TOP] = np.maximum.reduceat(candles.high, begin)
    rows[:, BOTTOM] = np.minimum.reduceat(candles.low, begin)
    rows[:, TRADED_TOP] = np.maximum.reduceat(np.where(traded, candles.high, -np.inf), begin)
    rows[:, TRADED_BOTTOM] = np.minimum.reduceat(np.where(traded, candles.low, np.inf), begin)
    rows[:, TOP_CLOSE] = np.maximum.reduceat(candles.close, begin)
    rows[:, BOTTOM_CLOSE] = np.minimum.reduceat(candles.close, begin)
    rows[:, LAST_CLOSE] = np.append(candles.close[begin[1:] - 1], candles.close[-1:])
    rows[:, SEGMENT_ATR] = atr[begin]
    return rows
