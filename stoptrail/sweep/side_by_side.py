"""Many sets side by side, each with an equal part of the capital, rebalanced daily."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np

from stoptrail.backtest.inputs import first_decision
from stoptrail.rules.candles import Floats
from stoptrail.rules.metrics import daily_returns
from stoptrail.rules.types import chosen
from stoptrail.sweep.kernel.days import Midnights, midnights_of
from stoptrail.sweep.kernel.results import results_for
from stoptrail.sweep.kernel.rows import screen_rows
from stoptrail.sweep.kernel.rule_table import need_turn
from stoptrail.sweep.pools.processes import cores
from stoptrail.sweep.screen import Share
from stoptrail.sweep.space import Indices, Space


def mean_returns(share: Share, sets: list[Indices], jobs: int) -> Floats:
    """Daily returns of the average of each of `sets` of combinations, shape (sets, days).

    Every combination runs over the share's inputs by itself and is marked at their end. A
    set without a combination earns nothing. The order of sums does not depend on `jobs`.
    """
    wanted = np.unique(np.concatenate([*sets, np.empty(0, np.int64)]).astype(np.int64))
    parts = np.stack([np.isin(wanted, each) / max(len(each), 1) for each in sets])
    midnights = midnights_of(
        share.inputs.marks, share.inputs.candles.close, 0, share.inputs.funding
    )
    earned = partial(_of_group, share, wanted, parts, midnights)
    total = np.zeros((len(sets), len(share.inputs.marks.time) - 1))
    with ThreadPoolExecutor(cores(jobs)) as threads:
        for found in threads.map(earned, _by_group(share.space, wanted)):
            total += found
    return total


class _Inside(NamedTuple):
    """The wanted combinations of one group."""

    group: int
    combinations: Indices
    """Ascending."""


def _by_group(space: Space, wanted: Indices) -> list[_Inside]:
    """The groups that have a wanted combination, in order."""
    groups = space.groups_of(wanted)
    numbers, counts = np.unique(groups, return_counts=True)
    runs = np.split(wanted[np.argsort(groups, kind="stable")], np.cumsum(counts)[:-1])
    return [_Inside(int(number), run) for number, run in zip(numbers, runs, strict=False)]


def _of_group(
    share: Share,
    wanted: Indices,
    parts: Floats,
    midnights: Midnights,
    inside: _Inside,
) -> Floats:
    """What the wanted combinations of one group add to each set's returns."""
    inputs, space, flows = share.inputs, share.space, share.cuts.flows(share.inputs)
    total = np.zeros((len(parts), len(inputs.marks.time) - 1))
    group, rows = space.group(inside.group), space.rows(inside.combinations)
    turns = need_turn(rows)
    begun = share.events.begun(inside.group, group.parts[0].plan, inputs.candles, with_turn=turns)
    memo = share.memos.take()
    for part in group.parts:
        mine = np.intersect1d(part.combinations, inside.combinations, assume_unique=True)
        if not len(mine):
            continue
        plan, nodes = part.plan, share.nodes(part.plan)
        first = first_decision(inputs, begun.warm, nodes.atr)
        setups = chosen(begun.setups, plan.sides, first)
        results = results_for(len(mine), 0, len(inputs.marks.time))
        table = rows[np.searchsorted(inside.combinations, mine)]
        atr = (plan.atr_interval, plan.atr_period)
        own = {"memo": memo, "atr": atr, "own_size": plan.size_call, "funding": flows}
        own["exit_rule"] = plan.exit_rule
        screen_rows(inputs.candles, nodes, setups, midnights, table, results, **own)
        total += parts[:, np.searchsorted(wanted, mine)] @ daily_returns(results.equity)
    share.memos.give(memo)
    return total
