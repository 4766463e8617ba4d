"""Plateau scores against a plain walk over every neighbourhood."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stoptrail.rules.candles import Floats
from stoptrail.sweep.statistics.plateau import Axis, Plateau

AXES = (
    Axis("stop.trailing_atr_multiplier", (2.0, 3.0, 4.0, 5.0)),
    Axis("strategy.kind", ("ema", "roc")),
    Axis("stop.breakeven_atr_trigger", (0, 1, 2), off=0),
    Axis("strategy.period", (30, 10, 20)),
    Axis("risk.risk_includes_costs", (True, False)),
)
SIZE = 4 * 2 * 3 * 3 * 2
POSITIONS = list(itertools.product(*(range(len(axis.values)) for axis in AXES)))
RANK = (
    {0: 0, 1: 1, 2: 2, 3: 3},
    None,
    {0: 2, 1: 0, 2: 1},
    {0: 2, 1: 0, 2: 1},
    None,
)
"""Place of each position along its axis by value, None for a category; a trigger of 0
is off, beyond the largest."""


def alike(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    for rank, a, b in zip(RANK, one, other, strict=True):
        if (rank is None and a != b) or (rank and abs(rank[a] - rank[b]) > 1):
            return False
    return True


def plain_neighbours(index: int) -> list[int]:
    return [i for i, place in enumerate(POSITIONS) if alike(place, POSITIONS[index])]


objectives = st.lists(
    st.one_of(st.floats(-5.0, 5.0), st.just(math.nan)), min_size=SIZE, max_size=SIZE
).map(np.array)


@pytest.mark.parametrize("index", range(0, SIZE, 5))
def test_neighbours_differ_by_one_step_on_numeric_axes_only(index: int) -> None:
    assert Plateau(AXES, np.zeros(SIZE)).neighbours(index).tolist() == plain_neighbours(index)


@settings(deadline=None)
@given(objectives)
def test_scores_and_means_match_the_plain_walk_over_what_has_a_figure(figures: Floats) -> None:
    plateau = Plateau(AXES, figures)
    near = [figures[plain_neighbours(i)] for i in range(SIZE)]
    known = [values[~np.isnan(values)] for values in near]
    means = np.array([values.mean() if len(values) else math.nan for values in known])
    spread = np.array([values.std() if len(values) else math.nan for values in known])
    assert plateau.means() == pytest.approx(means, abs=1e-6, nan_ok=True)
    assert plateau.scores() == pytest.approx(means - spread, abs=1e-6, nan_ok=True)


@settings(deadline=None)
@given(objectives, st.integers(0, SIZE - 1), st.integers(0, 2**32 - 1))
def test_around_tells_what_the_neighbours_hold(figures: Floats, index: int, seed: int) -> None:
    thin = np.random.default_rng(seed).random(SIZE) < 0.3
    plateau = Plateau(AXES, figures, thin)
    near = [i for i in plain_neighbours(index) if i != index]
    values = figures[near]
    found = plateau.around(index)
    assert found.count == len(near)
    assert found.thin == sum(thin[i] or math.isnan(figures[i]) for i in near)
    if np.isnan(values).all():
        assert math.isnan(found.median)
        return
    assert found.worst == np.nanmin(values)
    assert found.median == pytest.approx(np.nanmedian(values), abs=1e-12)
    quarter = np.nanquantile(values, 0.25)
    assert found.lower_quartile == pytest.approx(quarter, abs=1e-12)
    assert found.score == pytest.approx(plateau.scores()[index], abs=1e-6)


def test_thin_neighbours_count_with_their_own_figures() -> None:
    axes = (Axis("a", (1, 2, 3)),)
    found = Plateau(axes, np.array([0.8, 1.1, 0.9]), np.array([True, False, True])).around(1)
    assert (found.count, found.thin) == (2, 2)
    assert found.median == pytest.approx(0.85)


def test_a_neighbour_that_never_traded_is_thin_and_has_no_figure() -> None:
    axes = (Axis("a", (1, 2, 3)),)
    found = Plateau(axes, np.array([math.nan, 1.1, 0.9])).around(1)
    assert (found.count, found.thin, found.median) == (2, 1, 0.9)


def test_without_neighbours_there_is_no_median() -> None:
    found = Plateau((Axis("kind", ("x", "y")),), np.array([1.0, 2.0])).around(0)
    assert (found.count, found.thin) == (0, 0)
    assert math.isnan(found.median)


def test_a_plateau_beats_a_higher_peak() -> None:
    axes = (Axis("a", tuple(range(9))), Axis("b", tuple(range(9))))
    grid = np.zeros((9, 9))
    grid[1, 1] = 3.0
    grid[5:8, 5:8] = 1.5
    objective = grid.reshape(-1)
    assert int(objective.argmax()) == 1 * 9 + 1
    assert int(Plateau(axes, objective).scores().argmax()) == 6 * 9 + 6


def test_edges_are_named_and_off_or_two_values_are_none() -> None:
    axes = (
        Axis("low", (3, 1, 2)),
        Axis("off", (0, 1, 2, 3), off=0),
        Axis("pair", (1, 2)),
        Axis("kind", ("x", "y", "z")),
    )
    plateau = Plateau(axes, np.zeros(3 * 4 * 2 * 3))

    def edges(*place: int) -> list[str]:
        return plateau.on_edge(int(np.ravel_multi_index(place, (3, 4, 2, 3))))

    assert edges(1, 0, 0, 0) == ["low"]
    assert edges(0, 1, 0, 0) == ["low", "off"]
    assert edges(2, 2, 1, 2) == []
    assert edges(2, 3, 1, 2) == ["off"]


def test_an_infinite_objective_counts_as_the_largest_finite_one() -> None:
    axes = (Axis("a", (1, 2, 3)),)
    assert Plateau(axes, np.array([1.0, np.inf, 2.0])).around(0).median == 2.0


def test_a_grid_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fill"):
        Plateau((Axis("a", (1, 2, 3)),), np.zeros(4))


def test_a_grid_of_categories_scores_each_alone() -> None:
    objective = np.array([1.0, -2.0])
    found = Plateau((Axis("kind", ("x", "y")),), objective).scores()
    assert found == pytest.approx(objective, abs=1e-12)


@given(st.integers(0, SIZE - 1))
def test_the_values_near_a_combination_span_its_neighbourhood(index: int) -> None:
    near = Plateau(AXES, np.zeros(SIZE)).near(index)
    assert list(near) == [axis.name for axis in AXES]
    spanned = [
        number
        for number, place in enumerate(POSITIONS)
        if all(axis.values[at] in near[axis.name] for axis, at in zip(AXES, place, strict=True))
    ]
    assert spanned == plain_neighbours(index)


def test_an_axis_with_a_word_among_its_numbers_has_no_order() -> None:
    assert Axis("a", (1, 2.5)).ordered
    assert not Axis("a", (1, "off")).ordered
    assert not Axis("a", (True, 2)).ordered
    assert not Axis("a", (1, 2, 3), names=True).ordered
