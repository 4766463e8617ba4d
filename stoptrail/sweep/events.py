"""The signals of a grid, kept for the train windows of walk-forward.

A signal that looks back only says the same of a candle however many follow it: what it
says of all candles holds for the first part of them. The shipped signals have `causal` for
that, and tests that cut the candles; any other signal is asked anew for each window.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.backtest.inputs import signals_of
from stoptrail.backtest.plan import Plan
from stoptrail.core.roads import is_plain
from stoptrail.rules.candles import Candles, Sides
from stoptrail.rules.types import Setups, beginnings

_MOST = 4_000_000
"""Events that are kept of all signals together: some 20 MB."""
_NO_TURN: Sides = np.empty(0, np.int8)


class Begun(NamedTuple):
    """Where the zones of a signal begin."""

    setups: Setups
    warm: int


class _Short(NamedTuple):
    """The same in little room."""

    candle: NDArray[np.int32]
    side: Sides
    warm: int


class Events:
    """Where zones begin, by the number of a grid's group, over all candles of a sweep."""

    def __init__(self, candles: Candles) -> None:
        self._candles = candles
        self._kept: dict[int, _Short] = {}
        self._count = 0

    def begun(self, group: int, plan: Plan, candles: Candles, *, with_turn: bool) -> Begun:
        """The events of the group's signal on `candles`, all or the first of them; without
        their turns unless these are wanted."""
        if with_turn or is_plain() or not getattr(plan.signal, "causal", False):
            signals = signals_of(plan, candles)
            return Begun(beginnings(signals), signals.warm)
        kept = self._kept.get(group) or self._added(group, plan)
        count = len(candles.time)
        end = int(np.searchsorted(kept.candle, count))
        candle, side = (column[:end].astype(np.int64) for column in (kept.candle, kept.side))
        return Begun(Setups(candle, side, _NO_TURN, 0), min(kept.warm, count))

    def _added(self, group: int, plan: Plan) -> _Short:
        signals = signals_of(plan, self._candles)
        whole = beginnings(signals)
        found = _Short(whole.candle.astype(np.int32), whole.side.astype(np.int8), signals.warm)
        if self._count + len(found.candle) <= _MOST:
            self._count += len(found.candle)
            self._kept[group] = found
        return found
