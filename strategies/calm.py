"""What is known of the candles to come: until when a strategy has nothing to do."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from typing import Any, NamedTuple

import numpy as np

from stoptrail.rules.candles import Times
from stoptrail.rules.types import BOTH


class Lull(NamedTuple):
    """Nothing happens before candle `until` on candles within the two prices."""

    until: int
    floor: float = -math.inf
    ceiling: float = math.inf


STIRRED = Lull(-1)
"""Nothing is known."""


_LOOKED_AT = 64
"""Changes that are looked at for one that matters; a later one is looked for again."""


class Places:
    """Candles in their order, the last of them the number of all."""

    def __init__(self, places: list[int]) -> None:
        self._places = places

    def after(self, at: int) -> int:
        """The first of them after `at`."""
        return self._places[bisect_right(self._places, at)]

    def between(self, first: int, last: int) -> list[int]:
        """Those from `first` on and before `last`."""
        return self._places[bisect_left(self._places, first) : bisect_left(self._places, last)]


class Changes(Places):
    """Where the values of a line change, in a run that knows all of them."""

    def __init__(self, line: Any) -> None:
        values = np.asarray(line.array)
        bits = values.view(np.int64) if values.dtype == np.float64 else values  # NaN as any other
        places = np.flatnonzero(bits[1:] != bits[:-1]) + 1
        super().__init__([*places.tolist(), len(values)])
        self._values = values[places].tolist()

    def after_above(self, at: int, bound: float) -> int:
        """The first candle after `at` with a new value that is not above `bound`, or one before
        it; the number of candles where there is none."""
        first = bisect_right(self._places, at)
        for place in range(first, min(first + _LOOKED_AT, len(self._values))):
            if not self._values[place] > bound:
                return self._places[place]
        return self._places[min(first + _LOOKED_AT, len(self._values))]


def deciding(zone: Any, before: float, sides: int, atr: Any, times: Times, start: int) -> Places:
    """The candles at whose close a signal is to be decided on: a zone of `sides` begins at or after
    `start` (ms) and the ATR is known. zone and atr are lines; before: the zone before the first
    candle."""
    zones, known = np.asarray(zone.array), np.asarray(atr.array)
    begins = zones != 0
    begins[:1] &= zones[:1] != before
    begins[1:] &= zones[1:] != zones[:-1]
    if sides != BOTH:
        begins &= zones == sides
    wanted = begins & (known == known) & (times >= start)
    return Places([*np.flatnonzero(wanted).tolist(), len(times)])
