import numpy as np
import pytest

from stoptrail.rules.averages import EMA_START, ema_step, ring_ema
from stoptrail.rules.jit import compiled

VALUES = np.random.default_rng(1).normal(100.0, 5.0, 300)


def ema(values, period):
    """After each of the values."""
    out = np.empty(len(values))
    state = EMA_START
    for i in range(len(values)):
        state = ema_step(state, values[i], period)
        out[i] = state.value
    return out


def test_ema_is_unknown_until_the_period_is_full_and_starts_at_the_mean():
    out = ema(VALUES, 10)
    assert np.isnan(out[:9]).all()
    assert out[9] == pytest.approx(VALUES[:10].mean(), rel=1e-14)


def test_ema_moves_by_two_over_period_plus_one_of_the_difference():
    out = ema(VALUES, 10)
    assert out[10] == pytest.approx(out[9] + (VALUES[10] - out[9]) * 2 / 11, rel=1e-14)


def test_ema_over_one_value_is_the_value_itself():
    np.testing.assert_array_equal(ema(VALUES, 1), VALUES)


@pytest.mark.parametrize("period", [1, 2, 7, 200])
def test_plain_and_compiled_steps_are_bit_equal(period):
    np.testing.assert_array_equal(compiled(ema)(VALUES, period), ema(VALUES, period))


@pytest.mark.parametrize("size", [30, 31, 50])
def test_the_ema_of_a_ring_begins_anew_with_its_last_values(size):
    ring = np.zeros(size)
    for k, value in enumerate(VALUES):
        ring[k % size] = value
        found = ring_ema(ring, k + 1, 10, 3)
        if k + 1 < 30:
            assert np.isnan(found)
        else:
            assert found == ema(VALUES[k - 29 : k + 1], 10)[-1]
