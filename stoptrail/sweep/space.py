"""A grid as the kernel runs it: groups that share signal, sides and ATR, and rows of numbers.

Every key of a grid changes either what a group shares (the signal's parameters, the
sides, the stop's ATR) or some columns of a combination's row. Each value of each key is
resolved once; a million combinations are then filled in by array arithmetic.
"""

from __future__ import annotations

import itertools
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.backtest.inputs import Inputs, plan_for
from stoptrail.backtest.plan import Plan
from stoptrail.config.grid import Grid, settings_for, without_grid
from stoptrail.config.settings import Settings, trading_only
from stoptrail.rules.candles import Floats
from stoptrail.rules.types import EXITS
from stoptrail.sweep.kernel.rule_table import RuleTable, rule_row

Indices = NDArray[np.int64]

_STRATEGY = "strategy."
_SIGNAL = "strategy.signal"
_SIDES = "strategy.sides"
_SIZING = "risk.sizing"
_PART_FIELDS = {
    _SIDES: ("sides",),
    "stop.atr_timeframe": ("atr_interval",),
    "stop.atr_period": ("atr_period",),
    _SIZING: ("own_size",),
}
"""Keys that change what a part of a group shares, and the fields of Plan that they set."""
_EXITS = "strategy.exits"
_RULED = ("exit_rule",)
"""What a part shares as well where values of strategy.exits are rules of the user's own."""
_ROW_STRATEGY = (_EXITS, "strategy.entry_max_delay")


class GridKey(NamedTuple):
    """One grid key that changes columns of the row."""

    stride: int
    columns: Indices
    values: Floats
    """Shape (values, columns)."""


class GroupPart(NamedTuple):
    """Combinations that share signal, sides and ATR."""

    plan: Plan
    """With that signal, these sides and that ATR."""
    combinations: Indices
    """Their numbers in the grid, ascending."""


RuleTables = tuple[tuple[int, RuleTable], ...]
"""The place of a part among its group's, and rows of it."""
_MOST_TABLES = 8
"""Units whose rows are at hand."""


class Group(NamedTuple):
    """Combinations that share a signal; `parts` differ in sides and ATR."""

    parts: tuple[GroupPart, ...]


