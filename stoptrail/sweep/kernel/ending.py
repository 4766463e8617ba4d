"""What the kernel has to know of a position that it followed to its end."""

from __future__ import annotations

from typing import NamedTuple


class Ending(NamedTuple):
    """The end of a position, or the end of the data."""

    exit: int
    """Exit candle; OPEN where the data ended first."""
    price: float
    """Exit price, 0 where there is none."""
    level: float
    """Level of the stop in the end."""
    reason: int
    """What closed it, or what set the level of the stop last."""
    best: float
    """Signed: no close from the entry candle on, before the exit candle, is beyond this, ..."""
    worst: float
    """... and none falls short of this."""
    parts: int
    """How many parts were closed before."""
