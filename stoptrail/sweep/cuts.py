"""Candles cut into nodes for the stop's ATR, kept for what looks at the same candles again.

The train window that follows a test window ends where that one ends.
"""

from __future__ import annotations

from threading import Lock

from stoptrail.backtest.inputs import atr_of
from stoptrail.backtest.plan import Plan
from stoptrail.rules.candles import Candles
from stoptrail.sweep.kernel.blocks import Nodes, nodes_of

_ENDS = 2
"""How many first parts of the candles have their nodes kept."""


class Cuts:
    """Nodes of the first candles of a market, by how many these are and by the ATR."""

    def __init__(self) -> None:
        self._kept: dict[int, dict[tuple[int, int], Nodes]] = {}
        self._lock = Lock()

    def nodes(self, plan: Plan, candles: Candles) -> Nodes:
        """`candles`, all or the first of the market's, cut for the plan's ATR; threads that
        miss at once wait for the first of them."""
        key = (plan.atr_interval, plan.atr_period)
        with self._lock:
            by_atr = self._of(len(candles.time))
            if key not in by_atr:
                by_atr[key] = nodes_of(candles, atr_of(plan, candles))
            return by_atr[key]

    def _of(self, count: int) -> dict[tuple[int, int], Nodes]:
        """What is kept of the first `count` candles, which are the last to be let go of."""
        found = self._kept.pop(count, {})
        if len(self._kept) == _ENDS:
            del self._kept[next(iter(self._kept))]
        self._kept[count] = found
        return found