class Space:
    """All combinations of `grid` around the settings `base`.

    It travels to the workers of a cluster: nothing secret of the settings is in it.
    """

    def __init__(self, base: Settings, grid: Grid, inputs: Inputs) -> None:
        # The kernel stays on base candles, whatever moves a stop within them (C21).
        stop = base.stop.model_copy(update={"ratchet": "candle"})
        base = trading_only(base).model_copy(update={"stop": stop})
        self.grid = grid
        self._single = without_grid(base)
        self._market = inputs.market
        self._strides = _strides(grid)
        self._plan = plan_for(base, inputs.market)
        self._row = rule_row(self._plan.run_rules)
        signal = [k for k, key in enumerate(grid.keys) if _is_signal(key)]
        ruled = [k for k, key in enumerate(grid.keys) if key == _EXITS and _own(grid.values[k])]
        shared = [k for k, key in enumerate(grid.keys) if key in _PART_FIELDS or k in ruled]
        own = [k for k in range(len(grid.keys)) if k not in signal and k not in shared]
        self._signal = signal
        rows = [k for k in range(len(grid.keys)) if k in own or grid.keys[k] == _SIZING]
        self._axes = [self._axis(k) for k in (*rows, *ruled)]
        self._inside = np.sort(self._offsets(own))
        self._of_group = (self._offsets(shared)[:, None] + self._inside).ravel()
        self._parts = self._parts_of(shared)
        self._tables: dict[tuple[int, int], RuleTables] = {}

    @property
    def size(self) -> int:
        """Number of combinations."""
        return self.grid.size

    def plan(self, combination: int) -> Plan:
        """One combination as a run."""
        values = self.grid.combination(combination)
        return plan_for(settings_for(self._single, values), self._market)

    @property
    def group_count(self) -> int:
        """How many groups `groups` yields."""
        return int(np.prod([len(self.grid.values[k]) for k in self._signal], dtype=np.int64))

    def groups_of(self, combinations: Indices) -> Indices:
        """The number of the group that each combination belongs to, shape (k,)."""
        numbers = np.zeros(len(combinations), np.int64)
        for k in self._signal:
            length = len(self.grid.values[k])
            numbers = numbers * length + combinations // self._strides[k] % length
        return numbers

    def group(self, number: int) -> Group:
        """Group `number`, in grid order of the signal's keys."""
        plan = self._with_signal(self._places(number))
        members = self.members(number).reshape(len(self._parts), -1)
        parts = zip(self._parts, members, strict=True)
        return Group(tuple(GroupPart(plan._replace(**part), own) for part, own in parts))

    def members(self, number: int) -> Indices:
        """The combinations of group `number`, part by part."""
        return self._origin(self._places(number)) + self._of_group

    def tables(self, first: int, most: int) -> RuleTables:
        """The rows of a group's combinations from its `first` on, `most` of them or all, by parts:
        groups differ in the signal, which no row tells."""
        kept = self._tables.get((first, most))
        if kept is None:
            size, end = len(self._inside), min(first + most, len(self._of_group))
            cuts = [first, *range((first // size + 1) * size, end, size), end]
            rows = self.rows(self._of_group[first:end])
            kept = tuple(
                (begin // size, RuleTable(rows[begin - first : until - first]))
                for begin, until in pairwise(cuts)
            )
            if len(self._tables) >= _MOST_TABLES:
                self._tables = {}
            self._tables[first, most] = kept
        return kept

    def _parts_of(self, shared: list[int]) -> list[dict[str, Any]]:
        """The fields of Plan that each part of a group sets, in grid order of the `shared` keys."""
        variants = [[self._variant(k, place) for place in self._range(k)] for k in shared]
        return [
            {name: value for variant in picked for name, value in variant.items()}
            for picked in itertools.product(*variants)
        ]

    def _places(self, number: int) -> dict[int, int]:
        """Keys and places of the signal of group `number`."""
        places = []
        for k in reversed(self._signal):
            number, place = divmod(number, len(self.grid.values[k]))
            places.append((k, place))
        return dict(reversed(places))

    def _with_signal(self, picked: dict[int, int]) -> Plan:
        """The base with a group's signal. The grid's values are checked; only another signal
        function means other parameters."""
        values = {self.grid.keys[k]: self.grid.values[k][place] for k, place in picked.items()}
        if _SIGNAL in values:
            return self._resolve(picked)
        chosen = {key.removeprefix(_STRATEGY): value for key, value in values.items()}
        return self._plan._replace(parameters={**self._plan.parameters, **chosen})

    def _variant(self, k: int, place: int) -> dict[str, Any]:
        """What one value of a key that parts share changes."""
        changed = self._resolve({k: place})
        names = _PART_FIELDS.get(self.grid.keys[k], _RULED)
        return {name: getattr(changed, name) for name in names}

    def _origin(self, picked: dict[int, int]) -> int:
        return sum(self._strides[k] * place for k, place in picked.items())

    def rows(self, combinations: Indices) -> Floats:
        """The rules of each combination as the kernel's row, shape (k, columns)."""
        rows = np.tile(self._row, (len(combinations), 1))
        for axis in self._axes:
            place = combinations // axis.stride % len(axis.values)
            rows[:, axis.columns] = axis.values[place]
        return rows

    def _offsets(self, keys: list[int]) -> Indices:
        offsets = np.zeros(1, np.int64)
        for k in keys:
            steps = np.arange(len(self.grid.values[k]), dtype=np.int64) * self._strides[k]
            offsets = (offsets[:, None] + steps[None, :]).ravel()
        return offsets

    def _resolve(self, places: dict[int, int]) -> Plan:
        changes = {self.grid.keys[k]: self.grid.values[k][place] for k, place in places.items()}
        return plan_for(settings_for(self._single, changes), self._market)

    def _axis(self, k: int) -> GridKey:
        rows = np.array([rule_row(self._resolve({k: v}).run_rules) for v in self._range(k)])
        columns = np.flatnonzero((rows != self._row).any(axis=0))
        return GridKey(self._strides[k], columns, rows[:, columns])

    def _range(self, k: int) -> range:
        return range(len(self.grid.values[k]))


def _own(values: tuple[Any, ...]) -> bool:
    """Whether some of the `values` of strategy.exits name rules of the user's own."""
    return any(value not in EXITS for value in values)


def _is_signal(key: str) -> bool:
    return key.startswith(_STRATEGY) and key not in (_SIDES, *_ROW_STRATEGY)


def _strides(grid: Grid) -> list[int]:
    """Distance in number between two neighbouring values of each key."""
    strides: list[Any] = [1] * len(grid.keys)
    for k in range(len(grid.keys) - 2, -1, -1):
        strides[k] = strides[k + 1] * len(grid.values[k + 1])
    return strides
