"""The whole search: pre-screen, finalists in full Backtrader, walk-forward, evidence."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.outcome import Outcome, metrics_table
from stoptrail.backtest.plan import (
    Plan,
    Record,
    pack_record,
    unpack_record,
)
from stoptrail.config.search import Sweep
from stoptrail.config.settings import Settings
from stoptrail.core.errors import ChoiceError
from stoptrail.core.program import Progress, is_plain
from stoptrail.core.text import number_of
from stoptrail.rules.paths import CANDLE, TICKS
from stoptrail.sweep.finalists import (
    check,
    choose,
    draw_pruned,
    run_one,
)
from stoptrail.sweep.kernel.results import COLUMN, Results
from stoptrail.sweep.objective import (
    Scored,
    axes_of,
    decided_trades,
    rule_of,
    scored,
)
from stoptrail.sweep.plain_run import make_ready, quick_record, quick_run
from stoptrail.sweep.pools.pool import Pool
from stoptrail.sweep.pools.processes import workers
from stoptrail.sweep.price_paths import along_path, has_detail, worst_objectives
from stoptrail.sweep.screen import Share
from stoptrail.sweep.space import Space
from stoptrail.sweep.statistics.selection import Trials
from stoptrail.sweep.store import TrialStore
from stoptrail.sweep.trials import FINALIST, PRUNED_CHECK

VERIFIED = "verified"
DETAILED = "detailed"
"""Stages of the trial store."""


class Tools(NamedTuple):
    """Where the work runs and where it is kept."""

    jobs: int
    pool: Pool
    """Processes, or a cluster's workers, for full runs."""
    clustered: bool
    store: TrialStore | None

    @property
    def screen_pool(self) -> Pool | None:
        """The cluster for the pre-screen too; on one machine threads do better."""
        return self.pool if self.clustered else None


@contextmanager
def tools_with(store: TrialStore, search: Sweep) -> Iterator[Tools]:
    """Workers as [sweep] asks for them, and `store`. Raises ConfigError, RunError."""
    with workers(search.jobs, search.cluster) as pool:
        yield Tools(search.jobs, pool, bool(search.cluster), store)


class Ranked(NamedTuple):
    """The pre-screened grid."""

    results: Results
    scored: Scored
    """By the sweep's own rule."""

    def without_counts(self) -> Ranked:
        """Without why signals were ignored, once the table of trials has it: the report of
        millions takes their room."""
        none = self.results.ignored[:0].copy()
        return self._replace(results=self.results._replace(ignored=none))


class Verified(NamedTuple):
    """What ran in full Backtrader."""

    outcomes: dict[int, Outcome]
    """Of finalists with finer candles, where there are any (C21)."""
    stages: dict[int, str]
    trades: int
    """Trades compared."""
    mismatches: tuple[str, ...]
    worst: dict[int, float]
    """Each finalist's objective along the worst of the price paths."""
    best: int
    """The finalist whose worst path is the best."""
    screened: dict[int, Outcome]
    """Each finalist as the pre-screen knew it, where finer candles may say otherwise."""

    def without_detail(self, number: int) -> dict[str, Any]:
        """The figures that a finalist had before finer candles were looked at."""
        known = self.screened.get(number)
        return {"without_detail": metrics_table(known)} if known else {}


def rank(settings: Settings, space: Space, results: Results) -> Ranked:
    """Score every combination by the sweep's rule."""
    sweep = settings.sweep
    return Ranked(results, scored(rule_of(sweep), space.grid, results.metrics, sweep.min_trades))


def nothing_to_choose(settings: Settings, results: Results) -> str:
    """Why no combination can be chosen, in one line."""
    sweep, size = settings.sweep, number_of(len(results.trades), "combination")
    most = int(decided_trades(results.metrics).max())
    if not results.metrics[:, COLUMN.trades].any():
        return (
            f"none of {size} closed a trade: give a longer span, or a signal that comes more often"
        )
    if most < sweep.min_trades:
        return (
            f"none of {size} has sweep.min_trades = {sweep.min_trades} closed trades or more that "
            f"are no scratches (the most is {most}); lower it or give a longer span"
        )
    return (
        f"none of {size} has a value of sweep.objective = {sweep.objective!r}; choose another one "
        "or give a longer span"
    )


