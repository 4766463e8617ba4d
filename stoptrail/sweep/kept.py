"""What the windows of a walk-forward share: candles cut for an ATR, funding, day marks, and the
signals of a grid.

The train window that follows a test window ends where that one ends.

A signal that looks back only says the same of a candle however many follow it: what it
says of all candles holds for the first part of them. The shipped signals have `causal` for
that, and tests that cut the candles; any other signal is asked anew for each window.
"""

from __future__ import annotations

from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.backtest.inputs import Inputs, atr_of, signals_of
from stoptrail.backtest.plan import Plan
from stoptrail.core.program import is_plain
from stoptrail.rules.candles import Candles, Sides
from stoptrail.rules.types import Setups, beginnings
from stoptrail.sweep.kernel.blocks import Nodes, nodes_of
from stoptrail.sweep.kernel.days import Midnights, midnights_of
from stoptrail.sweep.kernel.flow import Flows

_ENDS = 2
"""How many first parts of the candles have their nodes kept."""


class _Cut:
    """What is kept of some first candles."""

    def __init__(self) -> None:
        self.nodes: dict[tuple[int, int], Nodes] = {}
        self.flows: Flows | None = None
        self.midnights: tuple[object, int, Midnights] | None = None


class Cuts:
    """Nodes of the first candles of a market, by how many these are and by the ATR; and what the
    kernel makes of their funding."""

    def __init__(self) -> None:
        self._kept: dict[int, _Cut] = {}
        self._lock = Lock()

    def nodes(self, plan: Plan, candles: Candles) -> Nodes:
        """`candles`, all or the first of the market's, cut for the plan's ATR; threads that
        miss at once wait for the first of them."""
        key = (plan.atr_interval, plan.atr_period)
        with self._lock:
            by_atr = self._of(len(candles.time)).nodes
            if key not in by_atr:
                by_atr[key] = nodes_of(candles, atr_of(plan, candles))
            return by_atr[key]

    def flows(self, inputs: Inputs) -> Flows:
        """The funding of `inputs`, all candles or the first of the market's."""
        with self._lock:
            cut = self._of(len(inputs.candles.time))
            cut.flows = cut.flows or Flows(inputs.funding, inputs.candles.close)
            return cut.flows

    def midnights(self, inputs: Inputs, blocks: int) -> Midnights:
        """The marks of `inputs`, whose days `blocks` blocks share."""
        flows = self.flows(inputs)
        with self._lock:
            cut = self._of(len(inputs.candles.time))
            kept = cut.midnights
            if kept is None or kept[0] is not inputs.marks.time or kept[1] != blocks:
                made = midnights_of(inputs.marks, inputs.candles.close, blocks, flows.sums)
                kept = cut.midnights = inputs.marks.time, blocks, made
            return kept[2]

    def _of(self, count: int) -> _Cut:
        """What is kept of the first `count` candles, which are the last to be let go of."""
        found = self._kept.pop(count, None) or _Cut()
        if len(self._kept) == _ENDS:
            del self._kept[next(iter(self._kept))]
        self._kept[count] = found
        return found


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


class ZoneStarts:
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
