"""CSCV from block sums against ffn and against plain loops over the returns."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from stoptrail.rules.candles import Floats
from stoptrail.rules.metrics import (
    block_sums,
)
from stoptrail.sweep.statistics import overfitting
from stoptrail.sweep.statistics.overfitting import (
    Overfitting,
    backtest_overfitting,
    block_days,
    splits_for,
)


def returns_of(trials: int, days: int, seed: int, skill: float = 0.0) -> Floats:
    """Daily returns, shape (days, trials); `skill` spreads their true means."""
    generator = np.random.default_rng(seed)
    means = generator.normal(0.0, skill, trials)
    return generator.normal(0.0, 0.02, (days, trials)) + means


def sums_of(returns: Floats, blocks: int) -> Floats:
    marks = np.cumprod(np.vstack([np.ones(returns.shape[1]), 1 + returns]), axis=0)
    return np.array([block_sums(column, blocks) for column in marks.T])


def examine(returns: Floats, blocks: int) -> Overfitting:
    days, trials = returns.shape
    return backtest_overfitting(
        sums_of(returns, blocks), block_days(days, blocks), splits_for(trials, blocks)
    )


@pytest.mark.parametrize(("blocks", "seed"), [(2, 0), (6, 1), (8, 2), (10, 3)])
def test_matches_ffn_split_by_split(blocks: int, seed: int) -> None:
    ffn = pytest.importorskip("ffn")
    returns = returns_of(40, blocks * 21, seed, skill=0.001)
    found = examine(returns, blocks)
    wanted = ffn.calc_prob_backtest_overfitting(
        pd.DataFrame(returns), n_blocks=blocks, full_output=True
    )
    assert found.splits == found.all_splits == math.comb(blocks, blocks // 2)
    assert found.logits == pytest.approx(wanted["logits"].to_numpy(), rel=1e-12)
    assert found.pbo == wanted["pbo"]
    assert found.mean_rank == pytest.approx(wanted["mean_oos_rank"], rel=1e-12)


def test_slope_and_loss_match_plain_loops() -> None:
    returns = returns_of(12, 84, 5, skill=0.002)
    blocks = np.split(np.arange(84), 6)
    inside, outside = [], []
    for half in itertools.combinations(range(6), 3):
        chosen = np.concatenate([blocks[b] for b in half])
        rest = np.setdiff1d(np.arange(84), chosen)
        trained = returns[chosen].mean(axis=0) / returns[chosen].std(axis=0, ddof=1)
        best = int(trained.argmax())
        inside.append(trained[best])
        outside.append(returns[rest, best].mean() / returns[rest, best].std(ddof=1))
    found = examine(returns, 6)
    assert found.slope == pytest.approx(np.polyfit(inside, outside, 1)[0], rel=1e-9)
    assert found.loss_probability == (np.array(outside) < 0).mean()


def test_pure_noise_carries_nothing_over_and_real_skill_does() -> None:
    noise = np.mean([examine(returns_of(60, 400, seed), 8).pbo for seed in range(12)])
    assert 0.3 < noise < 0.7
    assert examine(returns_of(60, 400, 1, skill=0.01), 8).pbo < 0.05


@pytest.mark.parametrize("chunk", [1, 7, 40, 4096])
def test_the_chunk_size_changes_nothing(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    returns = returns_of(40, 120, 8)
    wanted = examine(returns, 8)
    monkeypatch.setattr(overfitting, "_CHUNK", chunk)
    found = examine(returns, 8)
    assert np.array_equal(found.logits, wanted.logits)
    assert (found.slope, found.loss_probability) == (wanted.slope, wanted.loss_probability)


def test_twins_of_the_winner_share_their_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overfitting, "_CHUNK", 16)
    same = np.repeat(returns_of(1, 64, 9), 50, axis=1)
    found = examine(same, 4)
    assert np.all(found.logits == 0.0)
    assert found.mean_rank == 0.5


def test_a_trial_that_never_trades_ranks_between_winners_and_losers() -> None:
    returns = returns_of(30, 96, 10)
    returns[:, 3] = 0.0
    found = examine(returns, 4)
    assert np.isfinite(found.logits).all()
    assert examine(np.zeros((96, 30)), 4).mean_rank == 0.5


def test_many_trials_draw_splits_in_pairs() -> None:
    drawn = splits_for(10_000_000, 16, seed=1)
    assert len(drawn) == len(set(drawn.tolist())) == 1000
    assert all(int(mask).bit_count() == 8 for mask in drawn)
    assert {0xFFFF ^ int(mask) for mask in drawn} == set(drawn.tolist())
    assert np.array_equal(drawn, splits_for(10_000_000, 16, seed=1))


def test_drawn_splits_come_near_the_whole() -> None:
    returns = returns_of(25, 480, 12, skill=0.0005)
    sums, days = sums_of(returns, 16), block_days(480, 16)
    whole = backtest_overfitting(sums, days, splits_for(25, 16))
    part = backtest_overfitting(sums, days, splits_for(10_000_000, 16, seed=2))
    assert whole.standard_error == 0.0
    half = 0.5  # the share of which a sample of splits is least certain
    assert part.standard_error == pytest.approx(math.sqrt(half * (1 - half) / part.splits))
    assert abs(part.pbo - whole.pbo) < 4 * part.standard_error


def test_single_precision_sums_are_accepted() -> None:
    sums = sums_of(returns_of(20, 160, 13), 8)
    days, splits = block_days(160, 8), splits_for(20, 8)
    wide = backtest_overfitting(sums, days, splits)
    narrow = backtest_overfitting(sums.astype(np.float32), days, splits)
    assert narrow.pbo == pytest.approx(wide.pbo, abs=0.05)


@pytest.mark.parametrize("blocks", [0, 3, -2])
def test_an_odd_number_of_blocks_is_refused(blocks: int) -> None:
    with pytest.raises(ValueError, match="even"):
        splits_for(10, blocks)


@pytest.mark.parametrize(("trials", "days"), [(1, 100), (5, 1)])
def test_too_little_to_cross_validate_is_refused(trials: int, days: int) -> None:
    with pytest.raises(ValueError, match="too few"):
        examine(np.zeros((days, trials)), 2)
