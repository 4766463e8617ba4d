"""What of candles is known at a moment."""

from __future__ import annotations

import numpy as np

from stoptrail.rules.candles import Candles, known_prices, last_closed

HOUR = 3_600_000
CLOSES = np.array([100.0, 101.0, 102.0])
OPENS = np.array([0, 1, 3]) * HOUR
CANDLES = Candles(OPENS, CLOSES, CLOSES, CLOSES, CLOSES, CLOSES, HOUR)
"""The candle of two o'clock is missing."""


def test_a_candle_has_closed_an_interval_after_its_open() -> None:
    moments = np.array([HOUR - 1, HOUR, 2 * HOUR - 1, 2 * HOUR, 4 * HOUR - 1, 4 * HOUR])
    assert last_closed(CANDLES, moments).tolist() == [-1, 0, 0, 1, 1, 2]


def test_a_price_is_known_at_its_close_and_stays_over_a_gap() -> None:
    found = known_prices(CANDLES, np.array([HOUR - 1, HOUR, 3 * HOUR, 9 * HOUR]))
    assert np.isnan(found[0])
    assert found[1:].tolist() == [100.0, 101.0, 102.0]
