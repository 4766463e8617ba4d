"""Drawdown at every close of a trade, looked at only where it can change."""

from __future__ import annotations

from rules.candles import Floats
from rules.jit import rule
from rules.metrics import Drawdown, drawdown_step
from rules.trade import Position, Terms, marked
from sweep.segments import CLOSE, TIME


@rule
def held_drawdown(
    state: Drawdown,
    bars: Floats,
    entry: int,
    last: int,
    interval: int,
    best: float,
    worst: float,
    balance: float,
    position: Position,
    terms: Terms,
) -> Drawdown:
    """`state` after the closes of the candles [entry, last); best, worst: bounds of these
    closes, times the side; balance: cash before the entry.

    Equity is monotone in the signed close and falls with the borrow, in float64 too: the
    best close at the first candle's end and the worst at the last one's bound it. The
    deepest fall is at most that from the highest possible peak to the lowest value.
    """
    if last <= entry:
        return state
    side = position.held.side
    first_close = int(bars[entry, TIME]) + interval
    last_close = int(bars[last - 1, TIME]) + interval
    high = marked(balance, position, side * best, first_close, terms)
    low = marked(balance, position, side * worst, last_close, terms)
    peak = max(state.peak, high)
    if 1.0 - low / peak <= state.worst:
        if high < state.peak:
            return state
        if side > 0:  # No borrow: the bound is attained.
            return Drawdown(peak, state.worst)
    return closes_drawdown(state, bars, entry, last, interval, balance, position, terms)


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
