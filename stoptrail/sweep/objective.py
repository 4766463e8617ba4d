"""What ranks combinations: figures, or a function of the user's own over them (docs/sizing.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.config.grid import Grid
from stoptrail.config.own_code import imported
from stoptrail.config.search import OBJECTIVES, Sweep
from stoptrail.core.errors import USERS_CODE, ConfigError
from stoptrail.rules.candles import Floats
from stoptrail.rules.metrics import Metrics
from stoptrail.sweep.kernel.results import COLUMN
from stoptrail.sweep.statistics.plateau import Axis, Plateau

_TRIAL = (
    Metrics(0.4, 0.07, 0.9, 1.2, 1.4, 0.15, 120, 0.4, 2.1, 900.0, 30.0, 0.3, 0.2, 20, 0.45, 3.0),
    Metrics(-0.2, -0.04, -0.5, -0.6, 0.8, 0.4, 60, 0.3, 1.8, 700.0, 20.0, 0.2, -0.1, 5, 0.3, 0.0),
    Metrics(0.0, 0.0, 0.1, 0.1, np.nan, 0.0, 1, 1.0, np.nan, 5.0, 8.0, 0.0, 0.5, 0, 1.0, 0.0),
)
"""Figures as a grid may have them, so that what cannot be used is told before it is searched."""
_NOISE = 1e-9
"""Relative: NumPy may compute the same row differently among others, in the last bits."""


def require_usable(objective: str) -> None:
    """Raise ConfigError where a function of the user's cannot rank anything."""
    if objective not in OBJECTIVES:
        own_objective(objective, np.array(_TRIAL, np.float64))


def own_objective(path: str, metrics: Floats) -> Floats:
    """What the function at `path` makes of Results.metrics, shape (k,); NaN where there is no
    value. Raises ConfigError for a result that cannot rank, or that hangs on other rows."""
    function = imported(path, OBJECTIVES)
    values = _asked(path, function, metrics)
    for row in (0, len(metrics) - 1) if len(metrics) > 1 else ():
        alone = _asked(path, function, metrics[row : row + 1])
        if not np.isclose(alone[0], values[row], rtol=_NOISE, atol=0.0, equal_nan=True):
            raise _refused(path, "gives a combination another value among others than by itself")
    return values


def _asked(path: str, function: Callable[..., Any], metrics: Floats) -> Floats:
    figures = {name: _sealed(metrics[:, at]) for name, at in COLUMN._asdict().items()}
    try:
        values = function(figures)
    except USERS_CODE as error:
        told = (str(error).splitlines() or [""])[0]
        raise _refused(path, f"fails ({type(error).__name__}: {told})") from error
    return _checked(path, values, len(metrics))


def _sealed(column: Floats) -> NDArray[np.float64]:
    """A copy that cannot be written into."""
    copy = np.array(column, np.float64)
    copy.flags.writeable = False
    return copy


def _checked(path: str, values: Any, count: int) -> Floats:
    if type(values) is not np.ndarray:  # no masked array
        raise _refused(path, f"gives {type(values).__name__}, not an array of float64")
    if values.dtype != np.float64:
        raise _refused(path, f"gives an array of {values.dtype}, not of float64")
    if values.shape != (count,):
        raise _refused(path, f"gives shape {values.shape} for {count:,} combinations")
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise _refused(
            path,
            f"gives {values[infinite[0]]} for row {infinite[0]}: a value is finite, or NaN where a "
            "combination may not be chosen",
        )
    return values.copy()


def _refused(path: str, why: str) -> ConfigError:
    return ConfigError(f"sweep.objective: {path} {why}")


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
        Axis(key, tuple(values), OFF.get(key), key in grid.names)
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
