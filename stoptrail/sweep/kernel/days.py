"""Daily returns and the guard's midnights of a run that leaves out the days without a trade.

Equity does not change while there is no position: only the first mark after a trade has
a return, the others add exact zeros to every sum.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stoptrail.rules.candles import Floats, Times
from stoptrail.rules.funding import NO_FUNDING, Funding, less_total, since_entry
from stoptrail.rules.jit import inner_rule, rule
from stoptrail.rules.measure import worth
from stoptrail.rules.metrics import (
    NO_RETURNS,
    ReturnSums,
    add_return,
    add_to_block,
    block_of,
    daily_return,
)
from stoptrail.rules.protections import Guard, guard_day
from stoptrail.rules.trade import Position, TradeRules
from stoptrail.rules.types import DayMarks


class Midnights(NamedTuple):
    """rules.types.DayMarks, and what is read with a mark side by side."""

    time: Times
    candle: Times
    close: Floats
    """Of that candle, which `net_midnights` makes net of funding; the open of the data where the
    mark is before the first close."""
    block: Times
    """Of the return that ends at the mark."""
    paid: Floats
    """Running sum of funding by the mark (rules.funding.sum_by)."""


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


class KeptRows(NamedTuple):
    """Rows of a combination's results that take the days; either may be empty."""

    block_sums: Floats
    """Shape (blocks, 2)."""
    equity: Floats
    """Shape (d + 1,)."""


def midnights_of(
    marks: DayMarks, closes: Floats, blocks: int, funding: Funding = NO_FUNDING
) -> Midnights:
    """The marks of candles with these `closes`; blocks: how many take sums of returns."""
    days = len(marks.time) - 1
    block: Any = block_of(np.arange(days), days, blocks)  # type: ignore[arg-type]
    close = closes[np.maximum(marks.candle, 0)]
    paid = funding.total[np.searchsorted(funding.time, marks.time, side="right")]
    return Midnights(marks.time, marks.candle, close, np.concatenate(([0], block)), paid)


def net_midnights(midnights: Midnights, scale: float) -> Midnights:
    """With closes less what one unit held long has paid by the mark (rules.funding.less_total)."""
    return midnights._replace(close=less_total(midnights.close, midnights.paid, scale))


@rule
def days_start(cash: float) -> Days:
    """Before the first mark."""
    return Days(0, cash, cash, NO_RETURNS)


@inner_rule
def add_mark(days: Days, value: float, block: int, block_sums: Floats, equity: Floats) -> Days:
    """One more mark, with equity `value`; block: that of the mark; block_sums and equity as
    in Kept."""
    if len(equity) > 0:
        equity[days.mark] = value
    if days.mark == 0:
        return Days(1, value, value, days.sums)
    r = daily_return(days.equity, value)
    if len(block_sums) > 0:
        add_to_block(block_sums, block, r)
    return Days(days.mark + 1, days.first, value, add_return(days.sums, r))


@inner_rule
def add_flat_marks(
    days: Days, end: int, value: float, blocks: Times, block_sums: Floats, equity: Floats
) -> Days:
    """The marks up to `end` (not included), with equity `value` and no position."""
    if days.mark >= end:
        return days
    days = add_mark(days, value, blocks[days.mark], block_sums, equity)
    if len(equity) > 0:
        equity[days.mark : end] = value
    return Days(end, days.first, days.equity, days.sums)


@inner_rule
def add_held_marks(
    days: Days,
    guard: Guard,
    times: Times,
    places: Times,
    closes: Floats,
    blocks: Times,
    last: int,
    balance: float,
    position: Position,
    before: float,
    trade_rules: TradeRules,
    block_sums: Floats,
    equity: Floats,
) -> tuple[Days, Guard]:
    """The marks on candles before `last`, with `position` at the closes; times to blocks
    are the columns of Midnights, closes being net of funding; before: its running sum at the
    entry."""
    while days.mark < len(times) and places[days.mark] < last:
        m = days.mark
        net = since_entry(closes[m], before, trade_rules.costs.funding)
        value = worth(balance, position, net, times[m], trade_rules)
        days = add_mark(days, value, blocks[m], block_sums, equity)
        if m > 0:
            guard = guard_day(guard, value)
    return days, guard


@inner_rule
def marks_before(places: Times, mark: int, candle: int) -> int:
    """The first mark, from `mark` on, that is not on a candle before `candle`."""
    while mark < len(places) and places[mark] < candle:
        mark += 1
    return mark


@inner_rule
def marks_until(times: Times, mark: int, time: int) -> int:
    """The first mark, from `mark` on, that is later than `time`."""
    while mark < len(times) and times[mark] <= time:
        mark += 1
    return mark
