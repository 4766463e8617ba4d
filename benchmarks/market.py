"""The candles that every benchmark runs on."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from stoptrail.backtest.inputs import Inputs
from stoptrail.rules.candles import Candles
from stoptrail.rules.costs import DAY
from stoptrail.rules.market import Market
from stoptrail.rules.types import day_marks

QUARTER_HOUR = 900_000
WARM_UP_DAYS = 320
YEARS = 5

FINE = Market(1e8, 1.0, 1e12, 1.0, 0.0, 0.0)
"""Steps so small that rounding does not tell the engines apart: peers do not round."""
SPOT = Market(100.0, 1.0, 1e5, 1.0, 1e-5, 5.0)
"""Tick 0.01, lot 0.00001."""


class Span(NamedTuple):
    """Warm-up first, then what is measured."""

    candles: Candles
    start: int
    """Index of the first candle that may decide."""
    source: str

    @property
    def length(self) -> int:
        """Candles from `start` on."""
        return len(self.candles.time) - self.start

    def inputs(self, market: Market) -> Inputs:
        """As the engines take it."""
        marks = day_marks(self.candles, self.start)
        return Inputs(self.candles, self.start, marks, market)


def load(file: Path | None) -> Span:
    """The last five years, up to the last midnight, of `file` or of the synthetic market."""
    if file is None:
        from stoptrail.feeds.synthetic import synthetic_candles

        return last_years(synthetic_candles(), YEARS, "the synthetic market")
    from stoptrail.feeds.files import load_candles

    return last_years(load_candles(file, QUARTER_HOUR), YEARS, file.name)


def last_years(candles: Candles, years: float, source: str) -> Span:
    """The last `years` years before the last midnight, with a warm-up before them."""
    end_time = (int(candles.time[-1]) + candles.interval) // DAY * DAY
    start_time = _years_before(end_time, years)
    end = int(np.searchsorted(candles.time, end_time))
    first = int(np.searchsorted(candles.time, start_time - WARM_UP_DAYS * DAY))
    cut = Candles._make([*(column[first:end].copy() for column in candles[:6]), candles.interval])
    return Span(cut, int(np.searchsorted(cut.time, start_time)), source)


def _years_before(time: int, years: float) -> int:
    """Whole years by the calendar, the rest in days."""
    whole = int(years)
    day = np.datetime64(time // DAY, "D")
    year, rest = day.astype("datetime64[Y]"), day - day.astype("datetime64[Y]")
    back = (year - np.timedelta64(whole, "Y")).astype("datetime64[D]") + rest
    return (int(back.astype(np.int64)) - round((years - whole) * 365)) * DAY
