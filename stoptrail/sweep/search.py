"""The whole search: pre-screen, finalists in full Backtrader, walk-forward, evidence."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from stoptrail.backtest.codec import (
    pack,
    pack_record,
    unpack,
    unpack_record,
)
from stoptrail.backtest.outcome import Outcome
from stoptrail.backtest.plan import Record
from stoptrail.config.settings import Settings
from stoptrail.core.errors import RunError
from stoptrail.rules.metrics import Metrics
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
from stoptrail.sweep.screen import Share, screen_all, until
from stoptrail.sweep.space import Space
from stoptrail.sweep.statistics.selection import Trials
from stoptrail.sweep.statistics.windows import Window, windows
from stoptrail.sweep.store import TrialStore
from stoptrail.sweep.trials import FINALIST, PRUNED_CHECK
from stoptrail.sweep.walk_forward import Chained, chain, enough_trades

VERIFIED = "verified"
WALK_FORWARD = "walk_forward"

Progress = Callable[[int, int], None]


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
        most = int(decided_trades(ranked.results.metrics).max())
        raise RunError(
            f"none of {space.size:,} combinations has sweep.min_trades = {sweep.min_trades} closed "
            f"trades that are no scratches (the most is {most}); lower it or give a longer span"
        )
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


def walk_forward(
    settings: Settings, share: Share, tools: Tools, on_progress: Progress
) -> Chained | None:
    """Choose anew in every train window and trade the next; None where nothing was chosen.

    Raises ConfigError where the data is too short for one window.
    """
    inputs, space, own = share.inputs, share.space, settings.walk_forward
    marks = inputs.marks.time
    steps = windows(int(marks[0]), int(marks[-1]), own.train_days, own.test_days)
    kept = dict(tools.store.load(WALK_FORWARD)) if tools.store else {}
    choices = []
    for number, window in enumerate(steps):
        done = number * space.size
        if number in kept:
            choice = _unpacked(kept[number])
        else:
            choice = _train(
                settings,
                share,
                window,
                tools,
                partial(_report, on_progress, done, len(steps) * space.size),
            )
            if tools.store:
                tools.store.save(WALK_FORWARD, [(number, _packed(*choice))])
        choices.append((window, *choice))
        on_progress(done + space.size, len(steps) * space.size)
    if all(combination is None for _, combination, _ in choices):
        return None
    return chain(inputs, choices, space.plan, space.plan(0))


def _report(on_progress: Progress, before: int, total: int, now: int, _of_these: int) -> None:
    on_progress(before + now, total)


def _train(
    settings: Settings, share: Share, window: Window, tools: Tools, on_progress: Progress
) -> tuple[int | None, dict[str, Any]]:
    """The best combination of one train window, and its figures there."""
    trained = until(share, window)
    results = screen_all(trained, tools.jobs, None, tools.screen_pool, on_progress)
    needed = enough_trades(settings.walk_forward.min_trades_per_year, window)
    rule = rule_of(settings.sweep)
    scores = scored(rule, share.space.grid, results.metrics, needed).score
    if np.isnan(scores).all():
        return None, {}
    best = int(np.nanargmax(scores))
    return best, dict(zip(Metrics._fields, results.metrics[best].tolist(), strict=True))


def _packed(combination: int | None, figures: dict[str, Any]) -> bytes:
    number = -1 if combination is None else combination
    values = np.array(list(figures.values()), np.float64)
    return pack({"combination": np.array([number]), "figures": values})


def _unpacked(content: bytes) -> tuple[int | None, dict[str, Any]]:
    arrays = unpack(content)
    number = int(arrays["combination"][0])
    if number < 0:
        return None, {}
    return number, dict(zip(Metrics._fields, arrays["figures"].tolist(), strict=True))
