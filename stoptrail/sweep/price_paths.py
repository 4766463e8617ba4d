"""Sets along other price paths within their candles (C9): what a faster ratchet would do, and
which set is best on its worst path."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stoptrail.backtest.inputs import Inputs, first_decision
from stoptrail.backtest.outcome import Outcome, metrics_table
from stoptrail.backtest.plan import Plan
from stoptrail.core.program import is_plain
from stoptrail.rules.candles import Floats
from stoptrail.rules.detail import NO_DETAIL
from stoptrail.rules.paths import CANDLE, HIGH_FIRST, LOW_FIRST, TICKS
from stoptrail.rules.types import CYCLE_EXIT, chosen
from stoptrail.sweep.objective import raw_objective
from stoptrail.sweep.plain_run import Ready, make_ready, quick_run

if TYPE_CHECKING:
    from stoptrail.sweep.screen import Share

EXTREMES = {"high_first": HIGH_FIRST, "low_first": LOW_FIRST}
"""What a tick ratchet may have met, where nothing is known of the inside of a candle."""


def judged_paths(inputs: Inputs) -> dict[str, int]:
    """The paths by the worst of which a set is judged: a ratchet at closes, and one by ticks,
    along finer candles where there are any (C21), else along both extremes (C9)."""
    known = {"tick": TICKS} if has_detail(inputs) else EXTREMES
    return {"candle": CANDLE, **known}


def has_detail(inputs: Inputs) -> bool:
    """Whether candles have finer ones inside."""
    return len(inputs.detail.time) > 0


def along(plan: Plan, inputs: Inputs, ready: Ready, path: int) -> Outcome:
    """The plan's run along one path; the assumed ones know no finer candles."""
    if path in EXTREMES.values():
        inputs = inputs._replace(detail=NO_DETAIL)
    return quick_run(along_path(plan, path), inputs, ready)


def along_path(plan: Plan, path: int) -> Plan:
    """`plan` with its candles walked along another path."""
    return plan._replace(run_rules=plan.run_rules._replace(path=path))


def envelope(outcome: Outcome, inputs: Inputs, ready: Ready) -> dict[str, Any]:
    """Figures of a run with a ratchet at closes and by ticks, beside the two assumed paths; its
    own path has been run."""
    plan, own = outcome.plan, outcome.plan.run_rules.path
    paths = {**judged_paths(inputs), **EXTREMES}
    return {
        name: metrics_table(outcome if path == own else along(plan, inputs, ready, path))
        for name, path in paths.items()
    }


def worst_objectives(
    name: str, plans: Iterable[Plan], inputs: Inputs, known: Floats | None = None
) -> Floats:
    """The objective `name` of each plan along the worst of all paths, shape (plans,).

    known: metrics of the plans that the pre-screen left along the path of whole candles, shape
    (plans, metrics). Along some path a set may have no figure, as it has no trade there: it is
    the worst, at minus infinity.
    """
    found = []
    for place, plan in enumerate(plans):
        ready = make_ready(plan, inputs)
        is_known = known is not None and plan.run_rules.path == CANDLE and not has_detail(inputs)
        runs = [tuple(known[place])] if known is not None and is_known else []
        paths = list(judged_paths(inputs).values())[len(runs) :]
        runs += [tuple(along(plan, inputs, ready, path).metrics) for path in paths]
        values = raw_objective(name, np.array(runs, np.float64), 0)
        found.append(float(path_objectives(values).min()))
    return np.array(found)


def path_objectives(values: Floats) -> Floats:
    """Objectives along paths, without a figure at minus infinity."""
    found: Floats = np.nan_to_num(values, nan=-np.inf, posinf=np.inf)
    return found


def best_worst(name: str, share: Share, combinations: Sequence[int], screened: Floats) -> int:
    """The combination whose objective `name` along the worst of all paths is the best; of
    equals the first.

    screened: their metrics in the pre-screen over the same inputs, which knows the path of whole
    candles, shape (combinations, metrics). No path betters the worst: the others are run only
    while a combination is ahead.
    """
    if is_plain():
        plans = [share.space.plan(number) for number in combinations]
        return combinations[int(worst_objectives(name, plans, share.inputs).argmax())]
    known = path_objectives(raw_objective(name, screened, 0))
    best = (-np.inf, -len(combinations))
    for place in np.argsort(-known, kind="stable").tolist():
        worst = float(known[place])
        if (worst, -place) <= best:
            continue
        plan = share.space.plan(combinations[place])
        ready = _ready(share, plan, combinations[place])
        for path in (LOW_FIRST, HIGH_FIRST):
            row = np.array([tuple(along(plan, share.inputs, ready, path).metrics)], np.float64)
            worst = min(worst, float(path_objectives(raw_objective(name, row, 0))[0]))
            if (worst, -place) <= best:
                break
        best = max(best, (worst, -place))
    return combinations[-best[1]]


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
