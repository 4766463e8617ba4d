import numpy as np
import pytest

from stoptrail.rules.jit import compiled
from stoptrail.rules.structure import (
    STRUCTURE_KINDS,
    structure,
    structure_start,
    structure_step,
)

FILTERS = [kind for kind in STRUCTURE_KINDS if kind != "none"]


def follow(close, kind, period):
    close = np.asarray(close, dtype=np.float64)
    return structure(close + 1.0, close - 1.0, close, STRUCTURE_KINDS.index(kind), period)


def test_none_favours_no_side_from_the_first_candle_on():
    assert (follow(np.arange(1.0, 50.0), "none", 10) == 0.0).all()


@pytest.mark.parametrize("kind", FILTERS)
def test_a_rising_market_favours_longs_and_its_mirror_shorts(kind):
    rise = 100.0 + 2.0 * np.arange(140)
    assert (follow(rise, kind, 10)[100:] == 1.0).all()
    assert (follow(rise[::-1], kind, 10)[100:] == -1.0).all()


@pytest.mark.parametrize(
    ("kind", "first", "last"), [("channel", 10, 40), ("average", 99, 99), ("swing", 19, 19)]
)
def test_it_is_unknown_until_its_periods_are_full_and_known_ever_after(kind, first, last):
    close = 100.0 + np.random.default_rng(3).normal(0.0, 5.0, 160)
    unknown = np.isnan(follow(close, kind, 10))
    assert first <= int((~unknown).argmax()) <= last
    assert not unknown[int((~unknown).argmax()) :].any()


@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.parametrize("start", [1, 37, 111])
def test_data_that_begin_later_say_the_same_once_it_is_known(kind, start):
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(7).normal(0.0, 0.02, 900)))
    late = follow(close[start:], kind, 12)
    known = ~np.isnan(late)
    assert known.sum() > 100
    np.testing.assert_array_equal(late[known], follow(close, kind, 12)[start:][known])


def test_swing_is_mixed_where_high_and_low_move_apart():
    close = [100.0, 100.0, 100.0, 100.0, 90.0, 110.0]
    assert follow(close, "swing", 2)[-1] == 0.0


@pytest.mark.parametrize("kind", STRUCTURE_KINDS)
@pytest.mark.parametrize("period", [2, 15])
def test_steps_and_compiled_vector_are_bit_equal(kind, period):
    number = STRUCTURE_KINDS.index(kind)
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(4).normal(0.0, 0.01, 400)))
    high, low = close * 1.01, close * 0.99
    state, steps = structure_start(period), []
    for candle in zip(high.tolist(), low.tolist(), close.tolist(), strict=True):
        state = structure_step(state, *candle, number, period)
        steps.append(state.value)
    np.testing.assert_array_equal(compiled(structure)(high, low, close, number, period), steps)


def test_a_channel_is_left_by_a_close_beyond_exactly_the_candles_before():
    high = [102.0, 105.0, 102.0, 102.0, 104.0, 104.5]
    low = [98.0, 95.0, 98.0, 98.0, 96.0, 95.5]
    close = [100.0, 100.0, 100.0, 100.0, 103.0, 104.4]
    columns = (np.array(column) for column in (high, low, close))
    out = structure(*columns, STRUCTURE_KINDS.index("channel"), 3)
    # Candle 4 is still below the 105 of candle 1; for candle 5 that is four candles ago.
    assert np.isnan(out[:5]).all()
    assert out[5] == 1.0


def test_a_channel_does_not_hold_the_candle_that_leaves_it():
    out = follow([100.0, 100.0, 100.0, 101.5], "channel", 3)
    assert out[3] == 1.0


def test_a_channel_holds_the_candle_before_the_one_that_leaves_it():
    high = np.array([102.0, 102.0, 102.0, 105.0, 104.0])
    close = np.array([100.0, 100.0, 100.0, 100.0, 103.0])
    out = structure(high, np.full(5, 95.0), close, STRUCTURE_KINDS.index("channel"), 3)
    assert np.isnan(out).all()
