"""In which markets a result was made: days by the thirds of trend and of volatility.

A day belongs to the regime that was known when it began: the logarithmic return, and the
standard deviation of daily logarithmic returns, of the `WINDOW` days before it. The thirds
are those of the span itself, so they describe the past and could not have been traded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.rules.candles import Candles, Floats, Times, known_prices
from stoptrail.rules.costs import DAY

WINDOW = 30
"""Days that trend and volatility look back."""
NAMES = {
    "trend": ("falling", "sideways", "rising"),
    "volatility": ("calm", "usual", "wild"),
}


class Regime(NamedTuple):
    """The days of one third."""

    kind: str
    name: str
    low: float
    high: float
    """Least and greatest value of the measure among its days."""
    days: NDArray[np.bool_]
    """Shape (days,)."""


def regimes(candles: Candles, begins: Times) -> Iterator[Regime]:
    """The thirds of both kinds; `begins` are the first moments of the days (ms).

    A day whose window reaches before the first candle is in none. Nothing where fewer than
    three days have a whole window.
    """
    back = begins[:, None] - DAY * np.arange(WINDOW, -1, -1)
    steps = np.diff(np.log(known_prices(candles, back.ravel()).reshape(back.shape)), axis=1)
    measures = {"trend": steps.sum(axis=1), "volatility": steps.std(axis=1, ddof=1)}
    for kind, values in measures.items():
        known = np.isfinite(values)
        if known.sum() < len(NAMES[kind]):
            return
        third = _thirds(values, known)
        for place, name in enumerate(NAMES[kind]):
            days = third == place
            yield Regime(kind, name, float(values[days].min()), float(values[days].max()), days)


def _thirds(values: Floats, known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """0, 1 or 2 by rank, -1 where not known; of equal values the earlier day ranks lower."""
    order = np.flatnonzero(known)[np.argsort(values[known], kind="stable")]
    third = np.full(len(values), -1, np.int64)
    third[order] = np.arange(len(order)) * 3 // len(order)
    return third
