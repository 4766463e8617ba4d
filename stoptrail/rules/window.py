"""The best price of the last candles, at each candle: what a chandelier hangs from (C18)."""

from __future__ import annotations

import numpy as np

from stoptrail.rules.candles import Candles, Floats
from stoptrail.rules.jit import rule


@rule
def highest_of(values: Floats, count: int) -> Floats:
    """The highest of the last `count` values, or of those that there are; shape (n,)."""
    found = np.empty(len(values))
    # Places of values that none after them exceeds, oldest first.
    places = np.empty(len(values), np.int64)
    first, end = 0, 0
    for i in range(len(values)):
        while end > first and values[places[end - 1]] <= values[i]:
            end -= 1
        places[end] = i
        end += 1
        if places[first] <= i - count:
            first += 1
        found[i] = values[places[first]]
    return found


@rule
def reaches(candles: Candles, count: int) -> tuple[Floats, Floats]:
    """What a long's and a short's chandelier of `count` candles hang from at each close,
    shape (n,). For count = 0, which is none, it costs nothing."""
    if count == 0:
        return candles.high, candles.low
    return highest_of(candles.high, count), -highest_of(-candles.low, count)


@rule
def first_beyond(
    low: Floats,
    high: Floats,
    first: int,
    until: int,
    below: float,
    above: float,
    floor: float,
    ceiling: float,
) -> int:
    """The first candle from `first` on that reaches `below` or `above`, or goes beyond `floor`
    or `ceiling`; `until` where none before it does."""
    for i in range(first, until):
        if low[i] <= below or high[i] >= above or low[i] < floor or high[i] > ceiling:
            return i
    return until
