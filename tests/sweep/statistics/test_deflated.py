"""The deflated Sharpe ratio against its paper, SciPy's moments and ffn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.rules.candles import Floats
from stoptrail.sweep.statistics.deflated import (
    Moments,
    deflated_sharpe,
    expected_maximum_sharpe,
    moments,
    probabilistic_sharpe,
    trial_spread,
)

DAYS_OF_PAPER = 250
"""The paper annualises with 250 days."""


@pytest.fixture(scope="module")
def ffn() -> Any:
    return pytest.importorskip("ffn")


def best_of_paper(skew: float, kurtosis: float) -> Moments:
    return Moments(1250, 2.5 / math.sqrt(DAYS_OF_PAPER), skew, kurtosis)


def random_returns(seed: int, days: int = 700) -> Floats:
    drawn = np.random.default_rng(seed).standard_t(4, days)
    return np.asarray(drawn * 0.02 + 0.001, dtype=np.float64)


@pytest.mark.parametrize(
    ("trials", "skew", "kurtosis", "probability"),
    [(100, -3.0, 10.0, 0.9004), (46, -3.0, 10.0, 0.9505), (88, 0.0, 3.0, 0.9505)],
)
def test_numerical_example_of_the_paper(
    trials: int, skew: float, kurtosis: float, probability: float
) -> None:
    spread = math.sqrt(0.5 / DAYS_OF_PAPER)
    found = deflated_sharpe(best_of_paper(skew, kurtosis), trials, spread)
    assert found.probability == pytest.approx(probability, abs=6e-5)
    if trials == 100:
        assert found.expected_maximum == pytest.approx(0.1132, abs=6e-5)


@pytest.mark.parametrize("seed", range(5))
def test_matches_ffn(ffn: Any, seed: int) -> None:
    generator = np.random.default_rng(seed)
    index = pd.date_range("2021-01-01", periods=700)
    returns = pd.Series(random_returns(seed), index=index)
    sharpes = generator.normal(0.0, 0.03, 500)
    wanted = ffn.calc_deflated_sharpe_ratio(returns, sharpes, nperiods=365, annualized_trials=False)
    best = moments(np.asarray(returns, dtype=np.float64))
    found = deflated_sharpe(best, 500, trial_spread(sharpes))
    assert found.probability == pytest.approx(wanted, rel=1e-10)


@given(st.integers(2, 10**9), st.floats(1e-6, 10.0))
def test_expected_maximum_matches_ffn(ffn: Any, trials: int, spread: float) -> None:
    wanted = ffn.calc_expected_max_sharpe(trials, spread)
    assert expected_maximum_sharpe(trials, spread) == pytest.approx(wanted, rel=1e-9)


def test_expected_maximum_is_near_the_mean_of_simulated_maxima() -> None:
    draws = np.random.default_rng(3).normal(0.0, 0.5, (4000, 200)).max(axis=1)
    assert expected_maximum_sharpe(200, 0.5) == pytest.approx(draws.mean(), rel=0.02)


def test_moments_match_pandas() -> None:
    returns = random_returns(11)
    series = pd.Series(returns)
    found = moments(returns)
    assert found.sharpe == pytest.approx(series.mean() / series.std(), rel=1e-12)
    assert found.skew == pytest.approx(series.skew(), rel=1e-10)
    assert found.kurtosis == pytest.approx(float(np.asarray(series.kurt())) + 3.0, rel=1e-10)


def test_a_single_trial_has_nothing_to_deflate() -> None:
    best = moments(random_returns(5))
    assert expected_maximum_sharpe(1, 0.5) == 0.0
    assert deflated_sharpe(best, 1, 0.5).probability == probabilistic_sharpe(best, 0.0)


def test_no_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        expected_maximum_sharpe(0, 1.0)


@given(st.integers(2, 10**6), st.integers(2, 10**6))
def test_more_trials_never_raise_the_probability(one: int, other: int) -> None:
    best = best_of_paper(-1.0, 6.0)
    few, many = sorted((one, other))
    low = deflated_sharpe(best, many, 0.03).probability
    assert low <= deflated_sharpe(best, few, 0.03).probability


def test_a_trial_without_a_trade_counts_as_zero() -> None:
    with_nan = np.array([0.1, np.nan, -0.05, np.nan])
    assert trial_spread(with_nan) == np.array([0.1, 0.0, -0.05, 0.0]).std(ddof=1)


@pytest.mark.parametrize("returns", [np.zeros(50), np.full(50, 0.01), np.array([0.1, 0.2])])
def test_returns_without_a_shape_give_nan(returns: Floats) -> None:
    assert math.isnan(deflated_sharpe(moments(returns), 10, 0.1).probability)
