"""Daily returns and the guard's midnights of a run that leaves out the days without a trade.

Equity does not change while there is no position: only the first mark after a trade has
a return, the others add exact zeros to every sum.
"""

from __future__ import annotations

from typing import NamedTuple

from rules.account import DayMarks
from rules.candles import Floats
from rules.jit import rule
from rules.metrics import (
    NO_RETURNS,
    ReturnSums,
    add_return,
    add_to_block,
    block_of,
    daily_return,
)
from rules.protections import Guard, guard_day
from rules.trade import Position, Terms, marked
from sweep.segments import CLOSE


class Days(NamedTuple):
    """Sums over the day marks so far."""

    mark: int
    """The next day mark."""
    first: float
    """Equity at the first mark."""
    equity: float
    """Equity at the last mark."""
    sums: ReturnSums
    """Of the returns; days without a position are not in its count."""


class Kept(NamedTuple):
    """Rows of a combination's results that take the days; either may be empty."""

    block_sums: Floats
    """Shape (blocks, 2)."""
    equity: Floats
    """Shape (d + 1,)."""


@rule
def days_start(cash: float) -> Days:
    """Before the first mark."""
    return Days(0, cash, cash, NO_RETURNS)


@rule
def add_mark(days: Days, value: float, marks: DayMarks, kept: Kept) -> Days:
    """One more mark, with equity `value`."""
    if len(kept.equity) > 0:
        kept.equity[days.mark] = value
    if days.mark == 0:
        return Days(1, value, value, days.sums)
    r = daily_return(days.equity, value)
    blocks = len(kept.block_sums)
    if blocks > 0:
        count = len(marks.time) - 1
        add_to_block(kept.block_sums, block_of(days.mark - 1, count, blocks), r)
    return Days(days.mark + 1, days.first, value, add_return(days.sums, r))


@rule
def add_flat_marks(days: Days, end: int, value: float, marks: DayMarks, kept: Kept) -> Days:
    """The marks up to `end` (not included), with equity `value` and no position."""
    if days.mark >= end:
        return days
    days = add_mark(days, value, marks, kept)
    if days.mark == 1 and end > 1:
        days = add_mark(days, value, marks, kept)
    if len(kept.equity) > 0:
        kept.equity[days.mark : end] = value
    return Days(end, days.first, days.equity, days.sums)


@rule
def add_held_marks(
    days: Days,
    guard: Guard,
    bars: Floats,
    last: int,
    balance: float,
    position: Position,
    terms: Terms,
    marks: DayMarks,
    kept: Kept,
) -> tuple[Days, Guard]:
    """The marks on candles before `last`, with `position` at the closes."""
    end = len(marks.time)
    while days.mark < end and marks.candle[days.mark] < last:
        m = days.mark
        price = bars[marks.candle[m], CLOSE]
        value = marked(balance, position, price, marks.time[m], terms)
        days = add_mark(days, value, marks, kept)
        if m > 0:
            guard = guard_day(guard, value)
    return days, guard


@rule
def marks_before(marks: DayMarks, mark: int, candle: int) -> int:
    """The first mark, from `mark` on, that is not on a candle before `candle`."""
    while mark < len(marks.time) and marks.candle[mark] < candle:
        mark += 1
    return mark


@rule
def marks_until(marks: DayMarks, mark: int, time: int) -> int:
    """The first mark, from `mark` on, that is later than `time`."""
    while mark < len(marks.time) and marks.time[mark] <= time:
        mark += 1
    return mark
