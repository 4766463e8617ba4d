import numpy as np

from stoptrail.strategies.signals.donchian_breakout import FOUR_HOURS, donchian_breakout
from tests.strategies.market import altered_after, head, random_market

QUICK = {"entry_period": 12, "exit_period": 6}


def test_a_zone_is_a_close_beyond_the_last_finished_four_hour_candles():
    candles = random_market(1, 20, missing=0.0)
    signals = donchian_breakout(candles, **QUICK)
    for i in range(500, len(candles.time), 37):
        end = (candles.time[i] + candles.interval) // FOUR_HOURS * FOUR_HOURS
        recent = (candles.time >= end - 12 * FOUR_HOURS) & (candles.time < end)
        expected = int(candles.close[i] > candles.high[recent].max())
        expected -= int(candles.close[i] < candles.low[recent].min())
        assert signals.zone[i] == expected


def test_both_sides_and_exits_occur_and_none_before_it_is_warm():
    signals = donchian_breakout(random_market(2, missing=0.0), **QUICK)
    assert set(np.unique(signals.zone)) == {-1, 0, 1}
    assert (signals.exit_zone != 0).sum() > (signals.zone != 0).sum()
    assert signals.warm == 12 * 16 - 1
    assert not signals.zone[: signals.warm].any()


def test_too_few_candles_never_get_warm():
    candles = head(random_market(3), 100)
    signals = donchian_breakout(candles)
    assert signals.warm == 100
    assert not signals.zone.any()


def test_no_zone_depends_on_a_later_candle():
    candles = random_market(4, 20)
    whole = donchian_breakout(candles, **QUICK)
    for t in range(200, len(candles.time), 61):
        for other in altered_after(candles, t, seed=t):
            part = donchian_breakout(other, **QUICK)
            np.testing.assert_array_equal(part.zone[: t + 1], whole.zone[: t + 1])
            np.testing.assert_array_equal(part.exit_zone[: t + 1], whole.exit_zone[: t + 1])
