"""Indicators of TA-Lib in a signal: an RSI that turns, where a candle pattern agrees."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import talib
from example_market import candles
from pydantic import Field

import stoptrail


def rsi_turn(
    candles: stoptrail.Candles,
    *,
    period: Annotated[int, Field(ge=2, le=500)] = 56,
    low: Annotated[float, Field(gt=0, lt=50)] = 35.0,
) -> stoptrail.Signals:
    """Long while the RSI is below `low` and an engulfing candle points up; short mirrored.

    TA-Lib's patterns are +-100: `np.sign` makes zones of them. Its warm-up is NaN, which no
    comparison takes for a signal.
    """
    rsi = talib.RSI(candles.close, period)
    pattern = np.sign(talib.CDLENGULFING(candles.open, candles.high, candles.low, candles.close))
    zone = np.where((rsi < low) & (pattern > 0), 1, 0) - np.where(
        (rsi > 100.0 - low) & (pattern < 0), 1, 0
    )
    return stoptrail.Signals(zone.astype(np.int8), np.zeros(len(zone), np.int8), period)


def main() -> None:
    """One run with the figures that tell the most."""
    run = stoptrail.backtest(data=candles(), overrides={"strategy.signal": "talib_signal:rsi_turn"})
    for name in ("trades", "net_return", "sharpe", "profit_factor", "max_drawdown"):
        print(f"{name:>14} {run.metrics[name]}")


if __name__ == "__main__":
    main()
