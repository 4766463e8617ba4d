"""Entry zones: the moment of the cycle, where trend and structure allow it."""

from __future__ import annotations

import numpy as np

from stoptrail.rules.candles import Floats, Sides
from stoptrail.rules.jit import rule


@rule
def turn(previous: float, value: float, threshold: float) -> int:
    """1 where the oscillator is below -threshold and rising (a trough turning up), -1
    where it is above threshold and falling, else 0, also while either value is NaN."""
    if value < -threshold and value > previous:
        return 1
    if value > threshold and value < previous:
        return -1
    return 0


@rule
def zone_of(turned: int, trend: float, structure: float) -> int:
    """`turned` where the trend has its side and the structure does not oppose it, else 0."""
    if turned * trend > 0.0 and turned * structure >= 0.0:
        return turned
    return 0


@rule
def zones(
    oscillator: Floats, trend: Floats, structure: Floats, threshold: float
) -> tuple[Sides, Sides, int]:
    """Entry zone and exit zone of every candle, and the first candle where all inputs
    are known (n where none is); all inputs of shape (n,). No zone before that candle.

    The exit zone is a turn on its side of the middle line, whatever trend and structure
    say: how deep a trough must be is a question of entering, any peak after it is one.
    """
    n = len(oscillator)
    zone = np.zeros(n, np.int8)
    exit_zone = np.zeros(n, np.int8)
    for i in range(1, n):
        previous, value = oscillator[i - 1], oscillator[i]
        zone[i] = zone_of(turn(previous, value, threshold), trend[i], structure[i])
        exit_zone[i] = turn(previous, value, 0.0)
    warm = 1
    while warm < n and (
        np.isnan(oscillator[warm - 1]) or np.isnan(trend[warm]) or np.isnan(structure[warm])
    ):
        warm += 1
    return zone, exit_zone, min(warm, n)
