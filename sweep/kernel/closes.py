"""The highest and lowest close of candles in rows, for what depends on closes alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rules.candles import Floats, Times

SHIFTS = (4, 6, 8, 10)
"""Binary logarithms of how many candles a row has, by level."""


class Closes(NamedTuple):
    """Rows of 2^shift candles, all rows of a level after those of the one before; the last
    row of a level may be shorter."""

    top: Floats
    bottom: Floats
    first: Times
    """The place of each level's first row, shape (levels,)."""


def closes_of(closes: Floats) -> Closes:
    """Rows of closes of shape (n,)."""
    begins = [np.arange(0, len(closes), 1 << shift) for shift in SHIFTS]
    top = [np.maximum.reduceat(closes, begin) for begin in begins]
    bottom = [np.minimum.reduceat(closes, begin) for begin in begins]
    first = np.cumsum([0, *(len(begin) for begin in begins[:-1])])
    return Closes(np.concatenate(top), np.concatenate(bottom), first.astype(np.int64))
