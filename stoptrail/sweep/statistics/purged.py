"""Combinatorial purged cross-validation: whole histories that no choice has seen.

Source: M. Lopez de Prado, Advances in Financial Machine Learning, Wiley 2018, chapter 12.
The days are cut into folds; every choice of some of them is a test, the rest trains. Days
beside a test are purged, those after one are under embargo as well, so that no position
held over the seam is in both. Each fold is tested in several splits: the k-th of each, one
after the other, is a path through all days.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.rules.candles import Floats
from stoptrail.rules.metrics import sharpes

FOLDS, TEST_FOLDS = 10, 2
PURGED_DAYS, EMBARGO_DAYS = 7, 7
"""Longer than most positions of a swing trader are held."""


class Split(NamedTuple):
    """Days by number."""

    train: NDArray[np.int64]
    tests: tuple[NDArray[np.int64], ...]
    """One array for each test fold, in order."""


@dataclass(frozen=True)
class PurgedPaths:
    """What choosing the best of the trials would have earned along each path."""

    folds: int
    test_folds: int
    purged_days: int
    embargo_days: int
    splits: int
    trials: int
    sharpes: tuple[float, ...]
    """Annualised Sharpe ratio of each path."""
    low: float
    median: float
    high: float
    losing: float
    """Share of the paths with a Sharpe ratio of 0 or less."""


def splits(days: int, folds: int, test_folds: int, purged: int, embargo: int) -> list[Split]:
    """Every split, in the order of itertools.combinations of the test folds.

    Folds have days // folds days, the last the rest as well. `purged` days are left out on
    both sides of a run of tests, `embargo` more after it. Raises ValueError where a fold
    would not outlast what is left out.
    """
    size = days // folds
    if not 1 < test_folds < folds or purged + embargo >= size - 1:
        raise ValueError(
            f"{folds} folds of {size} days, {test_folds} of them tests, with {purged} days purged "
            f"and {embargo} of embargo"
        )
    fold_of = np.minimum(np.arange(days) // size, folds - 1)
    return [
        _split(fold_of, tested, purged, embargo)
        for tested in itertools.combinations(range(folds), test_folds)
    ]


def _split(fold_of: NDArray[np.int64], tested: tuple[int, ...], purged: int, embargo: int) -> Split:
    tests = np.isin(fold_of, tested)
    train = ~tests
    edges = np.diff(tests.astype(np.int8))
    for last in np.flatnonzero(edges == 1):
        train[max(last + 1 - purged, 0) : last + 1] = False
    for last in np.flatnonzero(edges == -1):
        train[last + 1 : last + 1 + purged + embargo] = False
    return Split(np.flatnonzero(train), tuple(np.flatnonzero(fold_of == fold) for fold in tested))


def purged_paths(
    returns: Floats,
    folds: int = FOLDS,
    test_folds: int = TEST_FOLDS,
    purged: int = PURGED_DAYS,
    embargo: int = EMBARGO_DAYS,
) -> PurgedPaths | None:
    """Take the trial with the best Sharpe ratio on the days of training, in every split, and
    put its tests together to paths. returns: of each trial, shape (trials, days).

    None below two trials or where the days are too few for the folds.
    """
    trials, days = returns.shape
    if trials < 2 or days // folds <= purged + embargo + 1:
        return None
    every = splits(days, folds, test_folds, purged, embargo)
    paths = math.comb(folds, test_folds) * test_folds // folds
    found = np.full((paths, days), np.nan)
    used = np.zeros(folds, np.int64)
    for tested, split in zip(itertools.combinations(range(folds), test_folds), every, strict=True):
        winner = int(sharpes(returns[:, split.train]).argmax())
        for fold, test in zip(tested, split.tests, strict=True):
            found[used[fold], test] = returns[winner, test]
            used[fold] += 1
    ratios = sharpes(found)
    return PurgedPaths(
        folds=folds,
        test_folds=test_folds,
        purged_days=purged,
        embargo_days=embargo,
        splits=len(every),
        trials=trials,
        sharpes=tuple(ratios.tolist()),
        low=float(ratios.min()),
        median=float(np.median(ratios)),
        high=float(ratios.max()),
        losing=float((ratios <= 0.0).mean()),
    )
