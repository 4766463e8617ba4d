"""Candles as ccxt gives them: rows of numbers, checked one by one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import pairwise
from typing import Any

from stoptrail.core.errors import ExchangeError
from stoptrail.core.time import timeframe_name

Row = tuple[int, float, float, float, float, float]
"""Open time in milliseconds, open, high, low, close, volume."""

_WIDEST = 1e4
"""A candle whose high is more than so many times its low is a mistake."""


def open_time(entry: Any) -> int | None:
    """The open time of a row, or None where it cannot be read."""
    try:
        return int(entry[0])
    except (TypeError, ValueError, IndexError, KeyError, OverflowError):
        return None


def candle_row(entry: Any) -> Row | None:
    """`entry` as a candle, or None where it cannot be one."""
    try:
        at, *values = entry
        row = (int(at), *(float(value) for value in values[:5]))
    except (TypeError, ValueError, OverflowError):
        return None
    if len(row) != 6 or not all(map(math.isfinite, row)):
        return None
    _, open_, high, low, close, volume = row
    if not 0.0 < low <= min(open_, close) <= max(open_, close) <= high or volume < 0.0:
        return None
    if high > low * _WIDEST:
        return None
    return int(row[0]), open_, high, low, close, volume


def product(value: float, size: float) -> float:
    """As decimals give it: 0.1 * 0.01 is 0.001."""
    return float(Decimal(str(value)) * Decimal(str(size)))


def in_coins(row: Row, size: float) -> Row:
    """`row` with its volume in coins, where it counts contracts of `size` coins."""
    return row if size == 1.0 else (*row[:5], product(row[5], size))


def is_quiet(entry: Any) -> bool:
    """Whether a row has a time and no prices (none, or zeros): nothing was traded then."""
    try:
        return open_time(entry) is not None and not any(entry[1:6]) and len(entry) > 4
    except TypeError:
        return False


def shift_of(entries: Iterable[Any], interval: int) -> int:
    """Milliseconds after 00:00 UTC's grid at which all of these rows open; 0 where they
    are on it, or do not agree."""
    shifts = {at % interval for at in map(open_time, entries) if at is not None}
    return shifts.pop() if len(shifts) == 1 else 0


class ShiftedError(ExchangeError):
    """Candles do not open on multiples of their length since 00:00 UTC."""

    def __init__(self, shift: int) -> None:
        super().__init__(f"candles open {shift // 60_000} minutes off the grid of UTC")
        self.shift = shift
        """Milliseconds by which they open later."""


class LengthError(ExchangeError):
    """Candles are shorter than those that were asked for."""

    def __init__(self, step: int) -> None:
        super().__init__(f"candles come every {step // 1000} seconds")
        self.step = step
        """Milliseconds from one to the next."""


def other_length(exchange_id: str, step: int, interval: int) -> str:
    """What is said where candles of `step` come instead of `interval`, milliseconds."""
    return (
        f"{exchange_id} answers with candles of {timeframe_name(step)} where "
        f"{timeframe_name(interval)} are asked for; set another data.timeframe"
    )


def step_of(entries: Iterable[Any]) -> int:
    """Milliseconds between neighbouring rows where all but a few agree, 0 elsewhere."""
    times = sorted({at for at in map(open_time, entries) if at is not None})
    steps = Counter(after - before for before, after in pairwise(times))
    if len(times) < _SURE:
        return 0
    step, count = steps.most_common(1)[0]
    return step if count > _MOST * steps.total() else 0


_SURE = 12
"""Rows whose distances tell how long candles are."""
_MOST = 0.9


def rows_from(
    entries: Iterable[Any], since: int, interval: int, odd: Callable[[Any], None]
) -> list[Row]:
    """Candles at or after `since`, ascending; quiet rows are none. Of equal times the one with more
    volume is kept, the last of equal ones: an unfinished copy has less.

    `odd` is told of entries that are no candle, and of those off the grid where all are. Raises
    ShiftedError where all open off the grid by the same time, LengthError where they are shorter
    than `interval`.
    """
    found: dict[int, Row] = {}
    entries = [entry for entry in entries if not is_quiet(entry)]
    if 0 < (step := step_of(entries)) < interval:
        raise LengthError(step)
    for entry in entries:
        row = candle_row(entry)
        if row is None:
            odd(entry)
        elif row[0] % interval == 0 and row[0] >= since:
            known = found.get(row[0])
            if known is None or row[5] >= known[5]:
                found[row[0]] = row
    if not found and (shift := shift_of(entries, interval)):
        raise ShiftedError(shift)
    if not found:
        for entry in entries:
            if (open_time(entry) or 0) % interval:
                odd(entry)
    return [found[time] for time in sorted(found)]
