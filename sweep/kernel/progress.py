"""A position in the kernel's hands, from its entry to its exit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rules.account import OPEN
from rules.jit import rule
from rules.stops import Stop


class Progress(NamedTuple):
    """A position under way or, where `exit` is not OPEN, closed."""

    exit: int
    price: float
    """Exit price, 0 while there is none."""
    level: float
    """The stop's level without what `wanted` and `even_at` may have made of it since."""
    reason: int
    """What set `level`."""
    extreme: float
    """Signed best price."""
    wanted: float
    """Signed and unrounded: the greatest candidate of the trail, or a level beyond it."""
    floor: float
    """Signed: no level of breakeven that is in force lies beyond it."""
    even_at: int
    """The last candle at whose close breakeven moved the level since `level`; -1: none."""
    best_close: float
    """Signed bounds of the closes from the entry candle on, the exit candle not included."""
    worst_close: float


@rule
def started(side: int, stop: Stop) -> Progress:
    """A position that was just entered, with `stop` in force."""
    level, extreme = side * stop.level, side * stop.extreme
    return Progress(OPEN, 0.0, stop.level, stop.reason, extreme, level, level, -1, -np.inf, np.inf)


@rule
def after_close(now: Progress, extreme: float, wanted: float, close: float) -> Progress:
    """`now` after one more signed close; extreme, wanted: as they are then."""
    return Progress(
        OPEN,
        0.0,
        now.level,
        now.reason,
        extreme,
        wanted,
        now.floor,
        now.even_at,
        max(now.best_close, close),
        min(now.worst_close, close),
    )


@rule
def put_off(now: Progress, candle: int, greatest: float) -> Progress:
    """`now` where breakeven moved the level at the close of `candle`, to a signed level of at
    most `greatest`."""
    return Progress(
        OPEN,
        0.0,
        now.level,
        now.reason,
        now.extreme,
        now.wanted,
        max(now.floor, greatest),
        candle,
        now.best_close,
        now.worst_close,
    )


@rule
def stopped(now: Progress, side: int, stop: Stop) -> Progress:
    """`now` with `stop` in force."""
    return Progress(
        OPEN,
        0.0,
        stop.level,
        stop.reason,
        side * stop.extreme,
        now.wanted,
        side * stop.level,
        -1,
        now.best_close,
        now.worst_close,
    )


@rule
def left(now: Progress, candle: int, price: float, reason: int) -> Progress:
    """`now` closed on `candle` at `price`."""
    return Progress(
        candle,
        price,
        now.level,
        reason,
        now.extreme,
        now.wanted,
        now.floor,
        now.even_at,
        now.best_close,
        now.worst_close,
    )
