"""Bootstrap intervals: reproducible, of the right width, safe at the ends."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from stoptrail.rules.metrics import return_sums, sharpe
from stoptrail.rules.tally import tally_profits, trade_figures
from stoptrail.sweep.statistics import bootstrap
from stoptrail.sweep.statistics.bootstrap import (
    mean_block,
    profit_factor_interval,
    resample_indices,
    sharpe_interval,
)


def test_the_same_seed_gives_the_same_interval_and_another_does_not() -> None:
    returns = np.random.default_rng(1).normal(0.001, 0.02, 500)
    assert sharpe_interval(returns, 7) == sharpe_interval(returns, 7)
    assert sharpe_interval(returns, 7) != sharpe_interval(returns, 8)


def test_sharpe_interval_has_the_width_of_theory_for_independent_days() -> None:
    widths = []
    for seed in range(6):
        returns = np.random.default_rng(seed).normal(0.001, 0.02, 1826)
        found = sharpe_interval(returns, seed)
        assert found.low < returns.mean() / returns.std(ddof=1) * math.sqrt(365) < found.high
        widths.append(found.high - found.low)
    error = math.sqrt((1 + 0.05**2 / 2) / 1826) * math.sqrt(365)
    assert np.mean(widths) == pytest.approx(2 * 1.645 * error, rel=0.1)


def test_blocks_widen_the_interval_of_days_that_hang_together() -> None:
    generator = np.random.default_rng(3)
    shocks = generator.normal(0.0, 0.01, 2000)
    returns = np.convolve(shocks, np.ones(8), "valid")
    shuffled = generator.permutation(returns)
    chained, loose = sharpe_interval(returns, 1), sharpe_interval(shuffled, 1)
    assert chained.high - chained.low > 1.8 * (loose.high - loose.low)


def test_indices_run_on_within_a_block_and_wrap_round() -> None:
    drawn = resample_indices(50, 400, 10.0, np.random.default_rng(4))
    steps = (np.diff(drawn, axis=1) == 1) | (np.diff(drawn, axis=1) == -49)
    # A block goes on with probability 0.9; a new one may also start at the next day.
    assert steps.mean() == pytest.approx(0.9 + 0.1 / 50, abs=0.01)
    assert drawn.min() == 0
    assert drawn.max() == 49
    assert np.bincount(drawn.ravel()) / drawn.size == pytest.approx(np.full(50, 0.02), abs=0.006)


def test_profit_factor_interval_holds_the_sample_value() -> None:
    pnl = np.random.default_rng(5).normal(30.0, 100.0, 300)
    found = profit_factor_interval(pnl, 1)
    value = pnl[pnl > 0].sum() / -pnl[pnl < 0].sum()
    assert found.low < value < found.high
    assert found.threshold == 1.0
    assert found.at_or_below < 0.05


def test_trades_without_a_loss_have_an_unbounded_profit_factor() -> None:
    found = profit_factor_interval(np.full(20, 5.0), 1)
    assert found.low == found.high == math.inf
    assert found.at_or_below == 0.0


def test_days_without_a_trade_have_sharpe_zero() -> None:
    found = sharpe_interval(np.zeros(100), 1)
    assert (found.low, found.high, found.at_or_below) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize("length", [0, 1])
def test_too_few_values_give_nan(length: int) -> None:
    found = sharpe_interval(np.zeros(length), 1)
    assert math.isnan(found.low)
    assert math.isnan(found.at_or_below)


def test_resampling_in_several_parts_makes_every_resample(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: list[int] = []
    original = resample_indices

    def counting(
        length: int, resamples: int, block: float, generator: np.random.Generator
    ) -> NDArray[np.int64]:
        counted.append(resamples)
        return original(length, resamples, block, generator)

    monkeypatch.setattr(bootstrap, "_AT_ONCE", 1000)
    monkeypatch.setattr(bootstrap, "resample_indices", counting)
    sharpe_interval(np.random.default_rng(6).normal(size=300), 1, resamples=10)
    assert counted == [3, 3, 3, 1]


def test_blocks_grow_with_the_cube_root() -> None:
    assert [mean_block(n) for n in (0, 1, 8, 1000, 1826)] == [1.0, 1.0, 2.0, 10.0, 12.0]


def test_trades_that_neither_win_nor_lose_have_a_profit_factor_of_zero() -> None:
    found = profit_factor_interval(np.zeros(20), 1)
    assert (found.low, found.high, found.at_or_below) == (0.0, 0.0, 1.0)


def test_figures_of_a_resample_are_those_of_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The arrays of resamples are figured at once; what comes of each is the rules' figure."""
    monkeypatch.setattr(
        bootstrap, "resample_indices", lambda n, count, *_: np.tile(np.arange(n), (count, 1))
    )
    random = np.random.default_rng(8)
    for scale in (1e-3, 1.0, 1e3):
        returns, pnl = random.normal(1e-3, 1e-2, 250), scale * random.normal(0.1, 1.0, 90)
        equity = np.concatenate(([1e4], 1e4 * np.cumprod(1.0 + returns)))
        assert sharpe_interval(returns, 1).median == pytest.approx(sharpe(return_sums(equity)))
        figures = trade_figures(tally_profits(pnl))
        assert profit_factor_interval(pnl, 1).median == pytest.approx(figures.profit_factor)


def test_how_small_profits_and_losses_are_does_not_matter() -> None:
    assert profit_factor_interval(np.full(20, 0.01), 1).low == math.inf
    lost = profit_factor_interval(np.array([0.02, -0.01] * 30), 1)
    assert 0.5 < lost.low < lost.high < 8.0
