"""Confidence intervals by the stationary bootstrap: blocks keep what hangs together.

Source: D. N. Politis and J. P. Romano, The Stationary Bootstrap, Journal of the
American Statistical Association 89(428), 1994. Blocks start anywhere, wrap round the
end and have a geometric length; intervals are percentiles of the resampled figure.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stoptrail.rules.candles import Floats
from stoptrail.rules.metrics import sharpes

RESAMPLES = 2000
LEVEL = 0.9
_AT_ONCE = 500_000
"""Resampled values held at a time (a few arrays of 4 MB)."""


@dataclass(frozen=True)
class Interval:
    """What a figure might have been, had the same market dealt its days otherwise."""

    low: float
    median: float
    high: float
    level: float
    """Share of the resamples between low and high."""
    at_or_below: float
    """Share of the resamples at or below `threshold`."""
    threshold: float
    """Where the strategy stops being worth anything: Sharpe 0, profit factor 1."""
    block: float
    """Mean length of a block, in days or trades."""
    resamples: int


def sharpe_interval(returns: Floats, seed: int, *, resamples: int = RESAMPLES) -> Interval:
    """Interval of the annualised Sharpe ratio from daily returns, shape (days,).

    NaN bounds below two days; a resample without a spread counts as 0.
    """
    return _interval(returns, sharpes, 0.0, seed, resamples)


def profit_factor_interval(pnl: Floats, seed: int) -> Interval:
    """Interval of the profit factor from the profits of trades in order, shape (trades,).

    A resample without a loss counts as infinite, one with neither as 0; NaN bounds
    below two trades.
    """

    def factor(sample: Floats) -> Floats:
        won = np.maximum(sample, 0.0).sum(axis=1)
        lost = np.maximum(-sample, 0.0).sum(axis=1)
        unbounded = np.where(won > 0.0, np.inf, 0.0)
        return np.asarray(np.divide(won, lost, out=unbounded, where=lost > 0.0), dtype=np.float64)

    return _interval(pnl, factor, 1.0, seed, RESAMPLES)


def mean_block(length: int) -> float:
    """Mean block length for a series of `length`: its cube root, the rate of growth that
    Politis and Romano find best (12 days for five years)."""
    return float(max(round(length ** (1 / 3)), 1))


def resample_indices(
    length: int, resamples: int, block: float, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Indices into a series of `length` values, shape (resamples, length)."""
    shape = (resamples, length)
    fresh = generator.random(shape) < 1.0 / block
    fresh[:, 0] = True
    starts = generator.integers(0, length, shape)
    place = np.arange(length)
    begun = np.maximum.accumulate(np.where(fresh, place, 0), axis=1)
    first = np.take_along_axis(starts, begun, axis=1)
    return np.asarray((first + place - begun) % length, dtype=np.int64)


def resampled(
    figure: Callable[[Floats], Floats],
    series: Floats,
    seed: int,
    resamples: int,
    at_once: int,
) -> Floats:
    """`figure` of `resamples` resamples of `series`, shape (resamples, ...); it is given as many
    of them as have about `at_once` values, by rows."""
    length, generator = len(series), np.random.default_rng(seed)
    rows, block = max(at_once // length, 1), mean_block(length)
    return np.concatenate(
        [
            figure(series[resample_indices(length, min(rows, resamples - done), block, generator)])
            for done in range(0, resamples, rows)
        ]
    )


def _interval(
    series: Floats,
    figure: Callable[[Floats], Floats],
    threshold: float,
    seed: int,
    resamples: int,
) -> Interval:
    length = len(series)
    block = mean_block(length)
    if length < 2:
        nan = math.nan
        return Interval(nan, nan, nan, LEVEL, nan, threshold, block, resamples)
    found = resampled(figure, series, seed, resamples, _AT_ONCE)
    # A percentile that is one of the values: interpolation would give inf - inf.
    low, median, high = np.quantile(
        found, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2], method="inverted_cdf"
    )
    below = float((found <= threshold).mean())
    return Interval(
        float(low), float(median), float(high), LEVEL, below, threshold, block, resamples
    )
