"""Purged splits by hand and against skfolio's; paths against a plain walk."""

from __future__ import annotations

import numpy as np
import pytest

from stoptrail.rules.metrics import (
    ANNUAL_ROOT,
    sharpes,
)
from stoptrail.sweep.statistics.purged import purged_paths, splits


def test_splits_by_hand() -> None:
    """13 days in 3 folds of 4, 4 and 5 days; 1 day purged on each side, 1 of embargo."""
    found = splits(13, 3, 2, 1, 0)
    first, second, third = found
    assert [test.tolist() for test in first.tests] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert first.train.tolist() == [9, 10, 11, 12]
    assert [test.tolist() for test in second.tests] == [[0, 1, 2, 3], [8, 9, 10, 11, 12]]
    assert second.train.tolist() == [5, 6]
    assert [test.tolist() for test in third.tests] == [[4, 5, 6, 7], [8, 9, 10, 11, 12]]
    assert third.train.tolist() == [0, 1, 2]


def test_an_embargo_takes_days_after_a_test_only() -> None:
    _, second, third = splits(15, 3, 2, 1, 2)
    assert second.train.tolist() == [8]
    assert third.train.tolist() == [0, 1, 2, 3]


def test_folds_that_purging_would_eat_are_refused() -> None:
    with pytest.raises(ValueError, match="3 folds of 4 days"):
        splits(13, 3, 2, 2, 1)


@pytest.mark.parametrize(
    ("days", "folds", "tests", "purged", "embargo"),
    [(12, 3, 2, 0, 0), (103, 6, 2, 3, 4), (1826, 10, 2, 7, 7), (200, 8, 5, 2, 0), (99, 5, 3, 0, 6)],
)
def test_splits_equal_those_of_skfolio(
    days: int, folds: int, tests: int, purged: int, embargo: int
) -> None:
    model_selection = pytest.importorskip("skfolio.model_selection", reason="skfolio is large")
    oracle = model_selection.CombinatorialPurgedCV(folds, tests, purged, embargo)
    theirs = list(oracle.split(np.zeros((days, 1))))
    ours = splits(days, folds, tests, purged, embargo)
    assert len(ours) == len(theirs)
    for split, (train, tested) in zip(ours, theirs, strict=True):
        assert split.train.tolist() == train.tolist()
        assert [t.tolist() for t in split.tests] == [t.tolist() for t in tested]


def test_every_path_covers_every_day_once_by_what_its_split_chose() -> None:
    returns = np.random.default_rng(3).normal(0.0, 0.01, (5, 120))
    found = purged_paths(returns, 4, 2, 3, 2)
    assert found is not None
    assert (found.splits, len(found.sharpes)) == (6, 3)
    seen: dict[int, list[np.ndarray]] = {fold: [] for fold in range(4)}
    pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    for pair, split in zip(pairs, splits(120, 4, 2, 3, 2), strict=True):
        train = returns[:, split.train]
        winner = np.argmax(train.mean(axis=1) / train.std(axis=1, ddof=1))
        for fold, test in zip(pair, split.tests, strict=True):
            seen[fold].append(returns[winner, test])
    for path, sharpe in enumerate(found.sharpes):
        whole = np.concatenate([seen[fold][path] for fold in range(4)])
        assert sharpe == pytest.approx(whole.mean() / whole.std(ddof=1) * ANNUAL_ROOT)
    assert (found.low, found.high) == (min(found.sharpes), max(found.sharpes))


def test_a_trial_that_is_always_better_is_what_every_path_earns() -> None:
    random = np.random.default_rng(1)
    good = random.normal(0.003, 0.01, 200)
    returns = np.stack([random.normal(0.0, 0.01, 200) - 0.003, good])
    found = purged_paths(returns, 5, 2, 2, 2)
    assert found is not None
    assert found.sharpes == pytest.approx([sharpes(good[None])[0]] * 4)
    assert found.losing == 0.0


def test_too_few_days_or_trials_have_no_paths() -> None:
    assert purged_paths(np.zeros((1, 400))) is None
    assert purged_paths(np.zeros((3, 150))) is None


def test_days_without_a_trade_lose_on_every_path_and_ten_folds_make_nine_paths() -> None:
    found = purged_paths(np.zeros((2, 400)))
    assert found is not None
    assert (found.folds, found.test_folds, found.splits, len(found.sharpes)) == (10, 2, 45, 9)
    assert (found.purged_days, found.embargo_days) == (7, 7)
    assert found.losing == 1.0


def test_a_fold_has_to_outlast_what_is_left_out_by_two_days() -> None:
    random = np.random.default_rng(2)
    assert purged_paths(random.normal(0.0, 0.01, (2, 159))) is None
    assert purged_paths(random.normal(0.0, 0.01, (2, 160))) is not None
