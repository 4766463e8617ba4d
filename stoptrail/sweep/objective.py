"""What ranks combinations."""

from __future__ import annotations

import numpy as np

from stoptrail.config.grid import Grid
from stoptrail.rules.candles import Floats
from stoptrail.sweep.kernel.results import COLUMN
from stoptrail.sweep.statistics.plateau import Axis, Plateau

OFF = {"stop.breakeven_atr_trigger": 0.0}
"""Values that switch a setting off: they are no neighbours of the smallest one."""

PLATEAU = "plateau"
RAW_OF_PLATEAU = "sharpe"
"""What a plateau is made of."""


def axes_of(grid: Grid) -> list[Axis]:
    """The grid's keys as the plateau score sees them."""
    return [
        Axis(key, tuple(values), OFF.get(key))
        for key, values in zip(grid.keys, grid.values, strict=True)
    ]


def raw_objective(name: str, metrics: Floats, min_trades: float) -> Floats:
    """The objective of every combination, shape (n,); NaN where it has fewer closed
    trades than `min_trades` or no value. metrics: as Results.metrics."""
    trades = metrics[:, COLUMN.trades]
    if name == "calmar":
        fall = metrics[:, COLUMN.max_drawdown]
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.where(fall > 0.0, metrics[:, COLUMN.cagr] / fall, np.nan)
    else:
        column = RAW_OF_PLATEAU if name == PLATEAU else name
        values = metrics[:, getattr(COLUMN, column)].copy()
    if name == "profit_factor":
        values[np.isnan(values) & (trades > 0)] = np.inf
    values[(trades < min_trades) | (trades == 0)] = np.nan
    return values


def score(name: str, grid: Grid, objective: Floats) -> Floats:
    """What finalists are ranked by: the objective, or its plateau score; NaN stays NaN."""
    if name != PLATEAU:
        return objective
    scores = Plateau(axes_of(grid), objective).scores()
    return np.where(np.isnan(objective), np.nan, scores)
