"""What each combination earned over several markets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stoptrail.config.grid import Grid
from stoptrail.core.json import json_value
from stoptrail.rules.candles import Floats
from stoptrail.sweep.trials import figures, grid_columns, table_of, write_parquet

_ROWS = 65_536
SHOWN = 20
"""Combinations in the summary."""


class Across:
    """Mean and worst objective of every combination; a market at a time is added, and
    two numbers for each combination are all that is kept."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.markets = 0
        self._total = np.zeros(grid.size)
        self._worst = np.full(grid.size, np.inf)

    def add(self, objective: Floats) -> None:
        """One more market's objective, shape (combinations,); NaN where a combination
        has too few trades there, and so does not count over all markets."""
        self.markets += 1
        self._total += objective
        self._worst = np.minimum(self._worst, objective)

    @property
    def mean(self) -> Floats:
        """NaN where a combination has too few trades in any market."""
        return self._total / self.markets if self.markets else self._total + np.nan

    @property
    def worst(self) -> Floats:
        """The lowest objective, NaN as in `mean`."""
        return np.where(np.isnan(self._total), np.nan, self._worst)

    def ranked(self, count: int = SHOWN) -> list[int]:
        """The best by mean; of equal ones the better worst market, then the lower number."""
        mean, worst = self.mean, self.worst
        order = np.lexsort((np.arange(len(mean)), -worst, -mean))
        return [int(number) for number in order[:count] if not np.isnan(mean[number])]

    def table(self) -> dict[str, Any]:
        """What across.json holds: how many combinations count, and the best of them."""
        mean, worst = self.mean, self.worst
        return {
            "markets": self.markets,
            "combinations": self.grid.size,
            "enough_trades_in_each": int(np.sum(~np.isnan(mean))),
            "best": [
                {
                    "combination": number,
                    "params": self.grid.combination(number),
                    "mean": json_value(mean[number]),
                    "worst": json_value(worst[number]),
                }
                for number in self.ranked()
            ],
        }

    def write(self, path: Path) -> None:
        """Every combination with mean and worst as Parquet, whole. Raises OutputError."""
        write_parquet(path, self._tables())

    def _tables(self) -> Iterator[pa.Table]:
        mean, worst = self.mean, self.worst
        for first in range(0, self.grid.size, _ROWS):
            last = min(first + _ROWS, self.grid.size)
            columns = grid_columns(self.grid, first, last)
            for name, values in (("mean", mean), ("worst", worst)):
                columns[name] = figures(values[first:last])
            yield table_of(columns)
