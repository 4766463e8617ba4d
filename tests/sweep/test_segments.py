import numpy as np
import pytest

from rules.jit import compiled
from rules.stop_atr import stop_atr
from sweep.kernel.segments import LONGEST, segment_bounds, segments_of
from tests.markets import QUARTER_HOUR, random_market


@pytest.mark.parametrize("quarters", [1, 4, 16, 96])
def test_segments_cover_all_candles_and_bound_their_prices(quarters):
    candles = random_market(quarters)
    atr = compiled(stop_atr)(candles, quarters * QUARTER_HOUR, 5)
    segments = compiled(segments_of)(candles, atr)
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
        long, short = (segment_bounds(segments.rows, side, j) for side in (1, -1))
        assert (long.best, -short.best) == (highs.max(), lows.min())
        assert long.worst == lows[traded].min(initial=np.inf)
        assert -short.worst == highs[traded].max(initial=-np.inf)
        assert long.best_close == -short.worst_close == candles.close[rows].max()
        assert long.worst_close == -short.best_close == candles.close[rows].min()


def test_within_a_four_hour_segment_the_atr_is_constant():
    candles = random_market(5, missing=0.0)
    atr = compiled(stop_atr)(candles, 16 * QUARTER_HOUR, 3)
    segments = compiled(segments_of)(candles, atr)
    warm = int(segments.of[int(np.argmax(~np.isnan(atr)))])
    rows = segments.rows[0, warm:]
    np.testing.assert_array_equal(rows[:, 4], rows[:, 5])
    assert len(rows) < len(atr) / 15
