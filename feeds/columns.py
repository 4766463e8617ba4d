"""Raw candle columns as a file holds them, before anything is checked."""

from __future__ import annotations

from typing import NamedTuple

from rules.candles import Floats, Times

PRICES = ("open", "high", "low", "close")
VALUES = (*PRICES, "volume")

TIME_NAMES = (
    "timestamp",
    "open_time",
    "opentime",
    "time",
    "datetime",
    "date",
    "open time",
    "open_time_ms",
    "__index_level_0__",
)
"""Accepted names of the open time, in order of preference, in any letter case."""


class Columns(NamedTuple):
    """Columns of a candle file in the file's order, shape (n,) each; NaN where empty."""

    time: Times
    """Open time, milliseconds since the epoch, UTC."""
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
