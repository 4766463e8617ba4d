"""trials.parquet: every combination with its figures and how far it got."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stoptrail.config.grid import Grid
from stoptrail.core.files import written_whole
from stoptrail.rules.candles import Floats
from stoptrail.rules.trade import IGNORED
from stoptrail.sweep.kernel.results import COLUMN, Results

SCREENED = "screened"
PRUNED_CHECK = "pruned_check"
FINALIST = "finalist"
COUNTS = ("trades", "scratches")
"""Figures that are whole numbers."""
_ROWS = 65_536


def write_trials(
    path: Path, grid: Grid, screened: Results, objective: Floats, stages: dict[int, str]
) -> None:
    """Write the table whole, a row for each combination in grid order.

    `stages` names those that went further than the pre-screen. Raises OutputError.
    """
    tables = (
        _table(grid, screened, objective, stages, first, min(first + _ROWS, grid.size))
        for first in range(0, grid.size, _ROWS)
    )
    write_parquet(path, tables)


def write_parquet(path: Path, tables: Iterable[pa.Table]) -> None:
    """Write tables of one schema, at least one, after each other as one whole file. Raises
    OutputError."""
    rest = iter(tables)
    first = next(rest)
    with written_whole(path) as beside, pq.ParquetWriter(beside, first.schema) as writer:
        for table in chain((first,), rest):
            writer.write_table(table)


def _table(
    grid: Grid,
    screened: Results,
    objective: Floats,
    stages: dict[int, str],
    first: int,
    last: int,
) -> pa.Table:
    numbers = np.arange(first, last)
    columns = grid_columns(grid, first, last)
    funded = screened.metrics[:, COLUMN.funding_paid].any()
    for name, place in COLUMN._asdict().items():
        if name == "funding_paid" and not funded:
            continue  # no swap
        figures = screened.metrics[first:last, place]
        columns[name] = _counts(figures) if name in COUNTS else _figures(figures)
    for k, name in enumerate(IGNORED):
        columns[f"ignored_{name}"] = screened.ignored[first:last, k]
    columns["objective"] = _figures(objective[first:last])
    columns["stage"] = [stages.get(int(number), SCREENED) for number in numbers]
    return pa.table({**columns, "stage": pa.array(columns["stage"], pa.string())})


def grid_columns(grid: Grid, first: int, last: int) -> dict[str, Any]:
    """Number and values of the combinations [first, last) as columns by name."""
    numbers = np.arange(first, last)
    columns: dict[str, Any] = {"combination": numbers}
    stride = grid.size
    for key, values in zip(grid.keys, grid.values, strict=True):
        stride //= len(values)
        places = pa.array(numbers // stride % len(values), pa.int32())
        columns[key] = pa.array(list(values)).take(places)
    return columns


def _figures(values: Floats) -> pa.Array:
    """Undefined figures as nulls."""
    return pa.array(values, mask=~np.isfinite(values))


def _counts(values: Floats) -> pa.Array:
    return pa.array(values.astype(np.int64))
