"""Candles at which looking ahead would show, if a signal does it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stoptrail.rules.candles import Candles, Signals, Times

DAY = 86_400_000
FOUR_HOURS = 14_400_000


def moments(
    candles: Candles, signals: Signals, most: int, random: np.random.Generator
) -> dict[str, Times]:
    """Indices by kind, at most about `most` of each kind, none before the signal is warm.

    Every beginning and end of a zone with its neighbours comes first: a rule that looks
    ahead decides there. Then ends of days and 4h candles, gaps, candles without volume,
    the largest moves, and any.
    """
    n = len(candles.time)
    closes = candles.time + candles.interval
    gap = np.append(np.diff(candles.time) > candles.interval, False)
    move = np.abs(np.append(np.diff(candles.close), 0.0)) / candles.close
    zone = signals.zone
    changes = np.append(zone[1:] != zone[:-1], False)
    leaving = signals.exit_zone
    turns = np.append(leaving[1:] != leaving[:-1], False)
    largest = np.zeros(n, bool)
    largest[np.argsort(move)[-most:]] = True
    kinds = {
        "events": _around(changes),
        "exit events": _around(turns),
        "ends of days": _around(closes % DAY == 0),
        "ends of 4h candles": _around(closes % FOUR_HOURS == 0),
        "gaps": _around(gap),
        "no volume": _around(candles.volume == 0.0),
        "largest moves": largest,
        "any candle": np.ones(n, bool),
    }
    return {kind: _drawn(mask, signals.warm, most, random) for kind, mask in kinds.items()}


def _around(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The candles of `mask` with the one before and the one after each."""
    wide = mask.copy()
    wide[1:] |= mask[:-1]
    wide[:-1] |= mask[1:]
    return wide


def _drawn(mask: NDArray[np.bool_], first: int, most: int, random: np.random.Generator) -> Times:
    places = np.flatnonzero(mask[: len(mask) - 1]).astype(np.int64)
    places = places[places >= first]
    if len(places) > most:
        places = np.sort(random.choice(places, most, replace=False))
    return places
