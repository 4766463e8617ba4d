import numpy as np
import pytest

from stoptrail.rules.jit import compiled
from stoptrail.rules.trend import (
    TREND_KINDS,
    trend,
    trend_start,
    trend_step,
)

every_kind = pytest.mark.parametrize("kind", TREND_KINDS)


def follow(close, kind, period, strength=0.5):
    close = np.asarray(close, dtype=np.float64)
    return trend(close + 1.0, close - 1.0, close, TREND_KINDS.index(kind), period, strength)


def noisy(seed, n=300):
    return 100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.03, n)))


@every_kind
def test_a_rising_market_is_up_and_its_mirror_is_down(kind):
    rise = 100.0 + 2.0 * np.arange(100)
    assert (follow(rise, kind, 20)[60:] == 1.0).all()
    assert (follow(rise[::-1], kind, 20)[60:] == -1.0).all()


@every_kind
def test_a_market_that_never_moves_has_no_trend(kind):
    assert (np.nan_to_num(follow(np.full(60, 100.0), kind, 20)) == 0.0).all()


AVERAGED = ("ema_cross", "price_ema", "blend")


@every_kind
@pytest.mark.parametrize("period", [4, 20])
def test_it_is_unknown_until_its_periods_are_full_and_known_ever_after(kind, period):
    unknown = np.isnan(follow(noisy(1), kind, period))
    first = int((~unknown).argmax())
    needed = 3 * period - 1 if kind in AVERAGED else period
    assert needed <= first <= (needed + 20 if kind == "donchian" else needed)
    assert not unknown[first:].any()


@every_kind
@pytest.mark.parametrize("start", [1, 37, 111])
def test_data_that_begin_later_say_the_same_once_it_is_known(kind, start):
    close = noisy(7)
    late = follow(close[start:], kind, 20)
    known = ~np.isnan(late)
    assert known.sum() > 100
    np.testing.assert_array_equal(late[known], follow(close, kind, 20)[start:][known])


def test_roc_compares_with_the_close_one_period_ago():
    close = noisy(2)
    np.testing.assert_array_equal(follow(close, "roc", 30)[30:], np.sign(close[30:] - close[:-30]))


def test_donchian_keeps_its_side_until_the_other_one_breaks():
    close = [100.0] * 5 + [110.0] + [105.0] * 5 + [90.0] + [95.0] * 3
    out = follow(close, "donchian", 5)
    assert out[5:].tolist() == [1.0] * 6 + [-1.0] * 4


def test_donchian_needs_a_close_beyond_the_channel_not_at_it():
    assert np.isnan(follow([100.0] * 5 + [101.0], "donchian", 5)[-1])
    assert follow([100.0] * 5 + [101.1], "donchian", 5)[-1] == 1.0


def test_agreement_is_neutral_where_the_horizons_disagree():
    close = 100.0 + np.arange(40.0)
    close[-1] = close[-5] - 1.0  # down over a quarter of the period, still up over all of it
    assert follow(close, "roc", 20)[-1] == 1.0
    assert follow(close, "agreement", 20)[-1] == 0.0


def test_momentum_ignores_a_drift_that_is_small_for_its_volatility():
    close = np.resize([100.0, 110.0], 41) + np.arange(41) * 0.01
    assert follow(close, "roc", 20)[-1] == 1.0
    assert follow(close, "momentum", 20)[-1] == 0.0
    assert follow(close, "momentum", 20, strength=0.0)[-1] == 1.0


def test_momentum_is_the_mean_t_statistic_of_three_horizons():
    close = noisy(3)
    returns = close[1:] / close[:-1] - 1.0
    last = [returns[-n:] for n in (40, 20, 10)]
    score = np.mean([r.mean() / r.std() * np.sqrt(len(r)) for r in last])
    assert follow(close, "momentum", 40, strength=abs(score) * 0.999)[-1] == np.sign(score)
    assert follow(close, "momentum", 40, strength=abs(score) * 1.001)[-1] == 0.0


def test_blend_is_neutral_where_momentum_and_average_disagree():
    close = noisy(4)
    momentum, average = (follow(close, kind, 20)[60:] for kind in ("momentum", "price_ema"))
    expected = np.where(momentum == average, momentum, 0.0)
    np.testing.assert_array_equal(follow(close, "blend", 20)[60:], expected)
    assert (momentum * average < 0.0).any()


@every_kind
@pytest.mark.parametrize("period", [4, 5, 40])
def test_steps_and_compiled_vector_are_bit_equal(kind, period):
    number = TREND_KINDS.index(kind)
    close = noisy(period)
    high, low = close * 1.02, close * 0.98
    state, steps = trend_start(period), []
    for candle in zip(high.tolist(), low.tolist(), close.tolist(), strict=True):
        state = trend_step(state, *candle, number, period, 0.5)
        steps.append(state.value)
    np.testing.assert_array_equal(compiled(trend)(high, low, close, number, period, 0.5), steps)
    assert np.unique(steps).size > 1


def test_price_ema_takes_the_side_of_the_newest_close():
    close = [100.0] * 15 + [120.0, 90.0]
    assert follow(close, "price_ema", 5)[-2:].tolist() == [1.0, -1.0]
