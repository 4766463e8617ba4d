"""Many sets side by side: the equity of each, and what equal parts of the capital, rebalanced
daily, would earn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

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

Found = TypeVar("Found")
_Run = tuple[Indices, Floats]
"""Combinations, ascending, and the equity of each at the day marks."""


def mean_returns(share: Share, sets: list[Indices], jobs: int) -> Floats:
    """Daily returns of the average of each of `sets` of combinations, shape (sets, days).

    Every combination runs over the share's inputs by itself and is marked at their end. A
    set without a combination earns nothing. The order of sums does not depend on `jobs`.
    """
    wanted = np.unique(np.concatenate([*sets, np.empty(0, np.int64)]).astype(np.int64))
    parts = np.stack([np.isin(wanted, each) / max(len(each), 1) for each in sets])

    def earned(runs: Iterator[_Run]) -> Floats:
        """What the combinations of one group add to each set's returns."""
        total = np.zeros((len(sets), len(share.inputs.marks.time) - 1))
        for mine, equity in runs:
            total += parts[:, np.searchsorted(wanted, mine)] @ daily_returns(equity)
        return total

    total = np.zeros((len(sets), len(share.inputs.marks.time) - 1))
    for found in _by_threads(share, wanted, earned, jobs):
        total += found
    return total


def equity_marks(share: Share, combinations: Indices, jobs: int) -> Floats:
    """Equity at the day marks of some combinations, shape (k, d + 1)."""
    wanted, places = np.unique(combinations, return_inverse=True)
    marks = np.empty((len(wanted), len(share.inputs.marks.time)))
    for runs in _by_threads(share, wanted, list, jobs):
        for mine, equity in runs:
            marks[np.searchsorted(wanted, mine)] = equity
    return marks[places]


def _by_threads(
    share: Share, wanted: Indices, work: Callable[[Iterator[_Run]], Found], jobs: int
) -> Iterator[Found]:
    """`work` of the runs of each group that has a combination among the `wanted` ones, which
    ascend; in the order of groups."""
    inputs = share.inputs
    midnights = midnights_of(inputs.marks, inputs.candles.close, 0, inputs.funding)
    with ThreadPoolExecutor(cores(jobs)) as threads:
        yield from threads.map(
            lambda inside: work(_of_group(share, midnights, inside)),
            _by_group(share.space, wanted),
        )


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


def _of_group(share: Share, midnights: Midnights, inside: _Inside) -> Iterator[_Run]:
    """The wanted combinations of one group, part by part."""
    inputs, space, flows = share.inputs, share.space, share.cuts.flows(share.inputs)
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
        own: dict[str, Any] = {"memo": memo, "atr": atr, "funding": flows}
        own["own_size"] = plan.own_size
        own["exit_rule"] = plan.exit_rule
        screen_rows(inputs.candles, nodes, setups, midnights, table, results, **own)
        yield mine, results.equity
    share.memos.give(memo)
