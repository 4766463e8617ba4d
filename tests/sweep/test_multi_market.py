"""What combinations earned over several markets."""

from __future__ import annotations

import numpy as np
import pytest

from stoptrail.config.grid import Grid
from stoptrail.sweep.multi_market import Across


def across(*objectives: list[float]) -> Across:
    grid = Grid(("stop.atr_period",), (tuple(range(len(objectives[0]))),), frozenset())
    found = Across(grid)
    for objective in objectives:
        found.add(np.array(objective))
    return found


def test_equal_means_are_ranked_by_the_worst_market_then_by_number() -> None:
    found = across([1.0, 3.0, 2.0, 2.0, np.nan], [3.0, 1.0, 2.0, 2.0, 9.0])
    assert found.ranked() == [2, 3, 0, 1]  # the last one has too few trades somewhere
    assert found.ranked(1) == [2]


def test_mean_and_worst_are_unknown_where_a_market_does_not_count() -> None:
    found = across([1.0, np.nan, 5.0], [2.0, 4.0, -1.0])
    assert found.mean.tolist() == pytest.approx([1.5, np.nan, 2.0], nan_ok=True)
    assert found.worst.tolist() == pytest.approx([1.0, np.nan, -1.0], nan_ok=True)
    assert found.table()["enough_trades_in_each"] == 2
