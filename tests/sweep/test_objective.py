"""What ranks combinations."""

import math
from typing import Any

import numpy as np
import pytest

from stoptrail.config.search import Sweep
from stoptrail.sweep.kernel.results import COLUMN, results_for
from stoptrail.sweep.objective import BEST, Rule, decided_trades, raw_objective, rule_of, scored

FIGURES = {
    "trades": [10.0, 4.0, 0.0, 10.0],
    "scratches": [1.0, 0.0, 0.0, 6.0],
    "sharpe": [1.5, 2.5, math.nan, 0.5],
    "profit_factor": [2.0, math.nan, math.nan, 3.0],
    "cagr": [0.3, 0.4, 0.0, -0.1],
    "max_drawdown": [0.1, 0.2, 0.0, 0.4],
}


def metrics() -> np.ndarray:
    table = results_for(4).metrics
    for name, values in FIGURES.items():
        table[:, getattr(COLUMN, name)] = values
    return table


def objective(name: str, least: float) -> list[float]:
    return raw_objective(name, metrics(), least).tolist()


def test_too_few_decided_trades_leave_no_objective() -> None:
    assert decided_trades(metrics()).tolist() == [9.0, 4.0, 0.0, 4.0]
    assert objective("sharpe", 4) == pytest.approx([1.5, 2.5, math.nan, 0.5], nan_ok=True)
    assert objective("sharpe", 5) == pytest.approx([1.5, *[math.nan] * 3], nan_ok=True)


def test_without_a_loss_the_profit_factor_has_no_bound_but_without_a_trade_no_value() -> None:
    expected = [2.0, math.inf, math.nan, 3.0]
    assert objective("profit_factor", 0) == pytest.approx(expected, nan_ok=True)


def test_calmar_is_growth_over_the_deepest_fall() -> None:
    expected = [3.0, 2.0, math.nan, -0.25]
    assert objective("calmar", 0) == pytest.approx(expected, nan_ok=True)


def test_the_table_itself_stays_as_it_is() -> None:
    table = metrics()
    before = table.copy()
    raw_objective("profit_factor", table, 5)
    np.testing.assert_array_equal(table, before)


def test_growth_without_a_fall_has_no_calmar_ratio() -> None:
    table = metrics()
    table[0, COLUMN.max_drawdown] = 0.0
    assert math.isnan(raw_objective("calmar", table, 0)[0])


def test_each_one_s_own_figure_needs_no_trade_that_decides_anything() -> None:
    table = metrics()
    table[0, COLUMN.scratches] = table[0, COLUMN.trades]
    grid: Any = None  # the best alone looks at no neighbours
    found = scored(Rule("sharpe", BEST), grid, table, 4)
    assert found.figures == pytest.approx([1.5, 2.5, math.nan, 0.5], nan_ok=True)
    for values in (found.objective, found.score):
        assert values == pytest.approx([math.nan, 2.5, math.nan, 0.5], nan_ok=True)


def test_the_plateau_as_an_objective_is_that_of_sharpe_ratios() -> None:
    assert rule_of(Sweep(objective="plateau", selection="best")) == Rule("sharpe", "plateau")
    assert rule_of(Sweep(objective="calmar", selection="best")) == Rule("calmar", "best")
