"""Names of timeframes ("15m", "4h", "1d") and their lengths in milliseconds."""

from __future__ import annotations

import re

from errors import ConfigError

MINUTE_MS = 60_000
_UNITS = {"m": MINUTE_MS, "h": 60 * MINUTE_MS, "d": 1440 * MINUTE_MS}
_PATTERN = re.compile(r"([1-9][0-9]{0,3})([mhd])")


def timeframe_ms(name: str) -> int:
    """Length of the timeframe `name` in milliseconds.

    Raises ConfigError where `name` is not a positive number followed by m (minutes),
    h (hours) or d (days), or where candles of that length cannot be aligned to the day.
    """
    match = _PATTERN.fullmatch(name)
    if match is None:
        raise ConfigError(
            f"timeframe {name!r} is not known: write a number and m, h or d, such as 15m, 4h or 1d"
        )
    length = int(match[1]) * _UNITS[match[2]]
    if _UNITS["d"] % length and length % _UNITS["d"]:
        raise ConfigError(f"timeframe {name!r} does not divide a day: use one such as 15m, 1h, 4h")
    return length


def timeframe_name(length: int) -> str:
    """The shortest name of a timeframe of `length` milliseconds, "90s" style where odd."""
    for unit in ("d", "h", "m"):
        if length > 0 and length % _UNITS[unit] == 0:
            return f"{length // _UNITS[unit]}{unit}"
    return f"{length / 1000:g}s"
