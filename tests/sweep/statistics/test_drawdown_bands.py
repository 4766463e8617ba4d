from __future__ import annotations

import itertools

import numpy as np
import pytest

from stoptrail.sweep.statistics.drawdown_bands import LEVELS, MOST_POINTS, deepest, drawdown_bands

PNL = np.random.default_rng(2).normal(30.0, 400.0, 60)


def fallen(equity: list[float]) -> float:
    """The deepest fall by looking at every pair of moments."""
    pairs = itertools.combinations(equity, 2)
    return max([0.0, *(1 - later / earlier for earlier, later in pairs)])


def test_the_actual_line_is_the_deepest_fall_after_each_trade() -> None:
    found = drawdown_bands(PNL, 10_000.0, 1)
    assert found is not None
    equity = [10_000.0, *(10_000.0 + np.cumsum(PNL))]
    expected = [fallen(equity[: count + 1]) for count in found.at]
    assert found.actual == pytest.approx(expected)
    assert found.at.tolist() == list(range(1, len(PNL) + 1))


def test_rows_of_shares_are_compounded_each_alone() -> None:
    shares = np.array([[0.1, -0.5, 0.2], [-0.1, 0.5, 0.0]])
    for row, line in zip(shares, deepest(shares), strict=True):
        equity = [1.0, *np.cumprod(1 + row)]
        assert line == pytest.approx([fallen(equity[: k + 2]) for k in range(3)])


def test_bands_are_ordered_and_only_grow() -> None:
    found = drawdown_bands(PNL, 10_000.0, 1)
    assert found is not None
    assert found.bands.shape == (len(LEVELS), len(found.at))
    assert (np.diff(found.bands, axis=0) >= 0).all()
    assert (np.diff(found.bands, axis=1) >= 0).all()


def test_the_bands_are_those_of_independent_draws() -> None:
    pnl = np.array([900.0, -410.0, 330.0, -720.0])
    shares = pnl / (10_000.0 + np.concatenate(([0.0], np.cumsum(pnl)[:-1])))
    found = drawdown_bands(pnl, 10_000.0, 4, resamples=20_000)
    assert found is not None
    generator = np.random.default_rng(0)
    plain = []
    for _ in range(20_000):
        drawn: list[int] = []
        while len(drawn) < len(pnl):
            fresh = not drawn or generator.random() < 1 / found.block
            drawn.append(int(generator.integers(4)) if fresh else (drawn[-1] + 1) % 4)
        plain.append(fallen([1.0, *np.cumprod(1 + shares[drawn])]))
    for level, band in zip(LEVELS, found.bands[:, -1], strict=True):
        assert band == pytest.approx(np.quantile(plain, level), rel=0.02)
    share = np.mean(np.array(plain) >= found.actual[-1] - 1e-9)
    assert found.worse == pytest.approx(share, abs=0.02)


def test_equal_seeds_draw_equal_bands() -> None:
    one, same, other = (drawdown_bands(PNL, 10_000.0, seed, resamples=50) for seed in (1, 1, 2))
    assert one is not None
    assert same is not None
    assert other is not None
    assert (one.bands == same.bands).all()
    assert (one.bands != other.bands).any()


def test_many_trades_are_drawn_at_a_few_points_the_last_among_them() -> None:
    found = drawdown_bands(np.tile(PNL, 10), 100_000.0, 1, resamples=20)
    assert found is not None
    assert len(found.at) <= MOST_POINTS
    assert found.at[-1] == 600


@pytest.mark.parametrize("pnl", [[], [5.0], [5.0, -200.0, 3.0]])
def test_where_nothing_can_be_drawn_there_are_no_bands(pnl: list[float]) -> None:
    assert drawdown_bands(np.array(pnl), 100.0, 1) is None


def test_trades_that_never_lose_fall_in_no_order() -> None:
    found = drawdown_bands(np.array([10.0, 20.0, 5.0]), 1000.0, 1)
    assert found is not None
    assert (found.actual.max(), found.bands.max(), found.worse) == (0.0, 0.0, 1.0)
