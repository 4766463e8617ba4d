"""A Backtrader data feed as candles: their length, their open times, their columns."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from stoptrail.adapter.backtrader import bt
from stoptrail.core.errors import DataError
from stoptrail.core.time import EPOCH_DAY, MINUTE_MS, iso, milliseconds, timeframe_name
from stoptrail.rules.candles import Candles, Floats, Sides, Times
from stoptrail.rules.costs import DAY

_UNITS = {
    bt.TimeFrame.Seconds: 1_000,
    bt.TimeFrame.Minutes: MINUTE_MS,
    bt.TimeFrame.Days: DAY,
}


_LEAVE_OUT = (bt.filters.SessionFilter, bt.filters.SessionFilterSimple)
"""Filters of Backtrader's that leave candles out and the others as they are."""

_FEW = 5
"""As many rows, and one at least follows another at once."""


def is_stock(data: Any) -> bool:
    """Whether the feed is one of Backtrader's own kind: ours know their `interval`."""
    return not hasattr(data, "interval")


def interval_of(data: Any) -> int:
    """Length of the feed's candles in milliseconds: its `interval`, else its timeframe.

    Raises DataError for a length that does not divide the day.
    """
    if not is_stock(data):
        return int(data.interval)
    interval: int = _UNITS.get(data._timeframe, 0) * data._compression
    if not interval or DAY % interval:
        name = bt.TimeFrame.getname(data._timeframe, data._compression)
        raise DataError(
            f"the feed's candles are {data._compression} {name}: base candles must divide the "
            "day, such as timeframe=bt.TimeFrame.Minutes, compression=15"
        )
    return interval


def is_daily(data: Any) -> bool:
    """Whether the feed's times are days: Backtrader's own feeds date a daily candle by the
    end of its session, such as 23:59:59.999990."""
    return is_stock(data) and bool(data._timeframe >= bt.TimeFrame.Days)


def open_time(number: float, daily: bool) -> int:
    """Milliseconds since the epoch of a candle that Backtrader dates by `number`."""
    return milliseconds(math.floor(number) if daily else number)


def open_times(numbers: Floats, daily: bool = False) -> Times:
    """`open_time` of an array."""
    whole = np.floor(numbers) if daily else numbers
    return np.rint((whole - EPOCH_DAY) * DAY).astype(np.int64)


def candles_of(data: Any, count: int) -> Candles:
    """The first `count` candles of the feed: the series that it plays where it holds one
    of that length, else its buffers, copied."""
    series = getattr(data, "candles", None)
    if isinstance(series, Candles) and len(series.time) == count:
        return series
    return Candles(
        open_times(column(data.datetime, count), is_daily(data)),
        column(data.open, count),
        column(data.high, count),
        column(data.low, count),
        column(data.close, count),
        column(data.volume, count),
        interval_of(data),
    )


def known_candles(data: Any) -> Candles | None:
    """All candles of a feed that has them before the run, None for one that loads them as it
    goes. Raises DataError for a stock feed that cannot be traded."""
    if data.resampling or data.replaying:
        raise DataError(
            "the feed is resampled or replayed: give the base candles themselves, higher "
            "timeframes are built from them (C1)"
        )
    _require_unfiltered(data)
    if not is_stock(data):
        return getattr(data, "candles", None)
    count = data.buflen()
    if not count:
        return None
    candles = candles_of(data, count)
    require_usable(candles)
    if count > _FEW:
        require_followed(np.diff(candles.time), candles.interval)
    return candles


def _require_unfiltered(data: Any) -> None:
    """Raise DataError for a filter of Backtrader's that makes other candles of the market's; warn
    of a user's own, of which nobody knows."""
    for given, *_ in data._filters:
        found = getattr(given, "ffilter", given)  # addfilter_simple wraps it
        if isinstance(found, _LEAVE_OUT):
            continue
        kind = found if hasattr(found, "__name__") else type(found)
        told = f"the feed has the filter {kind.__name__}, and orders fill at the prices"
        if kind.__module__.partition(".")[0] != bt.__name__:
            text = f"{told} that it leaves: they have to be the market's own"
            warnings.warn(text, UserWarning, stacklevel=2)
            continue
        raise DataError(
            f"{told} of its candles, which no market had: put it on a second feed to look at, or "
            "work its values out in the signal"
        )


