import numpy as np

from stoptrail.rules.atr import atr, stop_atr
from tests.strategies.market import DAY, random_market

FOUR_HOURS = DAY // 6


def test_on_the_base_timeframe_it_is_the_plain_atr():
    candles = random_market(1, 10)
    plain = atr(candles.high, candles.low, candles.close, 14)
    np.testing.assert_array_equal(stop_atr(candles, candles.interval, 14), plain)


def test_a_four_hour_atr_appears_with_the_last_candle_of_its_bucket():
    candles = random_market(2, 5, missing=0.0)
    out = stop_atr(candles, FOUR_HOURS, 3)
    buckets = [slice(i, i + 16) for i in range(0, len(candles.time), 16)]
    expected = atr(
        np.array([candles.high[b].max() for b in buckets]),
        np.array([candles.low[b].min() for b in buckets]),
        np.array([candles.close[b][-1] for b in buckets]),
        3,
    )
    np.testing.assert_array_equal(out[15::16], expected)
    np.testing.assert_array_equal(out[16::16], expected[:-1])
    assert np.isnan(out[:47]).all()
