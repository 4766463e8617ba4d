"""How candle times and lengths are written in messages and files."""

from __future__ import annotations

from datetime import UTC, datetime

from config.spans import DAY_MS, HOUR_MS, MINUTE_MS


def iso(time: int) -> str:
    """ISO 8601 in UTC with the time of day, to the second unless it has milliseconds."""
    try:
        moment = datetime.fromtimestamp(time / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return f"{time} ms"
    precision = "milliseconds" if time % 1000 else "seconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def timeframe_name(length: int) -> str:
    """The shortest name of a timeframe of `length` milliseconds: 15m, 4h, 1d; odd ones as 90s."""
    for unit, name in ((DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "m")):
        if length > 0 and length % unit == 0:
            return f"{length // unit}{name}"
    return f"{length / 1000:g}s"


def years_before(time: int, years: int) -> int:
    """The same moment `years` calendar years earlier (29 February becomes the 28th)."""
    moment = datetime.fromtimestamp(time / 1000, UTC)
    day = 28 if (moment.month, moment.day) == (2, 29) else moment.day
    return round(moment.replace(year=moment.year - years, day=day).timestamp() * 1000)
