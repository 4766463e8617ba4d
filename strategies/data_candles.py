"""Candles out of a Backtrader data feed's line buffers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import backtrader as bt
import numpy as np

from stoptrail.rules.candles import Candles, Floats, Times

DAY = 86_400_000
EPOCH = 719_163
"""1970-01-01 as Backtrader's date number (days, where 0001-01-01 is 1)."""

_UNITS = {
    bt.TimeFrame.Seconds: 1_000,
    bt.TimeFrame.Minutes: 60_000,
    bt.TimeFrame.Days: DAY,
    bt.TimeFrame.Weeks: 7 * DAY,
}


def interval_of(data: Any) -> int:
    """Length of the feed's candles in milliseconds: its `interval`, else its timeframe.

    Raises ValueError for a timeframe without a fixed length.
    """
    interval = getattr(data, "interval", None)
    if interval:
        return int(interval)
    if data._timeframe not in _UNITS:
        raise ValueError(f"candles of {data._timeframe!r} have no fixed length")
    return int(_UNITS[data._timeframe] * data._compression)


def open_time(number: float) -> int:
    """Milliseconds since the epoch of one Backtrader date number."""
    return round((number - EPOCH) * DAY)


def open_times(numbers: Floats) -> Times:
    """`open_time` of an array."""
    return np.rint((numbers - EPOCH) * DAY).astype(np.int64)


def candles_of(data: Any, count: int) -> Candles:
    """The first `count` candles of the feed: the series that it plays where it holds one
    of that length, else its buffers, copied."""
    series = getattr(data, "candles", None)
    if isinstance(series, Candles) and len(series.time) == count:
        return series
    return Candles(
        open_times(column(data.datetime, count)),
        column(data.open, count),
        column(data.high, count),
        column(data.low, count),
        column(data.close, count),
        column(data.volume, count),
        interval_of(data),
    )


def columns_of(rows: Sequence[Sequence[float]]) -> tuple[Any, ...]:
    """Times, opens, highs, lows, closes and volumes of plain rows, as arrays."""
    if not rows:
        return ()
    times, *values = zip(*rows, strict=True)
    return np.array(times, np.int64), *(np.array(each, np.float64) for each in values)


def following(past: tuple[Any, ...], candles: Candles) -> Candles:
    """`candles` behind those of `past` (see `columns_of`)."""
    if not past:
        return candles
    time, open_, high, low, close, volume = map(np.concatenate, zip(past, candles[:6], strict=True))
    return Candles(time, open_, high, low, close, volume, candles.interval)


def column(line: Any, count: int) -> Floats:
    """The first `count` values of a line, copied."""
    return np.array(line.array, dtype=np.float64)[:count]


def write(line: Any, values: Any, end: int) -> None:
    """Set the first `end` values of a preallocated line buffer."""
    np.frombuffer(line.array, dtype=np.float64)[:end] = values[:end]


def current(data: Any) -> tuple[int, float, float, float, float, float]:
    """Open time, open, high, low, close and volume of the feed's candle at hand."""
    return (
        open_time(data.datetime[0]),
        data.open[0],
        data.high[0],
        data.low[0],
        data.close[0],
        data.volume[0],
    )
