"""The whole search: pre-screen, finalists in full Backtrader, walk-forward, evidence."""

from __future__ import annotations

from typing import NamedTuple

from stoptrail.backtest.outcome import Outcome
from stoptrail.backtest.plan import (
    Record,
    pack_record,
    unpack_record,
)
from stoptrail.config.settings import Settings
from stoptrail.core.errors import RunError
from stoptrail.core.program import Progress
from stoptrail.sweep.finalists import (
    check,
    choose,
    draw_pruned,
    verify,
)
from stoptrail.sweep.kernel.results import COLUMN, Results
from stoptrail.sweep.objective import (
    Scored,
    axes_of,
    decided_trades,
    rule_of,
    scored,
)
from stoptrail.sweep.pools.pool import Pool
from stoptrail.sweep.price_paths import worst_objectives
from stoptrail.sweep.screen import Share
from stoptrail.sweep.space import Space
from stoptrail.sweep.statistics.selection import Trials
from stoptrail.sweep.store import TrialStore
from stoptrail.sweep.trials import FINALIST, PRUNED_CHECK

VERIFIED = "verified"


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


class Ranked(NamedTuple):
    """The pre-screened grid."""

    results: Results
    scored: Scored
    """By the sweep's own rule."""


class Verified(NamedTuple):
    """What ran in full Backtrader."""

    outcomes: dict[int, Outcome]
    stages: dict[int, str]
    trades: int
    """Trades compared."""
    mismatches: tuple[str, ...]
    worst: dict[int, float]
    """Each finalist's objective along the worst of the price paths."""
    best: int
    """The finalist whose worst path is the best."""


def rank(settings: Settings, space: Space, results: Results) -> Ranked:
    """Score every combination by the sweep's rule."""
    sweep = settings.sweep
    return Ranked(results, scored(rule_of(sweep), space.grid, results.metrics, sweep.min_trades))


def nothing_to_choose(settings: Settings, results: Results) -> str:
    """Why no combination can be chosen, in one line."""
    sweep, size = settings.sweep, f"{len(results.trades):,} combinations"
    most = int(decided_trades(results.metrics).max())
    if not results.metrics[:, COLUMN.trades].any():
        return (
            f"none of {size} closed a trade: give a longer span, or a signal that comes more often"
        )
    if most < sweep.min_trades:
        return (
            f"none of {size} has sweep.min_trades = {sweep.min_trades} closed trades that are no "
            f"scratches (the most is {most}); lower it or give a longer span"
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
) -> Verified:
    """Run finalists and some pruned combinations in full Backtrader and compare.

    Raises RunError where no combination has enough trades.
    """
    sweep, space = settings.sweep, share.space
    chosen = choose(ranked.scored.score, ranked.results.fingerprint, sweep.finalists)
    if not chosen:
        raise RunError(nothing_to_choose(settings, ranked.results))
    pruned = draw_pruned(space.size, chosen, sweep.pruned_checks, sweep.seed)
    stages = {**dict.fromkeys(chosen, FINALIST), **dict.fromkeys(pruned, PRUNED_CHECK)}
    records = _records(share, sorted(stages), tools, on_progress)
    outcomes: dict[int, Outcome] = {}
    lines: list[str] = []
    trades = 0
    for number in sorted(stages):
        outcomes[number], found = check(
            f"combination {number}",
            space.plan(number),
            records[number],
            int(ranked.results.fingerprint[number]),
            share.inputs,
        )
        lines += found.mismatches
        trades += found.trades
    plans = [outcomes[number].plan for number in chosen]
    worst = worst_objectives(rule_of(sweep).objective, plans, share.inputs)
    return Verified(
        outcomes,
        stages,
        trades,
        tuple(lines),
        dict(zip(chosen, worst.tolist(), strict=True)),
        chosen[int(worst.argmax())],
    )


def _records(
    share: Share, numbers: list[int], tools: Tools, on_progress: Progress
) -> dict[int, Record]:
    store = tools.store
    kept = store.load(VERIFIED) if store else ()
    records = {number: unpack_record(content) for number, content in kept}
    on_progress(len(records), len(numbers))

    def keep(number: int, record: Record) -> None:
        records[number] = record
        if store:
            store.save(VERIFIED, [(number, pack_record(record))])
        on_progress(len(records), len(numbers))

    left = [(number, share.space.plan(number)) for number in numbers if number not in records]
    verify(tools.pool, share.inputs, left, keep)
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
