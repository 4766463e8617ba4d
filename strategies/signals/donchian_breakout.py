"""A worked second signal: the close leaves the channel of the last n 4h candles.

Written as a user would write one: a single vectorised function over `rules`, without a
stepper, so that a live session computes it over the candles so far (docs/signals.md).
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pydantic
from numpy.lib.stride_tricks import sliding_window_view

from stoptrail.core.time import HOUR_MS
from stoptrail.rules.candles import (
    Candles,
    Floats,
    Sides,
    Signals,
    source_of,
)
from stoptrail.rules.jit import compiled
from stoptrail.rules.timeframes import higher_candles, spread

FOUR_HOURS = 4 * HOUR_MS


def donchian_breakout(
    candles: Candles,
    *,
    entry_period: Annotated[int, pydantic.Field(ge=2, le=1000)] = 60,
    exit_period: Annotated[int, pydantic.Field(ge=2, le=1000)] = 20,
) -> Signals:
    """Long zone: the close is above the highest high of the last `entry_period` finished
    4h candles; short zone: below the lowest low. Exit zone: the same with `exit_period`.
    """
    top, bottom = _channel(candles, entry_period)
    exit_top, exit_bottom = _channel(candles, exit_period)
    known = ~(np.isnan(top) | np.isnan(exit_top))
    zone = np.where(known, _outside(candles.close, top, bottom), 0).astype(np.int8)
    exit_zone = _outside(candles.close, exit_top, exit_bottom)
    return Signals(zone, exit_zone, int(known.argmax()) if known.any() else len(known))


def _channel(candles: Candles, period: int) -> tuple[Floats, Floats]:
    """Highest high and lowest low of the last `period` 4h candles, as each base candle
    sees them; NaN before there are that many."""
    bars = compiled(higher_candles)(source_of(candles), FOUR_HOURS)
    top = np.full(len(bars.high), np.nan)
    bottom = top.copy()
    if len(top) >= period:
        top[period - 1 :] = sliding_window_view(bars.high, period).max(axis=1)
        bottom[period - 1 :] = sliding_window_view(bars.low, period).min(axis=1)
    n = len(candles.time)
    return compiled(spread)(top, bars.visible, n), compiled(spread)(bottom, bars.visible, n)


def _outside(close: Floats, top: Floats, bottom: Floats) -> Sides:
    """1 above the channel, -1 below it, 0 within it or where it is not known."""
    outside: Sides = (close > top).astype(np.int8) - (close < bottom).astype(np.int8)
    return outside


donchian_breakout.causal = True  # type: ignore[attr-defined]
