"""The candles of an example: of the file that is named, else invented ones."""

from __future__ import annotations

import sys

import stoptrail
from stoptrail.feeds.synthetic import synthetic_candles

QUARTER_HOUR = 900_000
DAY = 86_400_000


def candles() -> stoptrail.Candles:
    """15m candles of the file on the command line, or two invented years."""
    if len(sys.argv) > 1:
        return stoptrail.load_candles(sys.argv[1])
    print("SYNTHETIC MARKET: no real prices; name a candle file to use yours")
    start = 19_723 * DAY  # 2024-01-01
    return synthetic_candles(1, QUARTER_HOUR, start, start + 730 * DAY)
