"""Walk-forward in several phases, by several ways of choosing.

Where the windows begin is an accident: the same search is walked forward with its windows
shifted by parts of a test window. In each train window every way of choosing takes its own
set from the same screened grid.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, NamedTuple

import numpy as np

from stoptrail.backtest.plan import pack, unpack
from stoptrail.config.settings import Settings
from stoptrail.core.program import Progress, give_back, part_of
from stoptrail.rules.candles import Floats
from stoptrail.rules.metrics import (
    Metrics,
)
from stoptrail.sweep.finalists import best_tenth, choose
from stoptrail.sweep.kernel.results import Results
from stoptrail.sweep.objective import BEST, NEIGHBOURS, PLATEAU, Rule, rule_of, scored
from stoptrail.sweep.price_paths import best_worst
from stoptrail.sweep.screen import Share, screen_all, until, within
from stoptrail.sweep.search import Tools, beside
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
    found = {number: _unpacked(kept[number]) for number in range(len(windows)) if number in kept}

    def settle(number: int, chosen: Callable[[], Trained]) -> None:
        found[number] = chosen()
        if tools.store:
            tools.store.save(STAGE, [(number, _packed(found[number]))])

    with beside() as threads:
        waiting: list[tuple[int, Callable[[], Trained]]] = []
        for number, window in enumerate(windows):
            if number not in found:
                report = part_of(on_progress, number * size, len(windows) * size)
                waiting.append((number, _train(settings, share, window, tools, report, threads)))
            if len(waiting) > 1:
                settle(*waiting.pop(0))
            give_back()
            on_progress((number + 1) * size, len(windows) * size)
        for one in waiting:
            settle(*one)
    return [found[number] for number in range(len(windows))]


def _train(
    settings: Settings,
    share: Share,
    window: Window,
    tools: Tools,
    on_progress: Progress,
    threads: Executor,
) -> Callable[[], Trained]:
    """Screen one train window, and let every way of choosing take its own; what is known only
    once it is asked, so that `threads` may go on with it while the next window is screened."""
    trained = until(share, window)
    results = screen_all(trained, tools.jobs, None, tools.screen_pool, on_progress)
    needed = enough_trades(settings.walk_forward.min_trades_per_year, window)
    rule = rule_of(settings.sweep)
    score = scored(rule, share.space.grid, results.metrics, needed).score
    finalists = choose(score, results.fingerprint, settings.sweep.finalists)
    screened = results.metrics[np.array(finalists, np.int64)]
    best = threads.submit(_as_the_sweep, rule.objective, trained, finalists, screened)
    own = {
        name: scored(Rule(rule.objective, name), share.space.grid, results.metrics, needed)
        for name in (BEST, PLATEAU, NEIGHBOURS)
    }
    chosen = {name: _argmax(one.score) for name, one in own.items()}
    known = {n: results.metrics[n].copy() for n in chosen.values() if n is not None}
    known |= dict(zip(finalists, screened, strict=True))
    many = _many(own[BEST].objective, results)
    tested = within(share, test_inputs(share.inputs, window.test_start, window.test_end))
    averages = dict(zip(AVERAGES, mean_returns(tested, many, tools.jobs), strict=True))

    def found() -> Trained:
        every = {SWEEP: best.result(), **chosen}
        figures = {name: _figures(known, number) for name, number in every.items()}
        return Trained(every, figures, averages)

    return found


def _as_the_sweep(
    objective: str, trained: Share, finalists: list[int], screened: Floats
) -> int | None:
    """The finalist whose worst price path in the train window is the best."""
    return best_worst(objective, trained, finalists, screened) if finalists else None


def _argmax(score: Floats) -> int | None:
    return None if np.isnan(score).all() else int(np.nanargmax(score))


def _many(objective: Floats, results: Results) -> list[Indices]:
    """The combinations of each of AVERAGES."""
    few = choose(objective, results.fingerprint, FEW)
    return [np.array(few, np.int64), best_tenth(objective)]


def _figures(known: dict[int, Floats], number: int | None) -> dict[str, Any]:
    return {} if number is None else dict(zip(Metrics._fields, known[number].tolist(), strict=True))


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
