"""The permutation test of a whole search: what it finds where there is nothing to find.

The search is repeated on markets of the same days in random order; the share of them on
which it finds at least as much is the p value of the choice, selection included.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from stoptrail.backtest.codec import pack, unpack
from stoptrail.backtest.inputs import Inputs
from stoptrail.config.settings import Settings
from stoptrail.rules.types import day_marks
from stoptrail.sweep.objective import Scored, rule_of, scored
from stoptrail.sweep.permuted_days import permuted_days
from stoptrail.sweep.screen import Progress, Share, screen_all, shared
from stoptrail.sweep.search import Tools

STAGE = "permutation"


class Found(NamedTuple):
    """What a search found on one market."""

    best: float
    """Best objective of what may be chosen; minus infinity where nothing may."""
    median: float
    """Of every combination's own objective; minus infinity where none has one."""


def found_by(search: Scored) -> Found:
    """The two figures of a screened grid."""
    allowed = search.objective[~np.isnan(search.objective)]
    known = search.figures[~np.isnan(search.figures)]
    return Found(
        float(allowed.max()) if len(allowed) else -np.inf,
        float(np.median(known)) if len(known) else -np.inf,
    )


def p_value(own: float, others: list[float]) -> float:
    """(1 + number of the others at or above) / (their number + 1)."""
    return (1 + sum(other >= own for other in others)) / (len(others) + 1)


def deviations(own: float, others: list[float]) -> float:
    """How many of their standard deviations `own` lies above the mean of the others that are
    finite; NaN below two of these or where they do not differ."""
    known = np.array([other for other in others if np.isfinite(other)])
    spread = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    return (own - float(known.mean())) / spread if spread > 0.0 else np.nan


def permutation_test(
    settings: Settings, share: Share, own: Scored, tools: Tools, on_progress: Progress
) -> dict[str, Any]:
    """`evidence.permutation`: the p values over sweep.permutations markets. Each market
    follows from the seed and its own number."""
    count, size = settings.sweep.permutations, share.space.size
    kept = dict(tools.store.load(STAGE)) if tools.store else {}
    found = []
    for number in range(count):
        if number in kept:
            found.append(Found(*unpack(kept[number])["found"].tolist()))
        else:
            report = partial(_report, on_progress, number * size, count * size)
            found.append(_searched(settings, share, number, tools, report))
            if tools.store:
                tools.store.save(STAGE, [(number, pack({"found": np.array(found[-1])}))])
        on_progress((number + 1) * size, count * size)
    here = found_by(own)
    bests, medians = [f.best for f in found], [f.median for f in found]
    return {
        "count": count,
        "p_best": p_value(here.best, bests),
        "p_median": p_value(here.median, medians),
        "deviations": deviations(here.best, bests),
        "best": here.best,
        "median": here.median,
        "bests": bests,
        "medians": medians,
    }


def permuted(inputs: Inputs, seed: int, number: int) -> Inputs:
    """Market `number` of permuted days."""
    random = np.random.default_rng([seed, number])
    candles = permuted_days(inputs.candles, inputs.start, inputs.market, random)
    return inputs._replace(candles=candles, marks=day_marks(candles, inputs.start))


def _searched(
    settings: Settings, share: Share, number: int, tools: Tools, on_progress: Progress
) -> Found:
    """The search on one permuted market."""
    inputs = permuted(share.inputs, settings.sweep.seed, number)
    results = screen_all(
        shared(share.space, inputs), tools.jobs, None, tools.screen_pool, on_progress
    )
    sweep = settings.sweep
    return found_by(scored(rule_of(sweep), share.space.grid, results.metrics, sweep.min_trades))


def _report(on_progress: Progress, before: int, total: int, now: int, _of_these: int) -> None:
    on_progress(before + now, total)
