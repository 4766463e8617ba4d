"""trials.parquet: every combination with its figures and how far it got."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from config.grid import Grid
from errors import OutputError
from rules.candles import Floats
from rules.metrics import Metrics
from rules.trade import IGNORED
from sweep.results import Results

SCREENED = "screened"
PRUNED_CHECK = "pruned_check"
FINALIST = "finalist"
_ROWS = 65_536


def write_trials(
    path: Path, grid: Grid, screened: Results, objective: Floats, stages: dict[int, str]
) -> None:
    """Write the table whole, a row for each combination in grid order.

    `stages` names those that went further than the pre-screen. Raises OutputError.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with pq.ParquetWriter(
            beside, _table(grid, screened, objective, stages, 0, 0).schema
        ) as file:
            for first in range(0, grid.size, _ROWS):
                last = min(first + _ROWS, grid.size)
                file.write_table(_table(grid, screened, objective, stages, first, last))
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written ({error.strerror})") from None


def _table(
    grid: Grid,
    screened: Results,
    objective: Floats,
    stages: dict[int, str],
    first: int,
    last: int,
) -> pa.Table:
    numbers = np.arange(first, last)
    columns: dict[str, Any] = {"combination": numbers}
    stride = grid.size
    for key, values in zip(grid.keys, grid.values, strict=True):
        stride //= len(values)
        places = pa.array(numbers // stride % len(values), pa.int32())
        columns[key] = pa.array(list(values)).take(places)
    for k, name in enumerate(Metrics._fields):
        figures = screened.metrics[first:last, k]
        columns[name] = _counts(figures) if name == "trades" else _figures(figures)
    for k, name in enumerate(IGNORED):
        columns[f"ignored_{name}"] = screened.ignored[first:last, k]
    columns["objective"] = _figures(objective[first:last])
    columns["stage"] = [stages.get(int(number), SCREENED) for number in numbers]
    return pa.table({**columns, "stage": pa.array(columns["stage"], pa.string())})


def _figures(values: Floats) -> pa.Array:
    """Undefined figures as nulls."""
    return pa.array(values, mask=~np.isfinite(values))


def _counts(values: Floats) -> pa.Array:
    return pa.array(values.astype(np.int64))
