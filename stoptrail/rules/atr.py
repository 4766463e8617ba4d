"""Average true range (Wilder, New Concepts in Technical Trading Systems, 1978)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stoptrail.rules.candles import Candles, Floats, source_of
from stoptrail.rules.jit import compiled, rule
from stoptrail.rules.timeframes import LineMemory, higher_candles, spread


class AtrState(NamedTuple):
    """Running ATR after `seen` candles."""

    seen: int
    close: float
    """Close of the last candle."""
    total: float
    """Sum of the true ranges until the seed is complete."""
    value: float
    """The ATR, NaN until `period` candles have been seen."""


ATR_START = AtrState(0, 0.0, 0.0, np.nan)


@rule
def true_range(high: float, low: float, previous_close: float) -> float:
    """Greatest of high - low, |high - previous close| and |low - previous close|."""
    return max(high, previous_close) - min(low, previous_close)


@rule
def atr_step(state: AtrState, high: float, low: float, close: float, period: int) -> AtrState:
    """One more candle: seeded by the mean of the first `period` true ranges, then
    ATR = (ATR * (period - 1) + TR) / period. The first candle's range is high - low."""
    reach = high - low if state.seen == 0 else true_range(high, low, state.close)
    seen = state.seen + 1
    if seen < period:
        return AtrState(seen, close, state.total + reach, np.nan)
    if seen == period:
        return AtrState(seen, close, 0.0, (state.total + reach) / period)
    return AtrState(seen, close, 0.0, (state.value * (period - 1) + reach) / period)


_memory = LineMemory(8, 32e6)
"""A run asks for its ATR half a dozen times; 1.6 MB each over five years of 15m candles."""


@rule
def atr(high: Floats, low: Floats, close: Floats, period: int) -> Floats:
    """ATR after each candle, in price units, shape (n,); NaN while warming up."""
    out = np.empty(len(close))
    state = ATR_START
    for i in range(len(close)):
        state = atr_step(state, high[i], low[i], close[i], period)
        out[i] = state.value
    return out


def stop_atr(candles: Candles, interval: int, period: int) -> Floats:
    """Wilder's ATR over `period` candles of `interval` milliseconds, as visible at the
    close of each base candle, in price units, shape (n,); NaN while warming up. The same array
    where it is asked for again: not to be written into."""
    candles = source_of(candles)

    def make() -> Floats:
        bars = compiled(higher_candles)(candles, interval)
        values = compiled(atr)(bars.high, bars.low, bars.close, period)
        seen: Floats = compiled(spread)(values, bars.visible, len(candles.time))
        return seen

    # Locked arrays are of another type to compiled code, which would be compiled twice.
    return _memory.line(candles, (interval, period), make, is_locked=False)
