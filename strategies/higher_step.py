"""Higher-timeframe candles one base candle at a time, for live use (C1)."""

from __future__ import annotations

from stoptrail.rules.timeframes import (
    NO_BUCKET,
    NONE,
    Bucket,
    bucket_step,
)


class HigherStep:
    """Feeds base candles into buckets of `interval` milliseconds; one per run."""

    def __init__(self, base: int, interval: int) -> None:
        self._base = base
        self._interval = interval
        self._current = NO_BUCKET
        self._first = True

    def step(
        self, time: int, open_: float, high: float, low: float, close: float
    ) -> tuple[Bucket, ...]:
        """The buckets that become visible at the close of this candle, oldest first."""
        self._current, late, done = bucket_step(
            self._current,
            self._first,
            time,
            open_,
            high,
            low,
            close,
            self._base,
            self._interval,
        )
        self._first = False
        return tuple(bucket for bucket in (late, done) if bucket.start != NONE)
