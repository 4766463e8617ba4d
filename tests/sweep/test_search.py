"""Why nothing could be chosen."""

from pathlib import Path

import numpy as np

from stoptrail.sweep.kernel.results import COLUMN, results_for
from stoptrail.sweep.search import nothing_to_choose
from tests.sweep.small import small_settings


def test_without_any_trade_nothing_is_said_of_a_least_number(tmp_path: Path) -> None:
    settings = small_settings(tmp_path, "sweep.min_trades=0")
    line = nothing_to_choose(settings, results_for(24))
    assert line.startswith("none of 24 combinations closed a trade: give a longer span")
    assert "min_trades" not in line


def test_too_few_trades_are_told_with_the_most(tmp_path: Path) -> None:
    settings = small_settings(tmp_path, "sweep.min_trades=30")
    results = results_for(3)
    results.metrics[:, COLUMN.trades] = [4, 19, 7]
    results.metrics[:, COLUMN.scratches] = [0, 2, 0]
    line = nothing_to_choose(settings, results)
    assert "none of 3 combinations has sweep.min_trades = 30 closed trades" in line
    assert "the most is 17" in line


def test_an_objective_without_a_value_is_named(tmp_path: Path) -> None:
    settings = small_settings(tmp_path, "sweep.min_trades=1", "sweep.objective=sortino")
    results = results_for(2)
    results.metrics[:, COLUMN.trades] = 5
    results.metrics[:, COLUMN.sortino] = np.nan
    assert "has a value of sweep.objective = 'sortino'" in nothing_to_choose(settings, results)
