from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from stoptrail.reports.html import grid as grid_module
from stoptrail.reports.html.grid import (
    grid_data,
    heat_maps,
    read_grid,
    sample,
)
from stoptrail.reports.run_files import read_summary, read_trials
from tests.reports.example_run import BEST, GRID, write_example_run
from tests.reports.html.test_markup import unpacked

NAN = float("nan")


def trials(**columns: Any) -> pa.Table:
    count = len(next(iter(columns.values())))
    named = {name.replace("__", "."): values for name, values in columns.items()}
    return pa.table({"combination": range(count), **named})


SMALL = trials(
    stop__a=[1, 1, 2, 2, 1, 1, 2, 2],
    stop__b=["x", "y", "x", "y", "x", "y", "x", "y"],
    stop__c=[0, 0, 0, 0, 5, 5, 5, 5],
    sharpe=[1.0, 2.0, 3.0, 4.0, 10.0, None, 30.0, 40.0],
    max_drawdown=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
    trades=[100, 100, 100, 100, 100, 100, 100, 5],
)
SUMMARY = {
    "params": {"sweep": {"min_trades": 50, "objective": "sharpe"}},
    "best": {"params": {"stop": {"a": 2, "b": "x", "c": 5}}},
}


def cells(view: str, metric: str = "sharpe") -> list[float]:
    return unpacked(heat_maps(read_grid(SMALL, SUMMARY))["0-1"][metric][view])


def test_a_cell_shows_the_best_over_the_other_dimensions() -> None:
    # Rows are b = x, y; columns a = 1, 2; the combination with too few trades is left out.
    assert cells("top") == [10.0, 30.0, 2.0, 4.0]


def test_a_cell_shows_the_median_over_the_other_dimensions() -> None:
    assert cells("median") == [5.5, 16.5, 2.0, 4.0]


def barred(view: str) -> list[int]:
    return [int(x) for x in unpacked(heat_maps(read_grid(SMALL, SUMMARY))["0-1"]["barred"][view])]


def test_cells_without_a_combination_that_may_be_chosen_are_barred() -> None:
    # a = 2, b = y has 5 trades with c = 5, the chosen set's, and 100 with c = 0.
    assert barred("slice") == [0, 0, 0, 1]
    assert barred("median") == barred("top") == [0, 0, 0, 0]


def test_the_sweep_s_own_objective_says_what_may_be_chosen() -> None:
    objective = [1.0, None, 3.0, None, None, None, 30.0, None]
    grid = read_grid(SMALL.append_column("objective", pa.array(objective)), SUMMARY)
    assert grid.eligible.tolist() == [value is not None for value in objective]
    made = heat_maps(grid)["0-1"]
    assert [int(x) for x in unpacked(made["barred"]["top"])] == [0, 0, 1, 1]
    assert np.array_equal(unpacked(made["sharpe"]["top"]), [1.0, 30.0, NAN, NAN], equal_nan=True)


def test_a_slice_keeps_the_other_settings_of_the_chosen_set() -> None:
    assert np.array_equal(cells("slice"), [10.0, 30.0, NAN, 40.0], equal_nan=True)


def test_the_best_drawdown_is_the_smallest() -> None:
    assert np.allclose(cells("top", "max_drawdown"), [0.1, 0.3, 0.2, 0.4])


def test_the_chosen_set_is_found_in_every_dimension(tmp_path: Path) -> None:
    write_example_run(tmp_path, days=5)
    table = read_trials(tmp_path)
    assert table is not None
    grid = read_grid(table, read_summary(tmp_path))
    assert {d.name: d.values[d.best] for d in grid.dimensions if d.best is not None} == BEST
    assert [d.values for d in grid.dimensions] == list(GRID.values())


def test_a_key_with_one_value_is_no_dimension() -> None:
    table = trials(stop__a=[1, 2], stop__b=[3, 3], sharpe=[0.1, 0.2])
    grid = read_grid(table, {})
    assert [d.name for d in grid.dimensions] == ["stop.a"]
    data = grid_data(grid)
    assert data is not None
    assert data["maps"] == {}
    assert data["min_trades"] == 0


def test_a_grid_of_one_combination_has_nothing_to_show() -> None:
    assert grid_data(read_grid(trials(stop__a=[1], sharpe=[0.1]), {})) is None


def test_a_large_grid_is_sampled_with_its_best_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid_module, "MOST_LINES", 40)
    monkeypatch.setattr(grid_module, "MOST_COUNTED", 50)
    values = np.arange(200.0)
    table = trials(stop__a=np.arange(200) % 4, stop__b=np.arange(200) % 3, sharpe=values)
    grid = read_grid(table, {})
    drawn = sample(grid)
    shown = unpacked(drawn["metrics"]["sharpe"])
    assert drawn["count"] == len(set(shown)) == 40
    assert shown[:10] == values[::-1][:10].tolist()
    data = grid_data(grid)
    assert data is not None
    assert data["counted"] == 50


def test_the_neighbourhood_of_the_chosen_set_is_that_of_the_evidence() -> None:
    near = {"stop.a": [1, 2], "stop.b": ["x"], "stop.c": [5, 7]}
    found = grid_data(read_grid(SMALL, {**SUMMARY, "evidence": {"plateau": {"near": near}}}))
    assert found is not None
    assert {d["name"]: d["near"] for d in found["dimensions"]} == {
        "stop.a": [0, 1],
        "stop.b": [0],
        "stop.c": [1],
    }
    without = grid_data(read_grid(SMALL, SUMMARY))
    assert without is not None
    assert all(d["near"] == [] for d in without["dimensions"])


def test_medians_and_bests_are_those_of_each_cell_s_own_combinations() -> None:
    drawn = np.random.default_rng(5)
    places = drawn.integers(0, 6, (3, 400))
    sharpe = np.round(drawn.normal(size=400), 1)
    sharpe[drawn.random(400) < 0.1] = NAN
    table = trials(
        stop__a=places[0],
        stop__b=places[1],
        stop__c=places[2],
        sharpe=pa.array(sharpe, mask=np.isnan(sharpe)),
        trades=drawn.integers(0, 100, 400),
    )
    summary = {"params": {"sweep": {"min_trades": 30, "objective": "sharpe"}}}
    grid = read_grid(table, summary)
    made = heat_maps(grid)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        cell = [places[i] == a for a in range(6)], [places[j] == b for b in range(6)]
        own = [
            sharpe[grid.eligible & np.isfinite(sharpe) & a & b] for b in cell[1] for a in cell[0]
        ]
        found = made[f"{i}-{j}"]["sharpe"]
        for view, figure in (("median", np.median), ("top", np.max)):
            wanted = [np.float32(figure(values)) if len(values) else NAN for values in own]
            assert np.array_equal(unpacked(found[view]), wanted, equal_nan=True)


@pytest.mark.parametrize(
    ("wanted", "shown"), [("own.py:score", "objective"), ("max_drawdown", "max_drawdown")]
)
def test_an_objective_of_the_user_s_own_is_shown_as_such(wanted: str, shown: str) -> None:
    score = [float(i) for i in range(len(SMALL))]
    params = {"sweep": {"min_trades": 50, "objective": wanted}}
    grid = read_grid(SMALL.append_column("objective", pa.array(score)), {"params": params})
    assert grid.objective == shown
    assert ("objective" in grid.metrics) is (shown == "objective")
