"""Higher-timeframe candles from base candles (C1).

A bucket [a, b) is aligned to UTC, holds the base candles that open in it, and becomes
visible at the first base candle that closes at or after b: never earlier, even when
its last candle is missing. The first bucket counts only where the data starts at a.
"""

from __future__ import annotations

import math
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import numpy as np

from stoptrail.rules.candles import Candles, Floats, Times
from stoptrail.rules.jit import inner_rule, rule

Line = TypeVar("Line")


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


class Held(NamedTuple):
    """Values of a higher timeframe, each of which holds until the next is seen."""

    values: Floats
    visible: Times
    """Index of the first base candle that sees each."""


@rule
def seen_at(held: Held, i: int, last: int) -> int:
    """Number of the value that base candle `i` sees, at or after the number `last`; -1 for none."""
    while last + 1 < len(held.visible) and held.visible[last + 1] <= i:
        last += 1
    return last


@rule
def next_change(held: Held, last: int, n: int) -> int:
    """The first of `n` base candles that sees a value of another sign than the one with the number
    `last`, or a first or no known one; n where none does."""
    k = last + 1
    while 0 < k < len(held.visible) and _alike(held.values[k], held.values[k - 1]):
        k += 1
    return held.visible[k] if k < len(held.visible) else n


@inner_rule
def _alike(one: float, other: float) -> bool:
    known = np.isnan(one) == np.isnan(other)
    return known and (one > 0.0) == (other > 0.0) and (one < 0.0) == (other < 0.0)


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
    """The `size` lines used last, and no more than `most_bytes` of them but the newest. Candles
    are told apart by the identity of their arrays, which must not be written into once a signal
    has seen them; safe to use from several threads."""

    def __init__(self, size: int, most_bytes: float = math.inf) -> None:
        self._size, self._most_bytes = size, most_bytes
        self._lines: OrderedDict[Hashable, tuple[list[Any], Any]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def line(
        self,
        candles: Candles,
        name: Hashable,
        make: Callable[[], Line],
        *,
        is_locked: bool = True,
    ) -> Line:
        """The line `name` of `candles`, an array or a tuple of such; made by `make` where it is not
        kept. It must not be written into, and cannot be where it `is_locked`."""
        key = (name, candles.interval, *map(id, candles[:5]))
        with self._lock:
            kept = self._lines.get(key)
            if kept and all(ref() is column for ref, column in zip(kept[0], candles, strict=False)):
                self._lines.move_to_end(key)
                line: Line = kept[1]
                return line
        made = make()
        for array in _arrays(made):
            array.flags.writeable = not is_locked
        with self._lock:
            self._forget(key)
            self._lines[key] = ([weakref.ref(column) for column in candles[:5]], made)
            self._bytes += _bytes(made)
            while len(self._lines) > max(1, self._size) or (
                len(self._lines) > 1 and self._bytes > self._most_bytes
            ):
                self._forget(next(iter(self._lines)))
        return made

    def forget(self) -> None:
        """Let go of all lines."""
        with self._lock:
            self._lines.clear()
            self._bytes = 0

    def _forget(self, key: Hashable) -> None:
        if key in self._lines:
            self._bytes -= _bytes(self._lines.pop(key)[1])


def _arrays(line: Any) -> list[Any]:
    parts = line if isinstance(line, tuple) else (line,)
    return [part for part in parts if isinstance(part, np.ndarray)]


def _bytes(line: Any) -> int:
    return sum(array.nbytes for array in _arrays(line))
