"""Trend filter on higher-timeframe candles: 1 up, -1 down, 0 neither.

Kinds, with n the period in candles of the timeframe:

ema_cross   EMA(n / 4) against EMA(n)
price_ema   close against EMA(n)
roc         close against the close n candles ago
donchian    the side on which a close last left the n candles before it
agreement   rates of change over n, n / 2 and n / 4 agree, else 0: time-series momentum
            (Moskowitz, Ooi and Pedersen, 2012) at several horizons
momentum    t-statistic of the mean return, averaged over n, n / 2 and n / 4 candles:
            momentum scaled by volatility at several horizons. Its sign where it is above
            `strength` in size, else 0
blend       momentum and price_ema agree, else 0

Each says the same whenever the data begin: an EMA is that of the last 3 n candles, and
donchian is unknown until the first break. `strength` serves momentum and blend only.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, get_args

import numpy as np

from stoptrail.rules.averages import ring_ema
from stoptrail.rules.candles import Floats
from stoptrail.rules.jit import rule

TrendKind = Literal["ema_cross", "price_ema", "roc", "donchian", "agreement", "momentum", "blend"]
TREND_KINDS: tuple[TrendKind, ...] = get_args(TrendKind)
MEASURED: tuple[TrendKind, ...] = ("momentum", "blend")
"""The kinds that measure a strength."""

EMA_CROSS, PRICE_EMA, ROC, DONCHIAN, AGREEMENT, MOMENTUM, BLEND = range(7)
"""Position of each kind in TREND_KINDS: compiled code takes the number."""
EMA_PERIODS = 3
"""Periods of an EMA that count: those before them would weigh 2 %."""


class TrendState(NamedTuple):
    """Running trend after `seen` candles. The rings hold the last EMA_PERIODS * period + 1
    candles, candle k at k modulo their length; `trend_step` writes into them in place."""

    seen: int
    closes: Floats
    highs: Floats
    lows: Floats
    value: float
    """1.0, -1.0 or 0.0; NaN while warming up."""


@rule
def trend_start(period: int) -> TrendState:
    """State before the first candle; each run needs a new one."""
    size = EMA_PERIODS * period + 1
    closes, highs, lows = np.zeros(size), np.zeros(size), np.zeros(size)
    return TrendState(0, closes, highs, lows, np.nan)


@rule
def sign(value: float) -> float:
    """1.0, -1.0 or 0.0; NaN stays NaN."""
    if value > 0.0:
        return 1.0
    if value < 0.0:
        return -1.0
    return value


@rule
def change(state: TrendState, lag: int) -> float:
    """Sign of the last close less the close `lag` candles before it."""
    size = len(state.closes)
    last = state.seen - 1
    return sign(state.closes[last % size] - state.closes[(last - lag) % size])


@rule
def ring_extremes(highs: Floats, lows: Floats, start: int, end: int) -> tuple[float, float]:
    """Highest high and lowest low of the candles from `start` up to, not with, `end`, in rings
    that have candle k at k modulo their length."""
    size = len(highs)
    top, bottom = -np.inf, np.inf
    for k in range(start, end):
        top = max(top, highs[k % size])
        bottom = min(bottom, lows[k % size])
    return top, bottom


@rule
def channel_side(
    highs: Floats, lows: Floats, last: int, close: float, period: int, before: float
) -> float:
    """1.0 or -1.0 where the close of candle `last` left the `period` candles before it, else
    `before`; highs, lows: rings as in `ring_extremes`."""
    top, bottom = ring_extremes(highs, lows, last - period, last)
    if close > top:
        return 1.0
    if close < bottom:
        return -1.0
    return before


@rule
def average_side(state: TrendState, period: int) -> float:
    """Side of the last close from EMA(period); NaN before that is known."""
    slow = ring_ema(state.closes, state.seen, period, EMA_PERIODS)
    return sign(state.closes[(state.seen - 1) % len(state.closes)] - slow)


@rule
def cross(state: TrendState, period: int) -> float:
    """Side of EMA(period / 4) from EMA(period); NaN before both are known."""
    fast = ring_ema(state.closes, state.seen, max(1, period // 4), EMA_PERIODS)
    return sign(fast - ring_ema(state.closes, state.seen, period, EMA_PERIODS))


@rule
def agreement(state: TrendState, period: int) -> float:
    """Common sign of the changes over the period, its half and its quarter, else 0.0."""
    long = change(state, period)
    middle = change(state, max(1, period // 2))
    short = change(state, max(1, period // 4))
    return long if long == middle and middle == short else 0.0


@rule
def return_statistic(state: TrendState, period: int) -> float:
    """Mean of the last `period` simple returns over its standard error, 0.0 without any
    spread. Returns are taken about the first of them, so that equal ones have none."""
    size = len(state.closes)
    last = state.seen - 1
    first = state.closes[(last - period + 1) % size] / state.closes[(last - period) % size] - 1.0
    total, squares = 0.0, 0.0
    for k in range(last - period + 1, last):
        excess = state.closes[(k + 1) % size] / state.closes[k % size] - 1.0 - first
        total += excess
        squares += excess * excess
    mean = total / period
    spread = squares / period - mean * mean
    return (first + mean) * math.sqrt(period / spread) if spread > 0.0 else 0.0


@rule
def momentum(state: TrendState, period: int, strength: float) -> float:
    """Sign of the statistic averaged over three horizons, 0.0 within `strength`."""
    score = return_statistic(state, period)
    score += return_statistic(state, max(2, period // 2))
    score += return_statistic(state, max(2, period // 4))
    return sign(score) if abs(score) > 3.0 * strength else 0.0


@rule
def trend_value(state: TrendState, kind: int, period: int, strength: float) -> float:
    """Trend of the candles in `state`, whose value is still that of the candle before."""
    if kind == EMA_CROSS:
        return cross(state, period)
    if kind == PRICE_EMA:
        return average_side(state, period)
    if state.seen <= period:
        return np.nan
    if kind == ROC:
        return change(state, period)
    if kind == DONCHIAN:
        last = state.seen - 1
        close = state.closes[last % len(state.closes)]
        return channel_side(state.highs, state.lows, last, close, period, state.value)
    if kind == AGREEMENT:
        return agreement(state, period)
    score = momentum(state, period, strength)
    if kind == MOMENTUM:
        return score
    average = average_side(state, period)
    return score if score == average else average * 0.0


@rule
def trend_step(
    state: TrendState,
    high: float,
    low: float,
    close: float,
    kind: int,
    period: int,
    strength: float,
) -> TrendState:
    """One more candle; `kind` is the position in TREND_KINDS."""
    slot = state.seen % len(state.closes)
    state.closes[slot] = close
    state.highs[slot] = high
    state.lows[slot] = low
    fed = TrendState(state.seen + 1, state.closes, state.highs, state.lows, state.value)
    value = trend_value(fed, kind, period, strength)
    return TrendState(fed.seen, fed.closes, fed.highs, fed.lows, value)


@rule
def trend(
    high: Floats, low: Floats, close: Floats, kind: int, period: int, strength: float
) -> Floats:
    """Trend after each candle, shape (n,): 1.0, -1.0, 0.0, NaN while warming up."""
    out = np.empty(len(close))
    state = trend_start(period)
    for i in range(len(close)):
        state = trend_step(state, high[i], low[i], close[i], kind, period, strength)
        out[i] = state.value
    return out