def verify_best(
    settings: Settings,
    share: Share,
    ranked: Ranked,
    tools: Tools,
    on_progress: Progress,
    inputs: Inputs,
) -> Verified:
    """Run finalists and some pruned combinations in full Backtrader and compare. With the finer
    candles of `inputs`, which are those of `share` but for them, the finalists run in the
    plain loop, and the best of them in full Backtrader too.

    Raises ChoiceError where no combination has enough trades.
    """
    sweep, space = settings.sweep, share.space
    chosen = choose(ranked.scored.score, ranked.results.fingerprint, sweep.finalists)
    if not chosen:
        raise ChoiceError(nothing_to_choose(settings, ranked.results))
    pruned = draw_pruned(space.size, chosen, sweep.pruned_checks, sweep.seed)
    stages = {**dict.fromkeys(chosen, FINALIST), **dict.fromkeys(pruned, PRUNED_CHECK)}
    plans = {number: space.plan(number) for number in sorted(stages)}
    marks = {number: int(ranked.results.fingerprint[number]) for number in plans}
    chosen_plans = [plans[number] for number in chosen]
    known = None if is_plain() else ranked.results.metrics[np.array(chosen)]
    objective = rule_of(sweep).objective
    begun = _begin(VERIFIED, plans, share.inputs, tools)
    with beside() as threads:
        paths = threads.submit(worst_objectives, objective, chosen_plans, inputs, known)
        found = _checked(begun, plans, marks, share.inputs, tools, on_progress)
        worst = paths.result()
    best = chosen[int(worst.argmax())]
    screened: dict[int, Outcome] = {}
    if has_detail(inputs):
        path = TICKS if settings.stop.ratchet == "tick" else CANDLE
        finer = {number: along_path(plans[number], path) for number in chosen}
        most = {best: finer[best]}
        begun = _begin(DETAILED, most, inputs, tools)
        more = _checked(begun, most, {}, inputs, tools, lambda *_: None)
        others = {n: quick_run(plan, inputs) for n, plan in finer.items() if n != best}
        screened = {number: found.outcomes[number] for number in chosen}
        found = Checked(
            found.outcomes | others | more.outcomes,
            found.trades + more.trades,
            found.mismatches + more.mismatches,
        )
    return Verified(
        found.outcomes,
        stages,
        found.trades,
        found.mismatches,
        dict(zip(chosen, worst.tolist(), strict=True)),
        best,
        screened,
    )


class Checked(NamedTuple):
    """Full runs, compared with the plain loop."""

    outcomes: dict[int, Outcome]
    trades: int
    """Trades compared."""
    mismatches: tuple[str, ...]


class UnderWay(NamedTuple):
    """Full runs that are under way."""

    stage: str
    records: dict[int, Record]
    """Of those that were stored."""
    coming: Iterator[tuple[int, Record]]


def _begin(stage: str, plans: dict[int, Plan], inputs: Inputs, tools: Tools) -> UnderWay:
    """Start each plan's run, before threads are at work: a process may be copied for it."""
    kept = tools.store.load(stage) if tools.store else ()
    records = {number: unpack_record(content) for number, content in kept}
    left = [(number, plan) for number, plan in plans.items() if number not in records]
    return UnderWay(stage, records, tools.pool.spread(run_one, (inputs,), left))


def _checked(
    begun: UnderWay,
    plans: dict[int, Plan],
    marks: dict[int, int],
    inputs: Inputs,
    tools: Tools,
    on_progress: Progress,
) -> Checked:
    """The full run of each plan; marks: fingerprints that the kernel left of some."""
    with beside() as threads:
        expected = {
            number: threads.submit(_plainly, plan, inputs) for number, plan in plans.items()
        }
        records = _collected(begun, len(plans), tools.store, on_progress)
    outcomes: dict[int, Outcome] = {}
    lines: list[str] = []
    trades = 0
    for number, plan in plans.items():
        name = f"combination {number}" + (" with detail" if begun.stage == DETAILED else "")
        both = records[number], expected[number].result()
        outcomes[number], found = check(name, plan, *both, marks.get(number), inputs)
        lines += found.mismatches
        trades += found.trades
    return Checked(outcomes, trades, tuple(lines))


@contextmanager
def beside() -> Iterator[ThreadPoolExecutor]:
    """A thread that works while others wait for the last of something."""
    threads = ThreadPoolExecutor(1)
    try:
        yield threads
    except BaseException:
        threads.shutdown(cancel_futures=True)
        raise
    threads.shutdown()


def _plainly(plan: Plan, inputs: Inputs) -> Record:
    return quick_record(plan, inputs, make_ready(plan, inputs))


def _collected(
    begun: UnderWay, total: int, store: TrialStore | None, on_progress: Progress
) -> dict[int, Record]:
    """The records of all runs, each stored as it comes."""
    records = dict(begun.records)
    on_progress(len(records), total)
    for number, record in begun.coming:
        records[number] = record
        if store:
            store.save(begun.stage, [(number, pack_record(record))])
        on_progress(len(records), total)
    return records


def trials_of(share: Share, ranked: Ranked) -> Trials:
    """The grid as the statistics see it."""
    return Trials(
        axes_of(share.space.grid),
        ranked.scored.figures,
        ranked.scored.objective,
        ranked.results.metrics[:, COLUMN.sharpe],
        ranked.results.block_sums,
        len(share.inputs.marks.time) - 1,
    )
