"""trials.parquet: every combination with its figures and how far it got."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stoptrail.config.grid import Grid
from stoptrail.core.files import written_whole
from stoptrail.feeds.tables.convert import numbers_of, texts_of
from stoptrail.rules.candles import Floats
from stoptrail.rules.trade import IGNORED
from stoptrail.sweep.kernel.results import COLUMN, Results
from stoptrail.sweep.space import Indices

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
    columns = grid_columns(grid, first, last)
    funded = screened.metrics[:, COLUMN.funding_paid].any()
    for name, place in COLUMN._asdict().items():
        if name == "funding_paid" and not funded:
            continue  # no swap
        found = screened.metrics[first:last, place]
        columns[name] = numbers_of(found.astype(np.int64)) if name in COUNTS else figures(found)
    for k, name in enumerate(IGNORED):
        columns[f"ignored_{name}"] = numbers_of(screened.ignored[first:last, k])
    columns["objective"] = figures(objective[first:last])
    columns["stage"] = texts_of([stages.get(number, SCREENED) for number in range(first, last)])
    return table_of(columns)


def table_of(columns: dict[str, pa.Array]) -> pa.Table:
    """Columns by name as a table."""
    return pa.Table.from_arrays(list(columns.values()), names=list(columns))


def grid_columns(grid: Grid, first: int, last: int) -> dict[str, pa.Array]:
    """Number and values of the combinations [first, last) as columns by name."""
    numbers = np.arange(first, last)
    columns = {"combination": numbers_of(numbers)}
    stride = grid.size
    for key, values in zip(grid.keys, grid.values, strict=True):
        stride //= len(values)
        columns[key] = _taken(values, numbers // stride % len(values))
    return columns


def _taken(values: Sequence[Any], places: Indices) -> pa.Array:
    """The values at `places`."""
    kinds = set(map(type, values))
    if kinds == {str}:
        return texts_of([values[place] for place in places.tolist()])
    if kinds == {int} or (float in kinds and kinds <= {int, float}):
        numbers = np.array(values)
        if numbers.dtype in (np.int64, np.float64):
            return numbers_of(numbers[places])
    if len(kinds) > 1:  # numbers beside names
        return texts_of([str(values[place]) for place in places.tolist()])
    return pa.array(list(values)).take(pa.array(places, pa.int32()))  # by way of pandas


def figures(values: Floats) -> pa.Array:
    """Undefined figures as nulls."""
    return numbers_of(values, np.isfinite(values))
