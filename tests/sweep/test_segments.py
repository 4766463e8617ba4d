import numpy as np
import pytest

from rules.jit import compiled
from rules.stop_atr import stop_atr
from sweep.kernel.segments import (
    BOTTOM,
    BOTTOM_CLOSE,
    LONGEST,
    SEGMENT_ATR,
    TOP,
    TOP_CLOSE,
    TRADED_BOTTOM,
    TRADED_TOP,
    segments_of,
)
from tests.markets import QUARTER_HOUR, random_market


@pytest.mark.parametrize("quarters", [1, 4, 16, 96])
def test_segments_cover_all_candles_and_bound_their_prices(quarters):
    candles = random_market(quarters)
    atr = compiled(stop_atr)(candles, quarters * QUARTER_HOUR, 5)
    segments = segments_of(candles, atr)
    lengths = np.diff(segments.begin)
    assert segments.begin[0] == 0
    assert segments.begin[-1] == len(candles.time)
    assert lengths.min() >= 1
    assert lengths.max() <= LONGEST
    np.testing.assert_array_equal(segments.of, np.repeat(np.arange(len(lengths)), lengths))
    for j in range(len(lengths)):
        rows = slice(segments.begin[j], segments.begin[j + 1])
        traded = candles.volume[rows] > 0.0
        lows, highs = candles.low[rows], candles.high[rows]
        assert segments.rows[j, TOP] == highs.max()
        assert segments.rows[j, BOTTOM] == lows.min()
        assert segments.rows[j, TRADED_TOP] == highs[traded].max(initial=-np.inf)
        assert segments.rows[j, TRADED_BOTTOM] == lows[traded].min(initial=np.inf)
        assert segments.rows[j, TOP_CLOSE] == candles.close[rows].max()
        assert segments.rows[j, BOTTOM_CLOSE] == candles.close[rows].min()
        np.testing.assert_array_equal(segments.rows[j, SEGMENT_ATR], atr[rows])


def test_segments_are_as_long_as_the_atr_is_constant():
    candles = random_market(5, missing=0.0)
    for quarters, longest in ((1, 1), (4, 4), (16, 16), (96, LONGEST)):
        atr = compiled(stop_atr)(candles, quarters * QUARTER_HOUR, 3)
        lengths = np.diff(segments_of(candles, atr).begin)
        warm = lengths[int(np.isnan(atr).sum()) :]
        assert np.median(warm) == longest
