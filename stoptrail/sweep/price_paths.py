"""A set along other price paths within its candles (C9): what a faster ratchet would do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.outcome import Outcome, metrics_table
from stoptrail.backtest.plan import Plan
from stoptrail.rules.candles import Floats
from stoptrail.rules.paths import CANDLE, HIGH_FIRST, LOW_FIRST
from stoptrail.sweep.objective import raw_objective
from stoptrail.sweep.plain_run import Ready, make_ready, quick_run

PATHS = {"candle": CANDLE, "high_first": HIGH_FIRST, "low_first": LOW_FIRST}


def along(plan: Plan, inputs: Inputs, ready: Ready, path: int) -> Outcome:
    """The plan's run along one path."""
    walked = plan._replace(run_rules=plan.run_rules._replace(path=path))
    return quick_run(walked, inputs, ready)


def envelope(plan: Plan, inputs: Inputs, ready: Ready) -> dict[str, Any]:
    """Figures with whole candles and with a tick ratchet along the two paths."""
    return {name: metrics_table(along(plan, inputs, ready, path)) for name, path in PATHS.items()}


def worst_objectives(name: str, plans: Iterable[Plan], inputs: Inputs) -> Floats:
    """The objective `name` of each plan along the worst of all paths, shape (plans,).

    Along some path a set may have no figure, as it has no trade there: it is the worst, at
    minus infinity.
    """
    found = []
    for plan in plans:
        ready = make_ready(plan, inputs)
        runs = [tuple(along(plan, inputs, ready, path).metrics) for path in PATHS.values()]
        values = raw_objective(name, np.array(runs, np.float64), 0)
        found.append(float(path_objectives(values).min()))
    return np.array(found)


def path_objectives(values: Floats) -> Floats:
    """Objectives along paths, without a figure at minus infinity."""
    found: Floats = np.nan_to_num(values, nan=-np.inf, posinf=np.inf)
    return found
