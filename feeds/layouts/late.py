"""Times a moment behind the beginning of a candle, as first trades and programs that wait for a
candle stamp them."""

from __future__ import annotations

from typing import Literal

import numpy as np

from stoptrail.core.errors import DataError
from stoptrail.core.time import DAY_MS, HOUR_MS, MINUTE_MS, timeframe_name
from stoptrail.rules.candles import Times

_LATE = 100
"""Part of a candle that a time may lie behind its beginning."""
_FEW = 8
_STEPS = (
    *(minutes * MINUTE_MS for minutes in (1, 2, 3, 5, 10, 15, 20, 30)),
    *(hours * HOUR_MS for hours in (1, 2, 3, 4, 6, 8, 12)),
    DAY_MS,
)


def on_the_grid(time: Times, stamp: Literal["auto", "open", "close"], notes: list[str]) -> Times:
    """Times of which some are up to a hundredth of a candle late, without that, which is told in
    `notes`; others as they are. Where most are late, they may be those of first trades as well as
    those at which closes were seen: raises DataError unless `stamp` tells which."""
    if len(time) < _FEW or not np.any(time % MINUTE_MS):
        return time
    distances = np.abs(np.diff(time))
    step = min(_STEPS, key=lambda step: abs(step - float(np.median(distances))))
    late = time % step
    begun = time - late
    if np.any(late > step // _LATE) or len(np.unique(begun)) < len(time):
        return time
    count, most = int(np.sum(late > 0)), int(np.max(late))
    said = (
        f"{count} of {len(time)} times are up to {most / 1000:g} s behind the beginning of a "
        f"{timeframe_name(step)} candle"
    )
    if count > len(time) / 2 and stamp == "auto":
        raise DataError(
            f"{said}: those of first trades, or those at which closes were seen; set data.stamp to "
            '"open" or "close"'
        )
    notes.append(f"{said}, and taken as that")
    return begun
