"""Deflated Sharpe ratio: what is left of the best Sharpe ratio after so many trials.

Sources: D. H. Bailey and M. Lopez de Prado, The Deflated Sharpe Ratio: Correcting for
Selection Bias, Backtest Overfitting and Non-Normality, Journal of Portfolio Management
40(5), 2014; the same, The Sharpe Ratio Efficient Frontier, Journal of Risk 15(2), 2012.
All Sharpe ratios here are per day, not annualised.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from stoptrail.rules.candles import Floats
from stoptrail.rules.metrics import (
    daily_sharpe,
)

_EULER_GAMMA = float(np.euler_gamma)
_FEWEST_DAYS = 4
"""The unbiased kurtosis divides by (n - 1)(n - 2)(n - 3)."""


@dataclass(frozen=True)
class Moments:
    """Shape of a series of daily returns."""

    days: int
    sharpe: float
    """Mean over standard deviation, per day."""
    skew: float
    """Adjusted Fisher-Pearson skewness, 0 for normal returns."""
    kurtosis: float
    """Unbiased kurtosis, 3 for normal returns."""


@dataclass(frozen=True)
class DeflatedSharpe:
    """The best trial against the Sharpe ratio that luck alone would have found."""

    trials: int
    spread: float
    """Standard deviation of the trials' daily Sharpe ratios."""
    expected_maximum: float
    """Daily Sharpe ratio to be expected of the best of `trials` without any skill."""
    probability: float
    """Probability that the best's true Sharpe ratio is above 0 in spite of the
    selection; NaN where it is not defined."""


def moments(returns: Floats) -> Moments:
    """Moments of daily returns, shape (days,); NaN where fewer than four days differ."""
    days = len(returns)
    ratio = daily_sharpe(days, math.fsum(returns), math.fsum(returns * returns))
    if days < _FEWEST_DAYS or math.isnan(ratio):
        return Moments(days, ratio, math.nan, math.nan)
    apart = returns - returns.mean()
    second, third, fourth = (float((apart**power).mean()) for power in (2, 3, 4))
    skew = math.sqrt(days * (days - 1)) / (days - 2) * third / second**1.5
    excess = (days + 1) * (fourth / second**2) - 3 * (days - 1)
    excess *= (days - 1) / ((days - 2) * (days - 3))
    return Moments(days, ratio, skew, excess + 3.0)


def expected_maximum_sharpe(trials: int, spread: float) -> float:
    """Expected best of `trials` independent Sharpe ratios with mean 0 and standard
    deviation `spread`: spread * ((1 - g) z(1 - 1/N) + g z(1 - 1/(N e))), with Euler's
    constant g and the normal quantile z (Bailey and Lopez de Prado 2014, equation 1).

    Raises ValueError below one trial.
    """
    if trials < 1:
        raise ValueError(f"trials must be at least 1, not {trials}")
    if trials == 1 or not spread > 0.0:
        return 0.0
    z = NormalDist().inv_cdf
    near, far = z(1.0 - 1.0 / trials), z(1.0 - 1.0 / (trials * math.e))
    return spread * ((1.0 - _EULER_GAMMA) * near + _EULER_GAMMA * far)


def probabilistic_sharpe(best: Moments, benchmark: float) -> float:
    """Probability that the true daily Sharpe ratio exceeds `benchmark`, allowing for skew
    and fat tails (Bailey and Lopez de Prado 2012); NaN where it is not defined."""
    variance = 1.0 - best.skew * best.sharpe + (best.kurtosis - 1.0) / 4.0 * best.sharpe**2
    if not variance > 0.0:
        return math.nan
    score = (best.sharpe - benchmark) * math.sqrt(best.days - 1) / math.sqrt(variance)
    return NormalDist().cdf(score)


def trial_spread(sharpes: Floats) -> float:
    """Standard deviation (ddof 1) of all trials' Sharpe ratios, shape (trials,).

    A trial without a trade has no Sharpe ratio (NaN) and counts as 0: it was tried.
    """
    if len(sharpes) < 2:
        return 0.0
    return float(np.nan_to_num(sharpes, nan=0.0, posinf=0.0, neginf=0.0).std(ddof=1))


def deflated_sharpe(best: Moments, trials: int, spread: float) -> DeflatedSharpe:
    """The best trial, chosen among `trials` whose daily Sharpe ratios have the standard
    deviation `spread`."""
    hurdle = expected_maximum_sharpe(trials, spread)
    return DeflatedSharpe(trials, spread, hurdle, probabilistic_sharpe(best, hurdle))
