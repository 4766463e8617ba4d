"""Exponential moving average, seeded by the mean of its first values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stoptrail.rules.candles import Floats
from stoptrail.rules.jit import rule


class EmaState(NamedTuple):
    """Running average after `seen` values."""

    seen: int
    total: float
    """Sum of the values until the seed is complete."""
    value: float
    """The average, NaN until `period` values have been seen."""


EMA_START = EmaState(0, 0.0, np.nan)


@rule
def ema_step(state: EmaState, value: float, period: int) -> EmaState:
    """One more value: seeded by the mean of the first `period` values, then
    EMA = EMA + (value - EMA) * 2 / (period + 1)."""
    seen = state.seen + 1
    if seen < period:
        return EmaState(seen, state.total + value, np.nan)
    if seen == period:
        return EmaState(seen, 0.0, (state.total + value) / period)
    return EmaState(seen, 0.0, state.value + (value - state.value) * (2.0 / (period + 1)))


@rule
def ring_ema(ring: Floats, seen: int, period: int, periods: int) -> float:
    """EMA of the last `periods` * `period` values, begun with the first of them; NaN before
    there are that many.

    Value k is in `ring` at k modulo its length. An average that began with the data would
    say something else for data that begin later, however long ago that was.
    """
    size, length = len(ring), periods * period
    if seen < length:
        return np.nan
    state = EMA_START
    for k in range(seen - length, seen):
        state = ema_step(state, ring[k % size], period)
    return state.value
