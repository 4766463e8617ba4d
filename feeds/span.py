"""The part of the data that is traded, with the warm-up before it.

Spans are half-open, UTC. Left open, they are the last five years that the data has, up
to its last midnight.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stoptrail.core.errors import DataError
from stoptrail.core.time import DAY_MS, iso, years_before
from stoptrail.feeds.tables.columns import columns_of, rows_of
from stoptrail.rules.candles import Candles

DEFAULT_YEARS = 5


class Cut(NamedTuple):
    """Candles up to the end of a span, and where the span begins in them."""

    candles: Candles
    start: int
    """Index of the first candle of the span."""
    start_time: int
    end_time: int


def cut_span(
    candles: Candles, start: int | None = None, end: int | None = None, source: str = "the data"
) -> Cut:
    """Candles before `end`, with the index at which the span [start, end) begins.

    Times are in milliseconds, None where open: an open end is the last midnight that the
    data reaches (its very end where it is shorter than that), an open start five calendar
    years earlier or the first candle. Raises DataError, naming `source`, where no candle
    lies in the span.
    """
    first = int(candles.time[0])
    reach = int(candles.time[-1]) + candles.interval
    last = _open_end(first, reach) if end is None else min(end, reach)
    begin = _open_start(first, last) if start is None else max(start, first)
    head, tail = (int(i) for i in np.searchsorted(candles.time, [begin, last]))
    if head >= tail:
        wanted = f"{iso(begin if start is None else start)} to {iso(last if end is None else end)}"
        raise DataError(
            f"the span {wanted} holds no candle: {source} has {iso(first)} to {iso(reach)}; "
            "set data.start before data.end and both within it"
        )
    kept = rows_of(columns_of(candles), slice(tail))
    return Cut(Candles(*kept, candles.interval), head, begin, last)


def _open_end(first: int, reach: int) -> int:
    midnight = reach - reach % DAY_MS
    return midnight if midnight > first else reach


def _open_start(first: int, end: int) -> int:
    return max(first, years_before(end, DEFAULT_YEARS))
