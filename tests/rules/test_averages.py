import numpy as np
import pytest

from stoptrail.rules.averages import EMA_START, ema, ema_step
from stoptrail.rules.jit import compiled

VALUES = np.random.default_rng(1).normal(100.0, 5.0, 300)


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
def test_steps_and_compiled_vector_are_bit_equal(period):
    state, steps = EMA_START, []
    for value in VALUES.tolist():
        state = ema_step(state, value, period)
        steps.append(state.value)
    np.testing.assert_array_equal(compiled(ema)(VALUES, period), steps)
