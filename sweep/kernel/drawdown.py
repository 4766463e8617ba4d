"""Drawdown at every close of a trade, looked at only where it can change."""

from __future__ import annotations

import numpy as np

from rules.candles import Floats, Times
from rules.jit import rule
from rules.metrics import Drawdown, drawdown_step
from rules.trade import Position, Terms, marked
from sweep.kernel.progress import Progress
from sweep.kernel.segments import BOTTOM_CLOSE, CLOSE, TIME, TOP_CLOSE

_STRETCH = 32
"""Candles that are looked at together, at least."""


@rule
def held_drawdown(
    state: Drawdown,
    bars: Floats,
    begin: Times,
    rows: Floats,
    segment: int,
    entry: int,
    last: int,
    interval: int,
    end: Progress,
    balance: float,
    position: Position,
    terms: Terms,
) -> Drawdown:
    """`state` after the closes of the candles [entry, last) of a trade that went as `end`
    says and began in `segment`; bars, begin, rows: of sweep.kernel.segments; balance: cash
    before the entry.
    """
    if last <= entry:
        return state
    side = position.held.side
    first, until = int(bars[entry, TIME]) + interval, int(bars[last - 1, TIME]) + interval
    best, worst = end.best_close, end.worst_close
    after, known = bounded(state, best, worst, first, until, balance, position, terms)
    if known:
        return after
    high_close, low_close = (TOP_CLOSE, BOTTOM_CLOSE) if side > 0 else (BOTTOM_CLOSE, TOP_CLOSE)
    i = entry
    while i < last:
        whole, stop = i == begin[segment], i
        best, worst = -np.inf, np.inf
        while stop < last and stop - i < _STRETCH:
            best = max(best, side * rows[segment, high_close])
            worst = min(worst, side * rows[segment, low_close])
            segment += 1
            stop = begin[segment]
        whole, stop = whole and stop <= last, min(stop, last)
        first, until = int(bars[i, TIME]) + interval, int(bars[stop - 1, TIME]) + interval
        after, known = bounded(state, best, worst, first, until, balance, position, terms)
        # A part of a segment need not attain the bounds of the whole.
        if known and (whole or after.peak == state.peak):
            state = after
        else:
            state = closes_drawdown(state, bars, i, stop, interval, balance, position, terms)
        i = stop
    return state


@rule
def bounded(
    state: Drawdown,
    best: float,
    worst: float,
    first: int,
    until: int,
    balance: float,
    position: Position,
    terms: Terms,
) -> tuple[Drawdown, bool]:
    """`state` after closes within [worst, best], times the side, from `first` to `until`,
    and whether that is known without looking at each.

    Equity is monotone in the signed close and falls with the borrow, in float64 too: the
    best close at the first time and the worst at the last one bound it. The deepest fall
    is at most that from the highest possible peak to the lowest value. For a long, which
    pays no borrow, the highest value is attained.
    """
    side = position.held.side
    high = marked(balance, position, side * best, first, terms)
    low = marked(balance, position, side * worst, until, terms)
    peak = max(state.peak, high)
    if 1.0 - low / peak > state.worst:
        return state, False
    if high < state.peak:
        return state, True
    return Drawdown(peak, state.worst), side > 0


@rule
def closes_drawdown(
    state: Drawdown,
    bars: Floats,
    entry: int,
    last: int,
    interval: int,
    balance: float,
    position: Position,
    terms: Terms,
) -> Drawdown:
    """`state` after each of the closes of the candles [entry, last).

    Between two peaks only the lowest equity matters (rules.metrics.drawdown_step), so
    that a step is taken at the peaks and at the lowest value after each.
    """
    lowest = state.peak
    for i in range(entry, last):
        closes = int(bars[i, TIME]) + interval
        equity = marked(balance, position, bars[i, CLOSE], closes, terms)
        if equity >= state.peak:
            if lowest < state.peak:
                state = drawdown_step(state, lowest)
            state = drawdown_step(state, equity)
            lowest = equity
        else:
            lowest = min(lowest, equity)
    return drawdown_step(state, lowest) if lowest < state.peak else state
