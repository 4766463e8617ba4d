import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.rules.atr import (
    ATR_START,
    atr,
    atr_step,
    true_range,
)
from stoptrail.rules.jit import compiled

bars = st.lists(
    st.tuples(st.floats(50.0, 150.0), st.floats(50.0, 150.0), st.floats(0.0, 1.0)),
    min_size=1,
    max_size=40,
)


def columns(rows: list[tuple[float, float, float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """High, low, and a close between them."""
    high = np.array([max(a, b) for a, b, _ in rows])
    low = np.array([min(a, b) for a, b, _ in rows])
    share = np.array([part for _, _, part in rows])
    return high, low, np.clip(low + share * (high - low), low, high)


@pytest.mark.parametrize(
    ("high", "low", "close", "reach"),
    [(105.0, 101.0, 103.0, 4.0), (105.0, 101.0, 99.0, 6.0), (105.0, 101.0, 110.0, 9.0)],
)
def test_the_true_range_reaches_to_the_last_close(
    high: float, low: float, close: float, reach: float
) -> None:
    assert true_range(high, low, close) == reach


@given(st.floats(50, 150), st.floats(50, 150), st.floats(50, 150))
def test_the_true_range_is_wilders_greatest_of_three(one: float, two: float, close: float) -> None:
    high, low = max(one, two), min(one, two)
    wilder = max(high - low, abs(high - close), abs(low - close))
    assert true_range(high, low, close) == pytest.approx(wilder, abs=1e-12)


def test_seeded_by_the_mean_then_smoothed() -> None:
    high = np.array([101.0, 102.0, 101.0, 103.0])
    low = np.array([99.0, 98.0, 98.0, 97.0])
    close = np.full(4, 100.0)
    values = atr(high, low, close, 3)
    assert np.isnan(values[:2]).all()
    assert values[2:].tolist() == [(2 + 4 + 3) / 3, (3.0 * 2 + 6) / 3]


def test_a_period_of_one_is_the_true_range() -> None:
    high, low, close = np.array([101.0, 110.0]), np.array([99.0, 108.0]), np.array([100.0, 109.0])
    assert atr(high, low, close, 1).tolist() == [2.0, 10.0]


@given(bars, st.integers(1, 10))
def test_it_stays_within_the_true_ranges_seen(
    rows: list[tuple[float, float, float]], period: int
) -> None:
    high, low, close = columns(rows)
    ranges = [high[0] - low[0]]
    ranges += [true_range(high[i], low[i], close[i - 1]) for i in range(1, len(close))]
    for i, value in enumerate(atr(high, low, close, period)):
        if i < period - 1:
            assert math.isnan(value)
        else:
            assert min(ranges) - 1e-9 <= value <= max(ranges[: i + 1]) + 1e-9


@given(bars, st.integers(1, 10))
def test_steps_and_compiled_vector_agree(
    rows: list[tuple[float, float, float]], period: int
) -> None:
    high, low, close = columns(rows)
    state, steps = ATR_START, []
    for row in zip(high.tolist(), low.tolist(), close.tolist(), strict=True):
        state = atr_step(state, *row, period)
        steps.append(state.value)
    np.testing.assert_array_equal(compiled(atr)(high, low, close, period), np.array(steps))
