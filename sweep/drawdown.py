"""Drawdown at every close of a trade, looked at only where it can change."""

from __future__ import annotations

from rules.candles import Candles
from rules.jit import rule
from rules.metrics import Drawdown, drawdown_step
from rules.trade import Position, Terms, marked


@rule
def held_drawdown(
    state: Drawdown,
    candles: Candles,
    entry: int,
    last: int,
    best: float,
    worst: float,
    balance: float,
    position: Position,
    terms: Terms,
) -> Drawdown:
    """`state` after the closes of the candles [entry, last); best, worst: signed bounds of
    these closes.

    Equity is monotone in the signed close and falls with the borrow, in float64 too: the
    best close at the first candle's end and the worst at the last one's bound it. The
    deepest fall is at most that from the highest possible peak to the lowest value.
    """
    if last <= entry:
        return state
    side = position.held.side
    first_close = candles.time[entry] + candles.interval
    last_close = candles.time[last - 1] + candles.interval
    high = marked(balance, position, side * best, first_close, terms)
    low = marked(balance, position, side * worst, last_close, terms)
    peak = max(state.peak, high)
    if 1.0 - low / peak <= state.worst:
        if high < state.peak:
            return state
        if side > 0:  # No borrow: the bound is attained.
            return Drawdown(peak, state.worst)
    for i in range(entry, last):
        closes = candles.time[i] + candles.interval
        state = drawdown_step(state, marked(balance, position, candles.close[i], closes, terms))
    return state
