"""Parameters of MtfStrategy that cannot be meant, refused before a candle is played."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stoptrail.core.errors import DataError, UsageError
from stoptrail.core.time import iso, timeframe_name
from stoptrail.rules.candles import Candles
from stoptrail.rules.costs import DAY
from stoptrail.rules.types import SIDES

_WHOLE = (int, np.integer)


def checked_parameters(given: Any, interval: int) -> int:
    """The code of `sides`; `interval` is that of the feed's candles, ms.

    Raises UsageError for parameters that cannot be meant.
    """
    if given.sides not in (*SIDES, *SIDES.values()):
        raise UsageError(f'sides must be "both", "long" or "short", not {given.sides!r}')
    length, period, start = given.atr_interval, given.atr_period, given.start
    whole = isinstance(length, _WHOLE) and length > 0
    if not whole or length % interval or DAY % length:
        raise UsageError(
            f"atr_interval must be a multiple of the feed's {timeframe_name(interval)} "
            f"that divides the day, not {length!r} ms (Backtrader takes candles for days "
            "where a feed is given no timeframe and compression)"
        )
    if not (isinstance(period, _WHOLE) and period >= 1):
        raise UsageError(f"atr_period must be a whole number from 1 on, not {period!r}")
    if not isinstance(start, _WHOLE):
        raise UsageError(
            f"start must be the open time of a candle in ms since the epoch, UTC, not {start!r}"
        )
    if not (given.parameters is None or isinstance(given.parameters, Mapping)):
        raise UsageError(
            "parameters must be a mapping of the signal's keyword arguments, not "
            f"{given.parameters!r} (optstrategy takes a list of mappings)"
        )
    for name, value in (("signal", given.signal), ("gate", given.gate or str)):
        if not (callable(value) or (name == "signal" and isinstance(value, str))):
            raise UsageError(f"{name} must be a function, not {value!r}")
    return int(SIDES.get(given.sides, given.sides))


def require_before(past: Candles, feed: Candles | None, interval: int) -> None:
    """Raise DataError unless `past` ends before the feed begins, where that is known."""
    if not len(past.time) or feed is None:
        return
    last, first = int(past.time[-1]), int(feed.time[0])
    if past.interval != interval or last + past.interval > first:
        raise DataError(
            f"past ends with the {timeframe_name(past.interval)} candle of {iso(last)}, but "
            f"the feed's {timeframe_name(interval)} candles begin at {iso(first)}: past "
            "has to end before"
        )