def as_candles(rows: Candles | Sequence[Sequence[float]], interval: int) -> Candles:
    """Candles, or plain rows (time, open, high, low, close, volume), as candles."""
    if isinstance(rows, Candles):
        return rows
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise DataError(
            "past must be stoptrail.Candles, or a list of rows of time (ms), open, high, low, "
            f"close and volume, not {type(rows).__name__} (optstrategy takes a list of them)"
        )
    time, *values = zip(*rows, strict=True) if rows else [()] * 6
    columns = [np.array(each, np.float64) for each in values]
    return Candles._make([np.array(time, np.int64), *columns, interval])


def following(past: Candles, candles: Candles) -> Candles:
    """`candles` behind those of `past`."""
    if not len(past.time):
        return candles
    columns = [np.concatenate(pair) for pair in zip(past[:6], candles[:6], strict=True)]
    return Candles._make([*columns, candles.interval])


def column(line: Any, count: int) -> Floats:
    """The first `count` values of a line, copied."""
    return np.array(line.array, dtype=np.float64)[:count]


def write(line: Any, values: Any, end: int) -> None:
    """Set the first `end` values of a preallocated line buffer."""
    np.frombuffer(line.array, dtype=np.float64)[:end] = values[:end]


def lent(column: Floats | Sides) -> memoryview:
    """The column itself as a line's array, which gives Python's numbers as `array` does."""
    whole: Any = np.ascontiguousarray(column)
    return memoryview(whole)


def current(data: Any, daily: bool) -> tuple[int, float, float, float, float, float]:
    """Open time, open, high, low, close and volume of the feed's candle at hand."""
    return (
        open_time(data.datetime[0], daily),
        data.open[0],
        data.high[0],
        data.low[0],
        data.close[0],
        data.volume[0],
    )


def require_usable(candles: Candles) -> None:
    """Raise DataError where a stock feed's candles are not what the contract takes: open
    times in UTC, ascending, `interval` apart or more; prices; a volume."""
    _require_times(candles)
    prices = np.array(candles[1:5])
    _refuse(
        candles,
        ~(prices.min(axis=0) > 0.0) | (candles.high < prices.max(axis=0)),
        "has no usable prices (open {open:g}, high {high:g}, low {low:g}, close {close:g})",
    )
    _refuse(
        candles,
        np.isnan(candles.volume),
        "has no volume, and a candle without volume fills nothing (C2): give the feed a volume "
        "column, of ones where it is unknown",
    )


def _require_times(candles: Candles) -> None:
    time, interval = candles.time, candles.interval
    name = timeframe_name(interval)
    steps = np.diff(time, prepend=time[:1] - interval)
    if interval == DAY and (steps == 0).any():
        raise DataError(
            "the feed says that its candles are 1d, but several rows are of one day "
            f"({iso(int(time[steps.argmin()]))}): give it timeframe=bt.TimeFrame.Minutes with its "
            "compression, or remove the rows that come twice"
        )
    _refuse(candles, steps <= 0, "does not come after the one before it: sort the rows")
    if (steps < interval).any():
        least = int(steps.min())
        raise DataError(
            f"the feed says that its candles are {name}, but rows are {least // MINUTE_MS} minutes "
            f"apart at {iso(int(time[steps.argmin()]))}: give it timeframe=bt.TimeFrame.Minutes, "
            f"compression={max(1, least // MINUTE_MS)}"
        )
    _refuse(
        candles,
        time % interval != 0,
        f"is no open time of a {name} candle: rows are dated by their open, in UTC",
    )


def require_followed(steps: Times, interval: int) -> None:
    """Raise DataError where no candle follows another at once: `steps` between open times, ms, of
    a feed that says `interval`, are those of longer ones."""
    if steps.min() == interval:
        return
    name, least = timeframe_name(interval), int(steps.min()) // MINUTE_MS
    raise DataError(
        f"the feed says that its candles are {name}, but no two rows are less than {least} minutes "
        f"apart: give it timeframe=bt.TimeFrame.Minutes, compression={least}"
    )


def _refuse(candles: Candles, faulty: Any, why: str) -> None:
    if not faulty.any():
        return
    row = int(np.flatnonzero(faulty)[0])
    values = {name: getattr(candles, name)[row] for name in ("open", "high", "low", "close")}
    raise DataError(f"the feed's candle of {iso(int(candles.time[row]))} {why.format(**values)}")
