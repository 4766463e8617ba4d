"""A run written down by hand: eight hourly candles over a midnight and two trades."""

from __future__ import annotations

import numpy as np

from stoptrail.rules.candles import Candles
from stoptrail.rules.costs import DAY, Costs
from stoptrail.rules.market import Market
from stoptrail.rules.protections import Protections
from stoptrail.rules.sizing import by_risk
from stoptrail.rules.stops import StopRules
from stoptrail.rules.trade import TradeRules
from stoptrail.rules.types import OPEN, RunRules, TradeLog

HOUR = 3_600_000
START = 20_000 * DAY + 21 * HOUR

CLOSES = np.array([100.0, 102.0, 104.0, 99.0, 98.0, 97.0, 90.0, 95.0])
CANDLES = Candles(
    START + HOUR * np.arange(8, dtype=np.int64),
    CLOSES,
    CLOSES + 3.0,
    CLOSES - 2.0,
    CLOSES,
    np.ones(8),
    HOUR,
)
"""Closes at 22:00, 23:00, 00:00 (midnight, candle 2), 01:00 and so on."""

FREE = RunRules(
    TradeRules(
        StopRules(2.0, 0.0, 0.0, False),
        by_risk(0.01, 1.0, False),
        Costs(0.0, 0.0, 0.0),
        Market(100.0, 1.0, 1.0, 1.0, 0.0, 0.0),
    ),
    0,
    0,
    0,
    0,
    1000.0,
    Protections(0.0, 0.0, 0, 0),
)


def trades(*rows: tuple[int, int, int, float, float, float]) -> TradeLog:
    """Rows of entry, exit, side, units, fill and price; nothing costs anything."""
    entry, leave, side, units, fill, price = (
        np.array(column) for column in zip(*rows, strict=True)
    )
    zeros = np.zeros(len(rows))
    pnl = side * units * (price - fill)
    return TradeLog(
        (entry - 1).astype(np.int64),
        entry.astype(np.int64),
        leave.astype(np.int64),
        side.astype(np.int8),
        np.zeros(len(rows), np.int8),
        units,
        fill,
        fill - side * 5.0,
        np.full(len(rows), 2.5),
        price,
        zeros,
        zeros,
        pnl,
        zeros,
        zeros,
        CANDLES.time[entry.astype(np.int64)],
        np.where(leave == OPEN, OPEN, CANDLES.time[leave.astype(np.int64)]),
    )


TWO = trades((1, 3, 1, 2.0, 100.0, 101.0), (5, OPEN, -1, 1.0, 98.0, 95.0))
"""A long of two units from candle 1 to 3, and a short of one that is still open."""
