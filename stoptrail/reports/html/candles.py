"""The candles that a page carries: those around each trade, and the whole market."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from stoptrail.reports.crop import around, merged, multiple_for
from stoptrail.reports.html.markup import packed, packed_stream
from stoptrail.reports.run_files import TradeRecord
from stoptrail.rules.candles import Candles

MOST_BARS = 320
"""Candles in one chart; longer trades are drawn in longer candles."""
FEWEST_BARS = 60
BAR_BUDGET = 150_000
"""Candles in one report."""
MOST_CHARTS = 5_000
"""Trades that get a chart; the page says so of the others."""
_RESOLUTION = 1e-5
"""Prices are kept to this part of the lowest price shown; finer cannot be seen."""
MOST_MARKET_BARS = 200_000
"""Candles in the chart of the market: five years of 15m; of a longer one they are longer."""
_WIDE = 4.0
"""A market whose prices lie further apart begins on a log scale."""
_MARKET_RESOLUTION = 1e-4
"""Prices are kept to this part of the lowest one; the trade chart is finer."""


def trade_windows(
    candles: Candles | Mapping[str, Candles], trades: list[TradeRecord]
) -> list[dict[str, Any] | None]:
    """For every trade the candles from a little before its entry to a little after its
    exit, packed; None where there are none. Of a book the candles are by symbol."""
    bars = int(np.clip(BAR_BUDGET // max(len(trades), 1), FEWEST_BARS, MOST_BARS))
    return [
        packed_candles(around(known, trade, bars)) if known and place < MOST_CHARTS else None
        for place, trade in enumerate(trades)
        for known in [candles if isinstance(candles, Candles) else candles.get(trade.symbol)]
    ]


def packed_candles(candles: Candles, resolution: float = _RESOLUTION) -> dict[str, Any] | None:
    """Candles as small differences in streams of bytes; None where there are none.

    Prices are counted in `unit`, at most `resolution` of the lowest. `open` and `close`
    differ from the close before, `high` and `low` from the body's ends; `jumps` are the
    candle lengths since the candle before at the places `holes`, where some are missing.
    """
    if not len(candles.time):
        return None
    unit = 10.0 ** math.floor(math.log10(max(float(candles.low.min()), 1e-12))) * resolution
    o, h, low, c = (np.rint(column / unit).astype(np.int64) for column in candles[1:5])
    before = np.concatenate((o[:1], c[:-1]))
    place = candles.time // candles.interval
    steps = np.diff(place, prepend=place[0] - 1)
    data: dict[str, Any] = {
        "start": int(candles.time[0] // 60_000),
        "step": candles.interval // 60_000,
        "unit": unit,
        "first": int(o[0]),
        "open": packed_stream(o - before),
        "high": packed_stream(h - np.maximum(o, c)),
        "low": packed_stream(np.minimum(o, c) - low),
        "close": packed_stream(c - before),
    }
    holes = np.flatnonzero(steps != 1)
    if len(holes):
        data["holes"] = packed(holes, "int32")
        data["jumps"] = packed(steps[holes], "int32")
    return data


def market_data(candles: Candles) -> dict[str, Any] | None:
    """The candles packed, and whether they begin on a log scale; None where there are none."""
    if not len(candles.time):
        return None
    shown = merged(candles, multiple_for(len(candles.time), MOST_MARKET_BARS))
    wide = bool(shown.high.max() > _WIDE * shown.low.min())
    return {**(packed_candles(shown, _MARKET_RESOLUTION) or {}), "logarithmic": wide}
