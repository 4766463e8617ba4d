"""The set whose worst price path is the best, without a run of what cannot be it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stoptrail.backtest.inputs import first_decision
from stoptrail.backtest.plan import Plan
from stoptrail.core.roads import is_plain
from stoptrail.rules.paths import HIGH_FIRST, LOW_FIRST
from stoptrail.rules.types import CYCLE_EXIT, chosen
from stoptrail.sweep.kernel.results import Results
from stoptrail.sweep.objective import raw_objective
from stoptrail.sweep.plain_run import Ready, make_ready
from stoptrail.sweep.price_paths import along, path_objectives, worst_objectives
from stoptrail.sweep.screen import Share


def best_worst(name: str, share: Share, combinations: Sequence[int], results: Results) -> int:
    """The combination whose objective `name` along the worst of all paths is the best; of
    equals the first.

    results: of the pre-screen over the same inputs, which knows the path of whole candles. No
    path betters the worst: the others are run only while a combination is ahead.
    """
    if is_plain():
        plans = [share.space.plan(number) for number in combinations]
        return combinations[int(worst_objectives(name, plans, share.inputs).argmax())]
    screened = results.metrics[np.asarray(combinations, np.int64)]
    known = path_objectives(raw_objective(name, screened, 0))
    ahead = (-np.inf, -len(combinations))
    for place in np.argsort(-known, kind="stable").tolist():
        worst = float(known[place])
        if (worst, -place) <= ahead:
            continue
        plan = share.space.plan(combinations[place])
        ready = _ready(share, plan, combinations[place])
        for path in (LOW_FIRST, HIGH_FIRST):
            row = np.array([tuple(along(plan, share.inputs, ready, path).metrics)], np.float64)
            worst = min(worst, float(path_objectives(raw_objective(name, row, 0))[0]))
            if (worst, -place) <= ahead:
                break
        ahead = max(ahead, (worst, -place))
    return combinations[-ahead[1]]


def _ready(share: Share, plan: Plan, combination: int) -> Ready:
    """`make_ready` from what the share has worked out."""
    if plan.run_rules.exits == CYCLE_EXIT:
        return make_ready(plan, share.inputs)
    candles = share.inputs.candles
    count = len(candles.time)
    atr = share.nodes(plan).atr[:count]
    group = share.space.groups_of(np.array([combination]))[0]
    begun = share.events.begun(int(group), plan, candles, with_turn=False)
    setups = chosen(begun.setups, plan.sides, first_decision(share.inputs, begun.warm, atr))
    # The turns are the baseline's alone.
    return Ready(setups._replace(turn=np.zeros(count, np.int8)), atr)
