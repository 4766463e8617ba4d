from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stoptrail.config.grid import Grid
from stoptrail.sweep.trials import figures, grid_columns, table_of, write_parquet

KEYS: dict[str, tuple[Any, ...]] = {
    "a.words": ("both", "", "ä€"),
    "a.whole": (3, -1),
    "a.floats": (0.5, -0.0, float("inf")),
    "a.mixed": (1, 2.5),
    "a.switch": (True, False),
    "a.lists": ([1.0], [2.0, 3.0]),
    "a.tables": ([], [{"at": 1.0, "fraction": 0.5}]),
    "a.large": (2**53 + 1, 1),
}


@pytest.mark.parametrize("first", [0, 17])
def test_a_grid_s_columns_are_those_that_arrow_makes_of_python_values(first: int) -> None:
    grid = Grid(tuple(KEYS), tuple(KEYS.values()))
    last = grid.size - 5
    rows = [grid.combination(number) for number in range(first, last)]
    columns = grid_columns(grid, first, last)
    assert columns.pop("combination").equals(pa.array(range(first, last)))
    for key, made in columns.items():
        assert made.equals(pa.array([row[key] for row in rows])), key
        made.validate(full=True)


def test_numbers_beside_names_are_texts() -> None:
    columns = grid_columns(Grid(("a.b",), ((5, "auto", 2.5),)), 0, 3)
    assert columns["a.b"].to_pylist() == ["5", "auto", "2.5"]


def test_undefined_figures_are_stored_as_nulls(tmp_path: Path) -> None:
    values = np.array([1.5, np.nan, -0.0, np.inf, 1e-300, -np.inf] * 3)
    ours, arrow = tmp_path / "ours.parquet", tmp_path / "arrow.parquet"
    write_parquet(ours, [table_of({"x": figures(values)})])
    write_parquet(arrow, [pa.table({"x": pa.array(values, mask=~np.isfinite(values))})])
    assert ours.read_bytes() == arrow.read_bytes()
    assert pq.read_table(ours)["x"].to_pylist()[:4] == [1.5, None, -0.0, None]


def test_trials_are_written_and_read_again_without_pandas(tmp_path: Path) -> None:
    told = """
import sys
from pathlib import Path
import numpy as np
from stoptrail.config.grid import Grid
from stoptrail.feeds.tables.convert import known_floats
from stoptrail.reports.run_files import read_trials
from stoptrail.sweep.kernel.results import results_for
from stoptrail.sweep.trials import write_trials
folder = Path(sys.argv[1])
grid = Grid(("a.b", "a.c"), (("x", "y"), (1.5, 2)))
objective = np.array([1.0, np.nan, 2.0, 3.0])
write_trials(folder / "trials.parquet", grid, results_for(4, 0, 0), objective, {1: "finalist"})
table = read_trials(folder)
print(table.column("stage").to_pylist(), known_floats(table.column("objective")).tolist())
print(len(table))
print(*{"pandas", "pyarrow.compute"} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", told, str(tmp_path)], capture_output=True, text=True, check=True
    )
    stages = ["screened", "finalist", "screened", "screened"]
    assert done.stdout == f"{stages} [1.0, nan, 2.0, 3.0]\n4\n\n"
