"""Structure filter on 4h candles: which side the swings between trend and moment allow.

Kinds, with n the period in candles of the timeframe; the value is the side that the
structure favours, and a trade is allowed unless it favours the other one:

none        no structure is asked for: always 0
channel     the side on which a close last left the n candles before it
average     close against EMA(n)
swing       higher low and higher high of the last n candles against the n before: 1;
            both lower: -1; mixed: 0

Each is unknown until it says the same whenever the data begin: channel until the first
break, average for 10 n candles.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np

from stoptrail.rules.averages import EMA_START, EmaState, ema_step
from stoptrail.rules.candles import Floats
from stoptrail.rules.jit import rule
from stoptrail.rules.trend import channel_side, ring_extremes, sign

StructureKind = Literal["none", "channel", "average", "swing"]
STRUCTURE_KINDS: tuple[StructureKind, ...] = get_args(StructureKind)

NO_STRUCTURE, CHANNEL, AVERAGE, SWING = range(4)
"""Position of each kind in STRUCTURE_KINDS: compiled code takes the number."""

SETTLED_PERIODS = 10
"""Periods after which how an EMA began weighs less than a billionth of a price's move."""


class StructureState(NamedTuple):
    """Running structure after `seen` candles. The rings hold the last 2 * period
    candles, candle k at k modulo their length; `structure_step` writes into them."""

    seen: int
    average: EmaState
    highs: Floats
    lows: Floats
    value: float
    """1.0, -1.0 or 0.0; NaN while warming up."""


@rule
def structure_start(period: int) -> StructureState:
    """State before the first candle; each run needs a new one."""
    size = 2 * period
    return StructureState(0, EMA_START, np.zeros(size), np.zeros(size), np.nan)


@rule
def swing(state: StructureState, period: int) -> float:
    """Last `period` candles against the `period` before them."""
    if state.seen < 2 * period:
        return np.nan
    highs, lows, half = state.highs, state.lows, state.seen - period
    top, bottom = ring_extremes(highs, lows, half, state.seen)
    earlier_top, earlier_bottom = ring_extremes(highs, lows, half - period, half)
    if top > earlier_top and bottom > earlier_bottom:
        return 1.0
    if top < earlier_top and bottom < earlier_bottom:
        return -1.0
    return 0.0


@rule
def channel(state: StructureState, close: float, period: int) -> float:
    """As `channel_side`; NaN before the first break."""
    if state.seen <= period:
        return np.nan
    return channel_side(state.highs, state.lows, state.seen - 1, close, period, state.value)


@rule
def structure_step(
    state: StructureState, high: float, low: float, close: float, kind: int, period: int
) -> StructureState:
    """One more candle; `kind` is the position in STRUCTURE_KINDS; period 2 or more."""
    slot = state.seen % len(state.highs)
    state.highs[slot] = high
    state.lows[slot] = low
    average = ema_step(state.average, close, period)
    fed = StructureState(state.seen + 1, average, state.highs, state.lows, state.value)
    value = 0.0
    if kind == CHANNEL:
        value = channel(fed, close, period)
    elif kind == AVERAGE:
        value = sign(close - average.value) if fed.seen >= SETTLED_PERIODS * period else np.nan
    elif kind == SWING:
        value = swing(fed, period)
    return StructureState(fed.seen, average, fed.highs, fed.lows, value)


@rule
def structure(high: Floats, low: Floats, close: Floats, kind: int, period: int) -> Floats:
    """Structure after each candle, shape (n,): 1.0, -1.0, 0.0, NaN while warming up."""
    out = np.empty(len(close))
    state = structure_start(period)
    for i in range(len(close)):
        state = structure_step(state, high[i], low[i], close[i], kind, period)
        out[i] = state.value
    return out
