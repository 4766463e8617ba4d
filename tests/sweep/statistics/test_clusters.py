"""Planted clusters are found again; merges equal SciPy's average linkage."""

from __future__ import annotations

import numpy as np
import pytest

from stoptrail.rules.candles import Floats
from stoptrail.sweep.statistics.clusters import (
    average_linkage,
    correlation_distance,
    effective_trials,
    sample_trials,
    silhouette_quality,
)


def planted(clusters: int, rows: int, likeness: float, seed: int) -> Floats:
    """Rows with one of `clusters` common parts, correlated by `likeness` within."""
    generator = np.random.default_rng(seed)
    common = generator.normal(size=(clusters, 900))
    own = generator.normal(size=(rows, 900))
    labels = np.arange(rows) % clusters
    mixed = np.sqrt(likeness) * common[labels] + np.sqrt(1 - likeness) * own
    return np.asarray(mixed, dtype=np.float64)


@pytest.mark.parametrize("clusters", [2, 5, 12])
@pytest.mark.parametrize("likeness", [0.4, 0.9])
def test_planted_clusters_are_counted(clusters: int, likeness: float) -> None:
    assert effective_trials(planted(clusters, 60, likeness, clusters)).count == clusters


def test_the_order_of_trials_does_not_matter() -> None:
    returns = planted(4, 40, 0.6, 1)
    shuffled = np.random.default_rng(2).permutation(returns)
    assert effective_trials(returns).count == effective_trials(shuffled).count == 4


def test_trials_count_as_distinct_unless_they_share_half_of_their_variance() -> None:
    assert effective_trials(planted(4, 40, 0.9, 1)).distinct == 4
    assert effective_trials(planted(4, 40, 0.3, 1)).distinct == 40


def test_identical_trials_are_one() -> None:
    returns = np.repeat(planted(1, 1, 0.5, 3), 20, axis=0)
    assert effective_trials(returns).count == 1


def test_trials_without_a_trade_are_left_out() -> None:
    returns = np.concatenate([planted(3, 30, 0.8, 4), np.zeros((10, 900))])
    found = effective_trials(returns)
    assert (found.count, found.sampled) == (3, 30)


def test_nothing_traded_is_one_trial() -> None:
    assert effective_trials(np.zeros((5, 100))).count == 1


def test_merge_heights_match_scipy() -> None:
    hierarchy = pytest.importorskip("scipy.cluster.hierarchy")
    distance = correlation_distance(planted(3, 25, 0.3, 6))
    condensed = distance[np.triu_indices(25, 1)]
    tree = hierarchy.linkage(condensed, "average")
    labels = np.arange(25)
    for step, (kept, dropped, height) in enumerate(average_linkage(distance)):
        pair = distance[np.ix_(labels == kept, labels == dropped)]
        assert pair.mean() == pytest.approx(height, rel=1e-12)
        assert height == pytest.approx(tree[step, 2], rel=1e-12)
        labels[labels == dropped] = kept


def test_silhouette_matches_the_formula_by_hand() -> None:
    at = np.array([0.0, 1.0, 10.0, 12.0, 30.0])
    distance = np.abs(at[:, None] - at[None, :])
    labels = np.array([1, 1, 0, 0, 3])
    gone = np.full(5, np.inf)
    left, middle = distance[:, :2].sum(axis=1), distance[:, 2:4].sum(axis=1)
    sums = np.column_stack([middle, left, gone, distance[:, 4]])
    scores = np.array([1 - 1 / 11, 1 - 1 / 10, 1 - 2 / 9.5, 1 - 2 / 11.5, 0.0])
    wanted = scores.mean() / scores.std()
    assert silhouette_quality(sums, np.array([2.0, 2.0, 1.0, 1.0]), labels) == pytest.approx(
        wanted, rel=1e-12
    )


def test_a_sample_takes_one_trial_of_every_stretch() -> None:
    sample = sample_trials(10_007, seed=5, size=100)
    assert len(sample) == 100
    starts = np.arange(101) * 10_007 // 100
    assert np.all(sample >= starts[:-1])
    assert np.all(sample < starts[1:])
    assert np.array_equal(sample, sample_trials(10_007, seed=5, size=100))


def test_few_trials_are_all_taken() -> None:
    assert np.array_equal(sample_trials(7, seed=0), np.arange(7))
