"""Some of the candles, as candles."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rules.candles import Candles

Rows: TypeAlias = slice | NDArray[np.bool_] | NDArray[np.int64]


def rows_of(candles: Candles, kept: Rows) -> Candles:
    """The rows `kept` (a slice, a mask or indices) of every column."""
    return Candles(
        candles.time[kept],
        candles.open[kept],
        candles.high[kept],
        candles.low[kept],
        candles.close[kept],
        candles.volume[kept],
        candles.interval,
    )
