"""The whole market of a run, small enough to carry and fine enough to zoom into."""

from __future__ import annotations

from typing import Any

from stoptrail.reports.crop import merged, multiple_for
from stoptrail.reports.html.windows import packed_candles
from stoptrail.rules.candles import Candles

MOST_BARS = 200_000
"""Candles in the chart: five years of 15m; a longer market is drawn in longer candles."""
_WIDE = 4.0
"""A market whose prices lie further apart begins on a log scale."""
_RESOLUTION = 1e-4
"""Prices are kept to this part of the lowest one; the trade chart is finer."""


def market_data(candles: Candles) -> dict[str, Any] | None:
    """The candles packed, and whether they begin on a log scale; None where there are none."""
    if not len(candles.time):
        return None
    shown = merged(candles, multiple_for(len(candles.time), MOST_BARS))
    wide = bool(shown.high.max() > _WIDE * shown.low.min())
    return {**(packed_candles(shown, _RESOLUTION) or {}), "logarithmic": wide}
