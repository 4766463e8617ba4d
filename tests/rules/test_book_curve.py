"""How a book's sleeves went, on the hand-written run."""

from __future__ import annotations

import numpy as np

from stoptrail.rules.book_curve import curve_of
from stoptrail.rules.funding import NO_FUNDING
from stoptrail.rules.types import StopLog, fill_log
from tests.rules.runs import CANDLES, CLOSES, FREE, TWO

STOPS = StopLog(
    np.array([0, 0, 1, 1]),
    np.array([1, 3, 5, 7]),
    np.array([95.0, 97.0, 103.0, 96.0]),
    np.zeros(4, np.int8),
    np.zeros(4, np.int64),
    np.zeros(4),
)
"""The long's stop from candles 1 and 3 on, the short's from 5 and 7 on."""


def test_a_sleeve_has_profit_risk_and_worth_at_every_close() -> None:
    n = len(CLOSES)
    last = np.arange(n)
    closes = CANDLES.time + CANDLES.interval
    curve = curve_of(TWO, fill_log(0), STOPS, CANDLES, last, closes, FREE, NO_FUNDING, np.zeros(2))
    long, short = 2.0 * (CLOSES - 100.0), 98.0 - CLOSES
    won = 2.0 * (101.0 - 100.0)
    assert curve.profit.tolist() == [0, long[1], long[2], won, won, *(won + short[5:])]
    # The level of the next candle counts; beyond the fill nothing is at risk any more.
    assert curve.risk.tolist() == [0, 2 * (100 - 95), 2 * (100 - 97), 0, 0, 103 - 98, 0, 0]
    assert curve.notional.tolist() == [0, 2 * CLOSES[1], 2 * CLOSES[2], 0, 0, *CLOSES[5:]]
    assert curve.held.tolist() == [0, 1, 1, 1, 0, 1, 1, 1]
