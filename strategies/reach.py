"""What a chandelier hangs from, as an indicator of Backtrader's."""

from __future__ import annotations

from collections import deque
from typing import Any

from stoptrail.rules.jit import compiled
from stoptrail.rules.window import reaches
from stoptrail.strategies.indicators import CandleIndicator


class _ReachStep:
    """`reaches` one candle at a time."""

    def __init__(self, period: int) -> None:
        self._highs: deque[float] = deque(maxlen=period)
        self._lows: deque[float] = deque(maxlen=period)

    def step(
        self, time: int, open_: float, high: float, low: float, close: float, volume: float
    ) -> tuple[float, float]:
        del time, open_, close, volume
        self._highs.append(high)
        self._lows.append(low)
        return max(self._highs), min(self._lows)


class RecentExtremes(CandleIndicator):
    """The highest and the lowest price of the last `period` base candles, which a chandelier
    hangs from (C18)."""

    lines = ("highest", "lowest")
    params = (("period", 22),)

    def over(self, candles: Any) -> tuple[Any, ...]:
        """Highest and lowest."""
        return compiled(reaches)(candles, int(self.p.period))

    def stepper(self, interval: int) -> Any:
        """The last candles, kept."""
        del interval
        return _ReachStep(int(self.p.period))
