"""Rows of funding for the small market."""

from __future__ import annotations

import math

import numpy as np

from stoptrail.exchange.rows import Row
from stoptrail.live.market.events import Event, Published
from stoptrail.rules.funding import FundingRow
from tests.live.small_market import HOUR, WARM_UP

SWAP = {"data": {"symbol": "BTC/USDT"}, "market": {"type": "swap"}}
"""Tables of settings that make the small market a swap whose funding is published."""


def published(
    rows: list[Row], step: int = 8, hours: float = 0.0, priced: bool = False
) -> list[FundingRow]:
    """A row every `step` hours of the traded part, of either sign and large enough to be seen."""
    random = np.random.default_rng(5)
    first, last = rows[WARM_UP][0], rows[-1][0] + HOUR
    times = range(-(-first // (step * HOUR)) * step * HOUR, last, step * HOUR)
    found = []
    for time in times:
        price = 31_000.0 + 10.0 * (time // HOUR % 7) if priced else math.nan
        found.append(FundingRow(time, float(random.normal(0.0002, 0.001)), price, hours))
    return found


def told_between(rows: list[Row], told: list[FundingRow], late: int = 0) -> dict[int, list[Event]]:
    """Each row before the first candle that opens at or after its time, or `late` candles later:
    what a session hears while it runs."""
    opens = [row[0] for row in rows]
    found: dict[int, list[Event]] = {}
    for row in told:
        at = int(np.searchsorted(opens, row.time)) + late
        if at < len(opens):
            found.setdefault(opens[at], []).append(Published(row))
    return found
