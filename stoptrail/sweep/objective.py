"""What ranks combinations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stoptrail.config.grid import Grid
from stoptrail.config.search import OBJECTIVES, Sweep
from stoptrail.rules.candles import Floats
from stoptrail.sweep.kernel.results import COLUMN
from stoptrail.sweep.own_objective import own_objective
from stoptrail.sweep.statistics.plateau import Axis, Plateau

OFF = {"stop.breakeven_atr_trigger": 0.0}
"""Values that switch a setting off: they are no neighbours of the smallest one."""

BEST, PLATEAU, NEIGHBOURS = "best", "plateau", "neighbours"
"""Ways to choose among combinations by their objective."""


class Rule(NamedTuple):
    """How a sweep chooses."""

    objective: str
    selection: str


def rule_of(sweep: Sweep) -> Rule:
    """The rule of [sweep]; the objective "plateau" is that of Sharpe ratios."""
    if sweep.objective == PLATEAU:
        return Rule("sharpe", PLATEAU)
    return Rule(sweep.objective, sweep.selection)


def axes_of(grid: Grid) -> list[Axis]:
    """The grid's keys as the plateau score sees them."""
    return [
        Axis(key, tuple(values), OFF.get(key))
        for key, values in zip(grid.keys, grid.values, strict=True)
    ]


def raw_objective(name: str, metrics: Floats, min_trades: float) -> Floats:
    """The objective of every combination, shape (n,); NaN where it has fewer closed
    trades that are no scratches than `min_trades`, or no value.

    metrics: as Results.metrics. With `min_trades` 0: each one's own figure.
    """
    trades = metrics[:, COLUMN.trades]
    if name not in OBJECTIVES:
        values = own_objective(name, metrics)
    elif name == "calmar":
        fall = metrics[:, COLUMN.max_drawdown]
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.where(fall > 0.0, metrics[:, COLUMN.cagr] / fall, np.nan)
    else:
        values = metrics[:, getattr(COLUMN, name)].copy()
    if name == "profit_factor":
        values[np.isnan(values) & (trades > 0)] = np.inf
    values[(decided_trades(metrics) < min_trades) | (trades == 0)] = np.nan
    return values


def decided_trades(metrics: Floats) -> Floats:
    """Closed trades that are no scratches, shape (n,)."""
    counted: Floats = metrics[:, COLUMN.trades] - metrics[:, COLUMN.scratches]
    return counted


class Scored(NamedTuple):
    """Every combination by one rule, shape (combinations,) each."""

    figures: Floats
    """Each one's own objective, however few its trades; NaN where it has none."""
    objective: Floats
    """NaN where a combination may not be chosen."""
    score: Floats
    """What finalists are ranked by; NaN as in `objective`."""


def scored(rule: Rule, grid: Grid, metrics: Floats, min_trades: float) -> Scored:
    """The combinations by `rule`; `min_trades` are needed to be chosen, scratches aside."""
    figures = raw_objective(rule.objective, metrics, 0)
    objective = raw_objective(rule.objective, metrics, min_trades)
    if rule.selection == BEST:
        return Scored(figures, objective, objective)
    around = Plateau(axes_of(grid), figures, np.isnan(objective))
    values = around.scores() if rule.selection == PLATEAU else around.means()
    return Scored(figures, objective, np.where(np.isnan(objective), np.nan, values))
