"""Higher-timeframe candles from base candles (C1).

A bucket [a, b) is aligned to UTC, holds the base candles that open in it, and becomes
visible at the first base candle that closes at or after b: never earlier, even when
its last candle is missing. The first bucket counts only where the data starts at a.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from stoptrail.rules.candles import Candles, Floats, Times
from stoptrail.rules.jit import rule


class Bucket(NamedTuple):
    """One higher-timeframe candle, finished or under way."""

    start: int
    """Open time in milliseconds; NONE where there is no bucket."""
    open: float
    high: float
    low: float
    close: float
    whole: bool
    """False for a first bucket that the data enters after its start."""


class HigherCandles(NamedTuple):
    """Finished buckets, shape (m,), each with the base candle that makes it visible."""

    start: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    visible: Times
    """Index of the base candle at whose close the bucket is first known."""


NONE = -1
NO_BUCKET = Bucket(NONE, 0.0, 0.0, 0.0, 0.0, False)


@rule
def bucket_step(
    current: Bucket,
    first: bool,
    time: int,
    candle_open: float,
    high: float,
    low: float,
    close: float,
    base: int,
    interval: int,
) -> tuple[Bucket, Bucket, Bucket]:
    """Add one base candle: (bucket under way, bucket it ended late, bucket it completed).

    A late end happens where the last candles of a bucket are missing: the next candle
    makes it visible. `first` says that this is the first candle of the data; `base` and
    `interval` are the two lengths in milliseconds. Absent buckets have start NONE.
    """
    start = time - time % interval
    late = NO_BUCKET
    if current.start == start:
        current = Bucket(
            start,
            current.open,
            max(current.high, high),
            min(current.low, low),
            close,
            current.whole,
        )
    else:
        if current.start != NONE and current.whole:
            late = current
        current = Bucket(start, candle_open, high, low, close, not first or time == start)
    done = NO_BUCKET
    if time + base >= start + interval:
        if current.whole:
            done = current
        current = NO_BUCKET
    return current, late, done


@rule
def higher_candles(candles: Candles, interval: int) -> HigherCandles:
    """Every finished bucket of `interval` milliseconds, by C1."""
    n = len(candles.time)
    start = np.empty(n, np.int64)
    visible = np.empty(n, np.int64)
    prices = np.empty((4, n), np.float64)
    count = 0
    current = NO_BUCKET
    for i in range(n):
        current, late, done = bucket_step(
            current,
            i == 0,
            candles.time[i],
            candles.open[i],
            candles.high[i],
            candles.low[i],
            candles.close[i],
            candles.interval,
            interval,
        )
        for bucket in (late, done):
            if bucket.start != NONE:
                start[count] = bucket.start
                visible[count] = i
                prices[0, count] = bucket.open
                prices[1, count] = bucket.high
                prices[2, count] = bucket.low
                prices[3, count] = bucket.close
                count += 1
    return HigherCandles(
        start[:count].copy(),
        prices[0, :count].copy(),
        prices[1, :count].copy(),
        prices[2, :count].copy(),
        prices[3, :count].copy(),
        visible[:count].copy(),
    )


@rule
def spread(values: Floats, visible: Times, n: int) -> Floats:
    """Higher-timeframe `values` as each of `n` base candles sees them; NaN before."""
    out = np.full(n, np.nan)
    for k in range(len(values)):
        end = visible[k + 1] if k + 1 < len(values) else n
        for i in range(visible[k], end):
            out[i] = values[k]
    return out


class LineMemory:
    """The `size` lines used last. Candles are told apart by the identity of their
    arrays, which must not be written into once a signal has seen them; safe to use from
    several threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lines: OrderedDict[Hashable, tuple[list[Any], Floats]] = OrderedDict()
        self._lock = Lock()

    def line(
        self,
        candles: Candles,
        name: Hashable,
        make: Callable[[], Floats],
        *,
        is_locked: bool = True,
    ) -> Floats:
        """The line `name` of `candles`; made by `make` where it is not kept. It must not be written
        into, and cannot be where it `is_locked`."""
        key = (name, candles.interval, *map(id, candles[:5]))
        with self._lock:
            kept = self._lines.get(key)
            if kept and all(ref() is column for ref, column in zip(kept[0], candles, strict=False)):
                self._lines.move_to_end(key)
                return kept[1]
        made = make()
        made.flags.writeable = not is_locked
        with self._lock:
            self._lines[key] = ([weakref.ref(column) for column in candles[:5]], made)
            self._lines.move_to_end(key)
            while len(self._lines) > self._size:
                self._lines.popitem(last=False)
        return made
