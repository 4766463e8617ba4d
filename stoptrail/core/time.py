"""Points in time, timeframes, delays and spans: as they are written, read and shown, and as
Backtrader numbers them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

_UNITS = {"m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d\d)?")
_LENGTH = re.compile(r"([0-9]{1,6})([mhd])")


def timeframe_ms(text: str) -> int:
    """Length in milliseconds of a timeframe such as "15m", "4h" or "1d".

    Raises ValueError where the text is none, or where candles of that length would not
    start at the same times every day.
    """
    length = _length_ms(text)
    if not length or DAY_MS % length:
        raise ValueError("must be a timeframe that divides the day, such as '15m', '4h' or '1d'")
    return length


def time_ms(text: str) -> int:
    """Milliseconds since the epoch of an ISO 8601 time; without an offset it is UTC.

    Raises ValueError where the text is no such time.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a UTC date or time such as '2021-06-22'") from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def zone_of(name: str) -> tzinfo:
    """The time zone of a name such as "Europe/Berlin", "UTC" or "+02:00".

    Raises ValueError where there is none of that name.
    """
    if match := _OFFSET.fullmatch(name):
        offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
        if offset < timedelta(days=1):
            return timezone(offset if match[1] == "+" else -offset)
    try:
        return UTC if name.upper() in ("UTC", "GMT", "Z") else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            "must be a time zone such as 'Europe/Berlin', 'America/New_York', 'UTC' or '+02:00'"
        ) from None


def iso_time(milliseconds: int) -> str:
    """ISO 8601 in UTC: the date alone at midnight, otherwise with the time and a Z."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    if milliseconds % DAY_MS == 0:
        return moment.date().isoformat()
    precision = "seconds" if milliseconds % 1000 == 0 else "milliseconds"
    return moment.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def iso_moment(milliseconds: int) -> str:
    """ISO 8601 in UTC, always with the time, milliseconds and a Z: for logs."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _checked_timeframe(text: str) -> str:
    timeframe_ms(text)
    return text


def _moment_text(value: Any) -> Any:
    """The canonical text of a time; TOML dates and times are taken without quotes too."""
    if isinstance(value, date):  # a datetime is a date
        value = value.isoformat()
    return iso_time(time_ms(value)) if isinstance(value, str) and value else value


def _delay_minutes(value: Any) -> Any:
    """Whole minutes from "90m", "2h" or "1d"; a number is left as it is."""
    if not isinstance(value, str):
        return value
    length = _length_ms(value)
    if length is None:
        raise ValueError("must be whole minutes, or a delay such as '0m', '90m' or '2h'")
    return length // MINUTE_MS


def _length_ms(text: str) -> int | None:
    match = _LENGTH.fullmatch(text)
    return int(match[1]) * _UNITS[match[2]] if match else None


Timeframe = Annotated[str, AfterValidator(_checked_timeframe)]
"""A timeframe that divides the UTC day, kept as written."""

Moment = Annotated[str, BeforeValidator(_moment_text)]
"""An ISO 8601 time in UTC in its canonical form, or "" for none."""

Minutes = Annotated[int, BeforeValidator(_delay_minutes)]
"""A delay in whole minutes."""


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
    """The same moment `years` calendar years earlier (29 February becomes the 28th), at most
    as far as calendars go: the years 1 to 9999."""
    moment = datetime.fromtimestamp(time / 1000, UTC)
    day = 28 if (moment.month, moment.day) == (2, 29) else moment.day
    year = min(max(1, moment.year - years), 9999)
    return round(moment.replace(year=year, day=day).timestamp() * 1000)


Spans = tuple[tuple[int, int], ...]
"""Half-open spans in milliseconds, ascending, apart from each other."""


def joined(spans: Iterable[tuple[int, int]]) -> Spans:
    """Spans in order, those that touch made one, empty ones left out."""
    out: list[tuple[int, int]] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return tuple(out)


def uncovered(covered: Spans, start: int, end: int) -> Spans:
    """The parts of [start, end) that no span covers."""
    out = []
    at = start
    for first, last in covered:
        if first >= end:
            break
        if first > at:
            out.append((at, first))
        at = max(at, last)
    if at < end:
        out.append((at, end))
    return tuple(out)


def within(spans: Iterable[tuple[int, int]], start: int, end: int) -> Spans:
    """The parts of `spans` that lie in [start, end)."""
    return joined((max(first, start), min(last, end)) for first, last in spans)


EPOCH_DAY = 719163.0
"""The date number of 1970-01-01, its proleptic ordinal."""


def date_number(time: int) -> float:
    """`time` in milliseconds as Backtrader keeps it."""
    return EPOCH_DAY + time / DAY_MS


def milliseconds(number: float) -> int:
    """The milliseconds that a date number stands for.

    A double near 740,000 days resolves 10 microseconds, so rounding restores them.
    """
    return round((number - EPOCH_DAY) * DAY_MS)
