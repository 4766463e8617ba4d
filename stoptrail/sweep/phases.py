"""Walk-forward in several phases, by several ways of choosing.

Where the windows begin is an accident: the same search is walked forward with its windows
shifted by parts of a test window. In each train window every way of choosing takes its own
set from the same screened grid.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stoptrail.backtest.plan import pack, unpack
from stoptrail.config.settings import Settings
from stoptrail.core.program import Progress, part_of
from stoptrail.rules.candles import Floats
from stoptrail.rules.metrics import (
    Metrics,
)
from stoptrail.sweep.finalists import choose
from stoptrail.sweep.kernel.results import Results
from stoptrail.sweep.objective import BEST, NEIGHBOURS, PLATEAU, Rule, rule_of, scored
from stoptrail.sweep.price_paths import best_worst
from stoptrail.sweep.screen import Share, screen_all, until, within
from stoptrail.sweep.search import Tools
from stoptrail.sweep.side_by_side import mean_returns
from stoptrail.sweep.space import Indices
from stoptrail.sweep.statistics.windows import Phase, Window, phases
from stoptrail.sweep.walk_forward import Chained, chain, enough_trades, test_inputs

STAGE = "walk_forward"
SWEEP = "sweep"
"""As the sweep itself chooses: finalists by its selection, the best by the worst path."""
SINGLE = (SWEEP, BEST, PLATEAU, NEIGHBOURS)
"""Ways of choosing one set."""
AVERAGES = ("best_25", "best_tenth")
"""The best 25 with different trades, and the best tenth, side by side."""
FEW = 25
TENTH = 0.1


class Trained(NamedTuple):
    """What one train window chose."""

    combinations: dict[str, int | None]
    """By way of choosing one set; None where no combination had enough trades."""
    figures: dict[str, dict[str, Any]]
    """Of these in the train window."""
    averages: dict[str, Floats]
    """Daily returns in the test window, by way of choosing many, shape (days,)."""


class Walked(NamedTuple):
    """One phase."""

    phase: Phase
    chained: dict[str, Chained]
    """By way of choosing one set."""
    averages: dict[str, Floats]
    """Daily returns over all test windows, by way of choosing many."""


def walk_forward(
    settings: Settings, share: Share, tools: Tools, on_progress: Progress
) -> list[Walked]:
    """Choose anew in every train window of every phase and trade the next one.

    Empty where nothing could be chosen in any window. Raises ConfigError where the data is
    too short for one window.
    """
    marks, own = share.inputs.marks.time, settings.walk_forward
    todo = phases(int(marks[0]), int(marks[-1]), own.train_days, own.test_days, own.phases)
    windows = [window for phase in todo for window in phase.windows]
    trained = iter(_trained(settings, share, windows, tools, on_progress))
    walked = [_chained(share, phase, [next(trained) for _ in phase.windows]) for phase in todo]
    share.memos.forget()
    return [found for found in walked if found.chained]


def _trained(
    settings: Settings, share: Share, windows: list[Window], tools: Tools, on_progress: Progress
) -> list[Trained]:
    """Every window's choices, those that are stored first."""
    size = share.space.size
    kept = dict(tools.store.load(STAGE)) if tools.store else {}
    found = []
    for number, window in enumerate(windows):
        if number in kept:
            found.append(_unpacked(kept[number]))
        else:
            report = part_of(on_progress, number * size, len(windows) * size)
            found.append(_train(settings, share, window, tools, report))
            if tools.store:
                tools.store.save(STAGE, [(number, _packed(found[-1]))])
        on_progress((number + 1) * size, len(windows) * size)
    return found


def _train(
    settings: Settings, share: Share, window: Window, tools: Tools, on_progress: Progress
) -> Trained:
    """Screen one train window, and let every way of choosing take its own."""
    trained = until(share, window)
    results = screen_all(trained, tools.jobs, None, tools.screen_pool, on_progress)
    needed = enough_trades(settings.walk_forward.min_trades_per_year, window)
    rule = rule_of(settings.sweep)
    chosen = {SWEEP: _as_the_sweep(settings, trained, results, needed)}
    for name in (BEST, PLATEAU, NEIGHBOURS):
        own = scored(Rule(rule.objective, name), share.space.grid, results.metrics, needed)
        chosen[name] = _argmax(own.score)
    metrics = {
        name: {} if number is None else _figures(results, number) for name, number in chosen.items()
    }
    objective = scored(Rule(rule.objective, BEST), share.space.grid, results.metrics, needed)
    many = _many(objective.objective, results)
    tested = within(share, test_inputs(share.inputs, window.test_start, window.test_end))
    averages = mean_returns(tested, many, tools.jobs)
    return Trained(chosen, metrics, dict(zip(AVERAGES, averages, strict=True)))


def _as_the_sweep(
    settings: Settings, trained: Share, results: Results, needed: float
) -> int | None:
    """The finalist whose worst price path in the train window is the best."""
    rule = rule_of(settings.sweep)
    score = scored(rule, trained.space.grid, results.metrics, needed).score
    finalists = choose(score, results.fingerprint, settings.sweep.finalists)
    if not finalists:
        return None
    return best_worst(rule.objective, trained, finalists, results)


def _argmax(score: Floats) -> int | None:
    return None if np.isnan(score).all() else int(np.nanargmax(score))


def _many(objective: Floats, results: Results) -> list[Indices]:
    """The combinations of each of AVERAGES."""
    allowed = int(np.sum(~np.isnan(objective)))
    few = choose(objective, results.fingerprint, FEW)
    order = np.lexsort((np.arange(len(objective)), -objective))
    tenth = order[: max(round(TENTH * allowed), 1)] if allowed else order[:0]
    return [np.array(few, np.int64), tenth.astype(np.int64)]


def _figures(results: Results, number: int) -> dict[str, Any]:
    return dict(zip(Metrics._fields, results.metrics[number].tolist(), strict=True))


def _chained(share: Share, phase: Phase, trained: list[Trained]) -> Walked:
    """The test windows of one phase one after the other."""
    inputs, space = share.inputs, share.space
    chained = {}
    for name in SINGLE:
        choices = [
            (window, found.combinations[name], found.figures[name])
            for window, found in zip(phase.windows, trained, strict=True)
        ]
        if any(combination is not None for _, combination, _ in choices):
            chained[name] = chain(inputs, choices, space.plan, space.plan(0))
    averages = {
        name: np.concatenate([found.averages[name] for found in trained]) for name in AVERAGES
    }
    return Walked(phase, chained, averages)


def _packed(trained: Trained) -> bytes:
    numbers = [-1 if n is None else n for n in trained.combinations.values()]
    figures = [
        list(values.values()) or [np.nan] * len(Metrics._fields)
        for values in trained.figures.values()
    ]
    return pack(
        {"combinations": np.array(numbers), "figures": np.array(figures), **trained.averages}
    )


def _unpacked(content: bytes) -> Trained:
    arrays = unpack(content)
    numbers = [None if n < 0 else int(n) for n in arrays["combinations"]]
    figures = [
        {} if n is None else dict(zip(Metrics._fields, row.tolist(), strict=True))
        for n, row in zip(numbers, arrays["figures"], strict=True)
    ]
    return Trained(
        dict(zip(SINGLE, numbers, strict=True)),
        dict(zip(SINGLE, figures, strict=True)),
        {name: np.array(arrays[name]) for name in AVERAGES},
    )
