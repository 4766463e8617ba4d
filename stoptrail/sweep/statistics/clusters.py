"""How many different strategies a grid really holds: clusters of alike trials.

After M. Lopez de Prado and M. J. Lewis, Detection of False Investment Strategies Using
Unsupervised Learning Methods, Quantitative Finance 19(9), 2019: correlation distance,
and the number of clusters with the best silhouette quality (mean over standard
deviation). Average linkage takes the place of their k-means: it needs no random start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.rules.candles import Floats

Labels = NDArray[np.int64]

ALIKE = 0.7
"""Correlation at which two trials share half of their variance."""
SAMPLE = 400
"""Trials that are clustered; time grows with the cube of it."""


@dataclass(frozen=True)
class Clustering:
    """Trials grouped by the likeness of their daily returns."""

    count: int
    """Number of clusters with the best silhouettes: the effective number of trials."""
    distinct: int
    """Number of groups where only trials that correlate by `ALIKE` or more are grouped:
    larger, for silhouettes see few groups where everything resembles everything."""
    sampled: int
    """Trials that were compared; those without a trade are left out."""
    quality: float
    """Mean silhouette over its standard deviation at `count`; 0 for a single cluster."""


class Merge(NamedTuple):
    """Two clusters becoming one, by the label of one of their members."""

    kept: int
    dropped: int
    height: float
    """Their distance."""


def sample_trials(trials: int, seed: int, size: int = SAMPLE) -> Labels:
    """Ascending indices of at most `size` trials, drawn evenly over the grid: one at
    random from each of `size` equal stretches, so that no axis is left out."""
    if trials <= size:
        return np.arange(trials)
    bounds = np.arange(size + 1) * trials // size
    return np.random.default_rng(seed).integers(bounds[:-1], bounds[1:])


def effective_trials(returns: Floats) -> Clustering:
    """Clusters among trials by their daily returns, shape (sampled trials, days).

    The count errs on the low side where all trials resemble each other, so it is to be
    read beside the full number of trials, never in its place.
    """
    traded = returns[np.ptp(returns, axis=1) > 0.0]
    if len(traded) < 3:
        lone = max(len(traded), 1)
        return Clustering(lone, lone, len(traded), 0.0)
    distance = correlation_distance(traded)
    if distance.max() < 1e-6:
        return Clustering(1, 1, len(traded), 0.0)
    merges = average_linkage(distance)
    count, quality = _best_cut(distance, merges)
    apart = math.sqrt((1.0 - ALIKE) / 2.0)
    distinct = 1 + sum(merge.height > apart for merge in merges)
    return Clustering(count, distinct, len(traded), quality)


def correlation_distance(returns: Floats) -> Floats:
    """sqrt((1 - correlation) / 2) between rows, in [0, 1], shape (rows, rows)."""
    correlation = np.clip(np.corrcoef(returns), -1.0, 1.0)
    distance = np.sqrt((1.0 - correlation) / 2.0)
    np.fill_diagonal(distance, 0.0)
    return np.asarray((distance + distance.T) / 2.0, dtype=np.float64)


def _best_cut(distance: Floats, merges: list[Merge]) -> tuple[int, float]:
    """Number of clusters with the best silhouette quality, and that quality."""
    best = (1, 0.0)
    size = len(distance)
    labels, sizes = np.arange(size), np.ones(size)
    sums = distance.copy()
    for step, (kept, dropped, _) in enumerate(merges[:-1]):
        labels[labels == dropped] = kept
        sizes[kept] += sizes[dropped]
        sums[:, kept] += sums[:, dropped]
        sums[:, dropped] = np.inf
        quality = silhouette_quality(sums, sizes, labels)
        if quality > best[1]:
            best = (size - 1 - step, quality)
    return best


def average_linkage(distance: Floats) -> list[Merge]:
    """Merges in order, the closest pair first; the distance of two clusters is the mean
    over their members (UPGMA)."""
    size = len(distance)
    between = distance.copy()
    np.fill_diagonal(between, np.inf)
    members = np.ones(size)
    merges = []
    for _ in range(size - 1):
        first, second = sorted(divmod(int(between.argmin()), size))
        height = float(between[first, second])
        total = members[first] + members[second]
        joined = (between[first] * members[first] + between[second] * members[second]) / total
        between[first, :] = between[:, first] = joined
        between[first, first] = np.inf
        between[second, :] = between[:, second] = np.inf
        members[first] = total
        merges.append(Merge(first, second, height))
    return merges


def silhouette_quality(sums: Floats, sizes: Floats, labels: Labels) -> float:
    """Mean silhouette over its standard deviation; a cluster of one scores 0.

    sums: each trial's sum of distances to every cluster, shape (trials, clusters),
    infinite where a cluster is no more; sizes: trials in each cluster; labels: each
    trial's cluster.
    """
    every = np.arange(len(labels))
    own = sizes[labels]
    inside = sums[every, labels] / np.maximum(own - 1, 1)
    others = sums / sizes
    others[every, labels] = np.inf
    outside = others.min(axis=1)
    greater = np.maximum(np.maximum(inside, outside), 1e-300)
    scores = np.where(own > 1, (outside - inside) / greater, 0.0)
    return float(scores.mean()) / max(float(scores.std()), 1e-9)
