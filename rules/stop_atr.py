"""The ATR that stops are made of: on its own timeframe, as base candles see it (C1, C7)."""

from __future__ import annotations

from rules.atr import atr
from rules.candles import Candles, Floats
from rules.jit import compiled
from rules.timeframes import higher_candles, spread


def stop_atr(candles: Candles, interval: int, period: int) -> Floats:
    """Wilder's ATR over `period` candles of `interval` milliseconds, as visible at the
    close of each base candle, in price units, shape (n,); NaN while warming up."""
    bars = compiled(higher_candles)(candles, interval)
    values = compiled(atr)(bars.high, bars.low, bars.close, period)
    seen: Floats = compiled(spread)(values, bars.visible, len(candles.time))
    return seen
