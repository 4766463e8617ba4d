"""Times as files write them, as milliseconds since the epoch in UTC.

A time without an offset is one of the zone that the user names, else of UTC. Where the
order of day and month is open, the one that makes the times regular is meant.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stoptrail.core.time import DAY_MS, HOUR_MS, MINUTE_MS
from stoptrail.feeds.convert import (
    MONTHS,
    NULLS,
    OFFSETS,
    CellError,
    epoch_milliseconds,
    integers,
    number,
    respelled,
    scaled,
    shown,
    to_floats,
)
from stoptrail.rules.candles import Floats, Times

if TYPE_CHECKING:
    import pyarrow as pa

_YEARS = (946_684_800_000, 4_102_444_800_000)
"""Open times outside 2000 to 2100 are a wrong unit or a wrong column."""
_ZONE = re.compile(r"(Z|[+-]\d\d:?\d\d|[+-]\d\d)$")
_SHEET_DAYS = (36_526.0, 73_050.0)
"""The years 2000 to 2100 as spreadsheets number days."""
_SHEET_ZERO = -25_569 * DAY_MS
_TICKS = (6.3e17, 6.63e17)
"""The same years in ticks of 100 ns since the year 1, as .NET counts."""
_TICKS_ZERO = 62_135_596_800_000
_DASHES = re.compile(r"(\d{4}-\d\d?-\d\d?)-(\d\d)-(\d\d)(?:-(\d\d))?")
_ROUNDED = re.compile(r"\d(?:[.,](\d*))?[eE]\+?(\d+)")
_TEXT = re.compile(
    r"""(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\ +)?
    (?: (?P<y>\d{4})[-/.\ ]?(?P<m>\d{2}|(?<=[-/.\ ])\d)[-/.\ ]?(?P<d>\d{2}|(?<=[-/.\ ])\d)
      | (?P<a>\d{1,2})[-/.](?P<b>\d{1,2})[-/.](?P<y2>\d{4}|\d{2})
      | (?P<d3>\d{1,2})[-\ ](?P<mon>[a-z]{3,10})[-,\ ]+(?P<y3>\d{4}|\d{2})
      | (?P<mon4>[a-z]{3,10})\.?\ +(?P<d4>\d{1,2}),?\ +(?P<y4>\d{4}) )
    (?: [t,\ -]*(?P<H>\d{1,2})(?::?(?P<M>\d{2})(?::?(?P<S>\d{2})(?:[.,:\ ]?(?P<f>\d{1,9}))?)?)?
        (?:[-\ ]?(?P<ap>[ap])\.?m\.?)? )?
    \ *(?: (?:utc|gmt)?(?P<sign>[+-])(?P<oh>\d{1,2}):?(?P<om>\d{2})? | (?P<abbr>[a-z]{1,4}) )?
    (?:\[(?P<zone>[a-z/_]+)\])?(?:\ \([a-z\ ]+\))?(?:\ (?P<zone2>[a-z]{2,}/[a-z_/]+))?""",
    re.VERBOSE | re.IGNORECASE,
)


class ReadTimes(NamedTuple):
    """Times of a column."""

    time: Times
    """Milliseconds since the epoch; of times without an offset as if they were UTC."""
    naive: bool
    """Whether they have no offset and are no epoch numbers."""
    ends: str = ""
    """The first of them that is written as the end of a day, 24:00; "" without one."""


def read_times(
    column: pa.ChunkedArray, name: str, day: int | None = None, decimal: str = "."
) -> ReadTimes:
    """Open times of a column of any type.

    Accepts timestamps and dates, epoch numbers whose unit follows from each value's size
    (seconds, milliseconds, microseconds, nanoseconds), numbers of days as spreadsheets
    count, digits such as 20240101 or 202401011200, ISO 8601 and other usual texts. `day`
    is the midnight, in milliseconds, that times of day (in milliseconds) belong to, `decimal`
    the mark of numbers.
    Raises CellError for anything else, an empty time included.
    """
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if column.null_count:
        row = int(np.argmax(column.is_null().to_pylist()))
        raise CellError(row, f"{name} is empty; give every row its open time")
    if pa.types.is_date(kind):
        column, kind = column.cast(pa.timestamp("ms")), pa.timestamp("ms")
    if pa.types.is_timestamp(kind):
        times = scaled(integers(column), kind.unit)  # a cast would load Arrow's functions
        return _plausible(ReadTimes(times, kind.tz is None), name)
    if _is_text(kind):
        return _plausible(_from_text(column.cast(pa.string()), name, day, decimal), name)
    values = to_floats(column, name)
    return _plausible(_from_numbers(values, day), name)


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    views = getattr(pa.types, "is_string_view", lambda _: False)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or views(kind))


def _from_text(column: pa.ChunkedArray, name: str, day: int | None, decimal: str) -> ReadTimes:
    import pyarrow as pa

    try:
        values = to_floats(column, name, decimal if _is_number(column, decimal) else ".")
    except CellError as error:
        bad = error
    else:
        if np.isnan(values).any():
            row = int(np.argmax(np.isnan(values)))
            cell = column[row].as_py()
            said = f"= {shown(cell)} {_NO_TIME}" if cell else "is empty; give every row its time"
            raise CellError(row, f"{name} {said}")
        _refuse_rounded(column, name, epoch_milliseconds(values))
        return _from_numbers(values, day, column)
    zoned = bool(_ZONE.search(column[0].as_py())) if len(column) else False
    kind = pa.timestamp("us", "UTC" if zoned else None)
    try:
        return ReadTimes(scaled(integers(column.cast(kind).cast(pa.int64())), "us"), not zoned)
    except pa.ArrowInvalid:
        pass
    texts = column.to_pylist()
    if sum(number(text) == number(text) for text in texts) > len(texts) / 2:
        raise CellError(bad.row, f"{name} = {shown(texts[bad.row])} {_NO_TIME}")
    return _from_words(texts, name)


def _is_number(column: pa.ChunkedArray, decimal: str) -> bool:
    """Whether the first cell is a number with a comma: a date such as 01.03.2024 would be one
    too, without its points."""
    return (
        decimal == "," and bool(len(column)) and bool(_COMMA.fullmatch(column[0].as_py().strip()))
    )


_COMMA = re.compile(r"\d+,\d+")


def _refuse_rounded(column: pa.ChunkedArray, name: str, times: Times) -> None:
    """CellError where a spreadsheet has rounded the times: 1.70925E+12 stands for two hours. In
    full (1.7092512E12, as Java writes it) they are of whole minutes, and differ."""
    rounded = _ROUNDED.fullmatch(column[0].as_py().strip()) if len(column) else None
    short = rounded and len(rounded[1] or "") < int(rounded[2])
    if short and (np.any(times % MINUTE_MS) or len(np.unique(times)) < len(times)):
        raise CellError(
            0,
            f"{name} = {shown(column[0].as_py())} has lost its last digits, as spreadsheets write "
            "long numbers; export the file again with that column as text",
        )


_NO_TIME = "is not a time; write ISO 8601 or epoch seconds, ms, us or ns"


def _from_numbers(
    values: Floats, day: int | None, texts: pa.ChunkedArray | None = None
) -> ReadTimes:
    """Epoch numbers, days of spreadsheets, or digits that spell a date."""
    known = values[np.isfinite(values)]
    low, high = (float(np.min(known)), float(np.max(known))) if len(known) else (0.0, 0.0)
    if day is not None and low >= 0 and high < DAY_MS:
        return ReadTimes(day + np.nan_to_num(values).astype(np.int64), False)
    if _SHEET_DAYS[0] <= low and high < _SHEET_DAYS[1]:
        seconds = np.round(values * 86_400) * 1000
        _refuse_cut(values, seconds)
        return ReadTimes(_SHEET_ZERO + np.nan_to_num(seconds).astype(np.int64), True)
    if _TICKS[0] <= low and high < _TICKS[1]:
        return ReadTimes((values / 1e4).astype(np.int64) - _TICKS_ZERO, True)
    if not _spells(low, high):
        return ReadTimes(epoch_milliseconds(values), False)
    words = [f"{int(value)}" for value in values.tolist()] if texts is None else texts.to_pylist()
    if not 1e9 < low < 1e10:
        return _from_words(words, "time")
    for century in ("", "20"):  # 2024030109 and 2403010930; epoch seconds of 2033 have as many
        with suppress(CellError):
            return _plausible(_from_words([century + word for word in words], "time"), "time")
    return ReadTimes(epoch_milliseconds(values), False)


def _spells(low: float, high: float) -> bool:
    """Whether whole numbers may be dates such as 20240101, with or without a time of day."""
    if low >= 2e9 and high < 3.4e9:
        return True
    return any(2000 * size <= low and high < 2100 * size for size in (1e4, 1e8, 1e10, 1e13))


def _refuse_cut(days: Floats, seconds: Floats) -> None:
    """CellError where days of a spreadsheet have too few decimals for the minutes of candles."""
    odd = np.flatnonzero(seconds % MINUTE_MS)
    several = len(np.unique(seconds % MINUTE_MS)) > 1
    if several and np.median(np.abs(np.diff(seconds))) >= MINUTE_MS:
        row = int(odd[0])
        raise CellError(
            row,
            f"time = {days[row]:.10g} is {seconds[row] % MINUTE_MS / 1000:g} s beside a minute: "
            "the days have lost decimals; export the file again with that column as ISO 8601 text",
        )


def _from_words(texts: list[str], name: str) -> ReadTimes:
    """Texts by the one pattern of all usual spellings; month and day as the column has them."""
    parts = [
        _TEXT.fullmatch(_DASHES.sub(_clocked, text.strip())) or _TEXT.fullmatch(respelled(text))
        for text in texts
    ]
    for row, part in enumerate(parts):
        if part is None:
            empty = texts[row].strip().lower() in NULLS
            said = "is empty; give every row its open time" if empty else None
            raise CellError(row, f"{name} {said or f'= {shown(texts[row])} {_NO_TIME}'}")
    found = [part for part in parts if part is not None]
    zones = {part["zone"] or part["zone2"] or "none" for part in found if not part["sign"]}
    if len(zones) > 1:
        raise CellError(0, f"{name} holds times of {', '.join(sorted(zones))}; write them in UTC")
    if not any(part["a"] for part in found):
        return _assembled(found, texts, name, day_first=True)
    dotted = any("." in text[:3] for text in texts[:1])
    tries = []
    for day_first in (True, False):
        try:
            tries.append(_assembled(found, texts, name, day_first=day_first))
        except CellError as error:
            failure = error
    if not tries:
        raise failure
    if len(tries) == 1 or dotted:
        return tries[0]
    return _more_regular(tries[0], tries[1], texts[0], name)


def _clocked(dashes: re.Match[str]) -> str:
    """2024-03-01-09-30, whose last two digits are no offset."""
    day, hour, minute, second = dashes.groups()
    return f"{day} {hour}:{minute}:{second or '00'}"


def _more_regular(first: ReadTimes, second: ReadTimes, text: str, name: str) -> ReadTimes:
    """Day first or month first: the one whose steps are the more even."""
    if np.array_equal(first.time, second.time):
        return first
    spread = [float(np.std(np.diff(tried.time))) for tried in (first, second)]
    if len(first.time) < 2 or spread[0] == spread[1]:
        raise CellError(
            0, f"{name} = {shown(text)} may be day first or month first; write ISO 8601 times"
        )
    return first if spread[0] < spread[1] else second


def _assembled(
    parts: list[re.Match[str]], texts: list[str], name: str, *, day_first: bool
) -> ReadTimes:
    out = np.empty(len(parts), np.int64)
    naive, late = False, []
    for row, part in enumerate(parts):
        try:
            offset = _offset(part)
            out[row] = _moment(part, day_first) - (offset or 0) * MINUTE_MS
        except (ValueError, KeyError):
            word, said = part["abbr"] or "", _NO_TIME
            if word and word.lower() not in OFFSETS:
                said = f"is not told: {word} may be several zones; write its offset, such as +08:00"
            raise CellError(row, f"{name} = {shown(texts[row])} {said}") from None
        naive = naive or offset is None
        if part["H"] == "24":
            late.append(row)
    return _with_midnights(out, texts, naive, late, name) if late else ReadTimes(out, naive)


def _with_midnights(
    time: Times, texts: list[str], naive: bool, late: list[int], name: str
) -> ReadTimes:
    """Times of which the rows `late` are written with an hour 24: the end of their day, or its
    beginning (as JavaScript's toLocaleString writes it) where only that keeps the rows in order."""
    early = time.copy()
    early[late] -= DAY_MS
    if not _ordered(time) and _ordered(early):
        return ReadTimes(early, naive)
    for row in late:
        if time[row] % HOUR_MS:
            raise CellError(row, f"{name} = {shown(texts[row])} {_NO_TIME}; a day ends at 24:00")
    return ReadTimes(time, naive, texts[late[0]])


def _ordered(time: Times) -> bool:
    steps = np.diff(time)
    return bool(np.all(steps > 0) or np.all(steps < 0))


def _moment(part: re.Match[str], day_first: bool) -> int:
    """Milliseconds of a text's date and clock, its offset left aside."""
    year = part["y"] or part["y2"] or part["y3"] or part["y4"]
    if part["a"]:
        day, month = (part["a"], part["b"]) if day_first else (part["b"], part["a"])
    else:
        word = part["mon"] or part["mon4"]
        month = part["m"]
        if word:
            month = str(MONTHS.get(word[:4].lower()) or MONTHS[word[:3].lower()])
        day = part["d"] or part["d3"] or part["d4"]
    hour = int(part["H"] or 0)
    if part["ap"]:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + (12 if part["ap"] in "pP" else 0)
    whole = 2000 + int(year) if len(year) == 2 else int(year)
    days = date(whole, int(month), int(day)).toordinal() - date(1970, 1, 1).toordinal()
    minute, second = int(part["M"] or 0), int(part["S"] or 0)
    if hour > 24 or minute > 59 or second > 59:
        raise ValueError
    fraction = int((part["f"] or "0")[:3].ljust(3, "0"))
    return days * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS + second * 1000 + fraction


_FARTHEST = 14 * 60
"""Minutes that a zone is ahead of UTC at most."""


def _offset(part: re.Match[str]) -> int | None:
    """Minutes ahead of UTC, None without an offset."""
    if part["sign"]:
        minutes = 60 * int(part["oh"]) + int(part["om"] or 0)
        if minutes > _FARTHEST:
            raise ValueError
        return minutes if part["sign"] == "+" else -minutes
    return OFFSETS[part["abbr"].lower()] if part["abbr"] else None


def _plausible(read: ReadTimes, name: str) -> ReadTimes:
    times = read.time
    outside = np.flatnonzero((times < _YEARS[0]) | (times >= _YEARS[1]))
    if len(outside):
        row = int(outside[0])
        raise CellError(
            row,
            f"{name} = {times[row]} ms is outside the years 2000 to 2100; "
            "give open times as ISO 8601 or as epoch seconds, ms, us or ns",
        )
    return read
