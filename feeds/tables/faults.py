"""What can be wrong with candle columns: each rule once, for loading and for `data check`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.time import DAY_MS, HOUR_MS, MINUTE_MS, iso
from stoptrail.feeds.tables.columns import PRICES, VALUES, Columns
from stoptrail.rules.candles import Times


class Fault(NamedTuple):
    """One rule that some rows break."""

    column: str
    rows: NDArray[np.intp]
    """Indices of the offending rows, ascending, at least one."""
    rule: str
    """What is wrong with the value, to follow it in a sentence."""
    remedy: str


SORT = "sort the file by open time"


def order_faults(time: Times) -> Iterator[Fault]:
    """Rows whose open time precedes that of the row before."""
    back = np.concatenate([[False], np.diff(time) < 0])
    if (odd := _misplaced(time, back)) is not None:
        rule = "is earlier than the row before" if back[odd] else "is later than the row behind"
        only = np.arange(len(time)) == odd
        yield from _fault("time", only, rule, "mend its time, or remove the row")
        return
    remedy = SORT
    if _midnights_early(time, back):
        remedy = "add a day to it and to its like: midnight has the date of the day that it ends"
    yield from _fault("time", back, "is earlier than the row before", remedy)


def _midnights_early(time: Times, back: NDArray[np.bool_]) -> bool:
    """Whether all rows that go back are a day too early, where to sort them would put each among
    the candles of another day."""
    step, rows = usual_step(time), np.flatnonzero(back)
    alone = np.diff(time)[rows - 1] == step - DAY_MS
    return len(rows) > 1 and 0 < step < DAY_MS and bool(np.all(alone))


def _misplaced(time: Times, back: NDArray[np.bool_]) -> int | None:
    """The one row without which all are in order, where no hole among them is its place: to sort
    it would leave a candle of a wrong time. None where there is none."""
    breaks = np.flatnonzero(back)
    if len(breaks) != 1:
        return None
    step = usual_step(time)
    for odd in (int(breaks[0]), int(breaks[0]) - 1):
        rest = np.delete(time, odd)
        if not np.all(np.diff(rest) > 0):
            continue
        place = int(np.searchsorted(rest, time[odd]))
        around = rest[max(0, place - 1) : place + 1]
        hole = len(around) == 2 and around[1] - around[0] > step
        if not hole and not np.any(np.abs(around - time[odd]) == step):
            return odd
    return None


def cut_clock(time: Times) -> str:
    """What to say of times that repeat for want of a part of them; "" of others."""
    own = len(np.unique(time))
    if own == len(time):
        return ""
    if own < len(time) / 2 and not np.any(time % DAY_MS):
        return "the times tell the day alone, which many rows have: give the time of day too"
    if own < len(time) / 2 and not np.any(time % HOUR_MS):
        return "the times tell the hour alone, which several rows have: give the minutes too"
    hours = time % DAY_MS // HOUR_MS
    if np.min(hours) > 0 and np.max(hours) == _NOON and np.ptp(time) > DAY_MS:
        return (
            "the hours go from 1 to 12 and come twice: they are of a clock with AM and PM, which "
            "the times lack; export them with it, or with 24 hours"
        )
    return ""


_NOON = 12


_FEW, _SHARE = 3, 0.001
"""Rows without volume for which those of all others are not to be given up."""
_ZONE_MS = 900_000
"""What the offsets of all zones are multiples of."""


def alignment_faults(
    time: Times, interval: int, timeframe: str, local: bool = True
) -> Iterator[Fault]:
    """Rows that do not open on a multiple of the timeframe; `local` is whether their times may be
    of another zone."""
    rule = f"does not open on a {timeframe} boundary (UTC)"
    remedy = "set data.zone where the times are local, data.timeframe where it is another"
    off = time[time % interval != 0]
    if not local or np.any(off % _ZONE_MS):
        remedy = (
            f"give candles of {timeframe} that open at 00:00 UTC, or shorter ones, of which they "
            "are built"
        )
    if 0 < len(off) < len(time) / 2 and np.any(off % _ZONE_MS):
        remedy = "mend the time, or remove the row"
    if len(off) == len(time) and np.all(2 * off % (2 * interval) == interval):
        remedy += "; if the times are the middles of candles, write them half a candle earlier"
    if len(off) == len(time) and np.all(off % interval == interval - MINUTE_MS):
        remedy = 'if the times are the last minutes of candles, set data.stamp = "close"'
    yield from _fault("time", time % interval != 0, rule, remedy)


def value_faults(columns: Columns) -> Iterator[Fault]:
    """Rows with a price or volume that no candle can have."""
    remedy = "mend or remove the row"
    for name in VALUES:
        bad = ~np.isfinite(getattr(columns, name))
        many = name == "volume" and np.sum(bad) > max(_FEW, _SHARE * len(bad))
        more = ', or set data.volume = "unknown"' if many else ""
        yield from _fault(name, bad, "is missing or not a finite number", remedy + more)
    for name in PRICES:
        bad = getattr(columns, name) <= 0
        yield from _fault(name, bad, "is not a positive price", remedy)
    yield from _fault("volume", columns.volume < 0, "is negative", remedy)
    yield from _fault("high", columns.high < columns.low, "is below the low", remedy)
    for name in ("open", "close"):
        value = getattr(columns, name)
        yield from _fault(name, value > columns.high, "is above the high", remedy)
        yield from _fault(name, value < columns.low, "is below the low", remedy)


def describe(columns: Columns, fault: Fault, place: Callable[[int], str]) -> str:
    """The first row of a fault: `row 12 (line 13), 2021-06-22T00:00:00Z: high = 3.0 is below
    the low`; `place` tells where in the file a row stands."""
    row = int(fault.rows[0])
    value = getattr(columns, fault.column)[row]
    shown = iso(int(value)) if fault.column == "time" else f"{value:.10g}"
    where = "" if fault.column == "time" else f", {iso(int(columns.time[row]))}"
    return f"{place(row)}{where}: {fault.column} = {shown} {fault.rule}"


def usual_step(time: Times) -> int:
    """The most frequent distance between neighbouring open times in order, 0 without any."""
    ordered = time if np.all(time[1:] >= time[:-1]) else np.sort(time)
    found: Counter[int] = Counter()
    for first in range(0, len(ordered), _AT_ONCE):  # a copy of a long column is large
        step = np.diff(ordered[first : first + _AT_ONCE + 1])
        values, counts = np.unique(step[step > 0], return_counts=True)
        found.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
    return max(sorted(found), key=found.__getitem__, default=0)


_AT_ONCE = 1 << 16


def _fault(column: str, bad: NDArray[np.bool_], rule: str, remedy: str) -> Iterator[Fault]:
    rows = np.flatnonzero(bad)
    if len(rows):
        yield Fault(column, rows, rule, remedy)
