"""What is known of the candles to come: until when a strategy has nothing to do."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Any, NamedTuple

import numpy as np


class Calm(NamedTuple):
    """Nothing happens before candle `until` on candles within the two prices."""

    until: int
    floor: float = -math.inf
    ceiling: float = math.inf


STIRRED = Calm(-1)
"""Nothing is known."""


class Changes:
    """Where the values of a line change, in a run that knows all of them."""

    def __init__(self, line: Any) -> None:
        values = np.frombuffer(line.array, np.int64)  # by their bits, NaN as any other
        places = np.flatnonzero(values[1:] != values[:-1]) + 1
        self._places = [*places.tolist(), len(values)]

    def after(self, at: int) -> int:
        """The first candle after `at` with another value than the one before it; the number
        of candles where there is none."""
        return self._places[bisect_right(self._places, at)]
