"""Times as files write them, as milliseconds since the epoch in UTC.

A time without an offset is one of the zone that the user names, else of UTC.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from stoptrail.core.errors import DataError
from stoptrail.core.time import DAY_MS, HOUR_MS, MINUTE_MS
from stoptrail.feeds.tables.calendars import other_calendar
from stoptrail.feeds.tables.convert import (
    CellError,
    LostDigitsError,
    epoch_milliseconds,
    integers,
    number,
    scaled,
    shown,
    to_floats,
)
from stoptrail.feeds.tables.spelled_times import ReadTimes, from_words, no_time
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
_EXACT = 2**24
"""Whole numbers beyond it 32 bits do not hold."""
_ROUNDED = re.compile(r"\d(?:[.,](\d*))?[eE]\+?(\d+)")


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
        empty = np.flatnonzero(column.is_null().to_pylist()).tolist()
        raise CellError(empty[0], f"{name} is empty; give every row its open time", empty)
    if pa.types.is_date(kind):
        column, kind = column.cast(pa.timestamp("ms")), pa.timestamp("ms")
    if pa.types.is_duration(kind):
        raise DataError(
            f"{name} holds lengths of time (a duration), no moments; add them to the moment that "
            "they count from"
        )
    if pa.types.is_timestamp(kind):
        times = scaled(integers(column), kind.unit)  # a cast would load Arrow's functions
        return _plausible(ReadTimes(times, kind.tz is None), name)
    if _is_text(kind):
        return _plausible(_from_text(column.cast(pa.string()), name, day, decimal), name, column)
    values = to_floats(column, name)
    if pa.types.is_float32(kind) and np.any(values > _EXACT):
        raise DataError(
            f"{name} has epochs of 32 bits, which are minutes off; write it with 64 bits"
        )
    return _plausible(_from_numbers(values, day), name, column)


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
            rows = np.flatnonzero(np.isnan(values)).tolist()
            raise CellError(rows[0], no_time(column.to_pylist(), rows[0], name), rows)
        _refuse_rounded(column, name, epoch_milliseconds(values))
        return _from_numbers(values, day, column)
    zoned = bool(_ZONE.search(column[0].as_py())) if len(column) else False
    kind = pa.timestamp("us", "UTC" if zoned else None)
    try:
        return ReadTimes(scaled(integers(column.cast(kind).cast(pa.int64())), "us"), not zoned)
    except pa.ArrowInvalid:
        pass
    texts = column.to_pylist()
    numbers = [number(text) == number(text) for text in texts]
    if sum(numbers) > len(texts) / 2 or (len(numbers) > 1 and all(numbers[:2])):
        raise CellError(bad.row, no_time(texts, bad.row, name), bad.rows)
    return from_words(texts, name)


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
        raise LostDigitsError(
            0,
            f"{name} = {shown(column[0].as_py())} has lost its last digits, as spreadsheets write "
            "long numbers; export the file again with that column as text",
            range(len(column)),
        )


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
        return from_words(words, "time")
    for century in ("", "20"):  # 2024030109 and 2403010930; epoch seconds of 2033 have as many
        with suppress(CellError):
            return _plausible(from_words([century + word for word in words], "time"), "time")
    return ReadTimes(epoch_milliseconds(values), False)


def _spells(low: float, high: float) -> bool:
    """Whether whole numbers may be dates such as 20240101, with or without a time of day."""
    if low >= 2e9 and high < 3.4e9:
        return True
    return any(2000 * size <= low and high < 2100 * size for size in (1e4, 1e8, 1e10, 1e13))


def _refuse_cut(days: Floats, seconds: Floats) -> None:
    """CellError where days of a spreadsheet have too few decimals for the minutes of candles."""
    tenths = days * 10
    if np.all(tenths == np.round(tenths)) and np.any(tenths % 5):  # of 2 h 24 min
        row = int(np.argmax(tenths % 5 != 0))
        raise LostDigitsError(
            row,
            f"time = {days[row]:.10g} is no open of a candle: the days have lost decimals; export "
            "the file again with that column as ISO 8601 text",
            [row, *range(row), *range(row + 1, len(days))],
        )
    odd = np.flatnonzero(seconds % MINUTE_MS)
    several = len(np.unique(seconds % MINUTE_MS)) > 1
    if several and np.median(np.abs(np.diff(seconds))) >= MINUTE_MS:
        row = int(odd[0])
        raise LostDigitsError(
            row,
            f"time = {days[row]:.10g} is {seconds[row] % MINUTE_MS / 1000:g} s beside a minute: "
            "the days have lost decimals; export the file again with that column as ISO 8601 text",
            [row, *range(row), *range(row + 1, len(days))],
        )


def _plausible(read: ReadTimes, name: str, column: pa.ChunkedArray | None = None) -> ReadTimes:
    """Times of this century; CellError where one is of another, with what `column` has there."""
    times = read.time
    outside = np.flatnonzero((times < _YEARS[0]) | (times >= _YEARS[1]))
    if not len(outside):
        return read if column is None else _to_the_nanosecond(read, column)
    row = int(outside[0])
    cell = f"{times[row]} ms" if column is None else shown(column[row].as_py())
    if len(outside) < len(times) / 2:
        remedy = "mend or remove the row"
    elif column is not None and (unit := _other_unit(number(str(column[row].as_py())))):
        remedy = f"it would be one as {unit}: write ISO 8601 or epoch seconds, ms, us or ns"
    else:
        remedy = "give open times as ISO 8601 or as epoch seconds, ms, us or ns"
        if column is not None and (told := other_calendar(str(column[row].as_py()))):
            remedy = f"{told}; {remedy}"
    told = f"{name} = {cell} is outside the years 2000 to 2100; {remedy}"
    raise CellError(row, told, outside.tolist())


def _to_the_nanosecond(read: ReadTimes, column: pa.ChunkedArray) -> ReadTimes:
    """Times that count nanoseconds in whole numbers, of which doubles lose the last digits: the
    end of a candle would be taken for the begin of the next."""
    import pyarrow as pa

    if read.naive or not len(read.time) or not number(str(column[0].as_py())) >= _NANOSECONDS:
        return read
    with suppress(pa.ArrowInvalid, pa.ArrowNotImplementedError):
        whole = integers(column.cast(pa.int64()))
        if np.min(whole) >= _NANOSECONDS:
            return read._replace(time=whole // 1_000_000)
    return read


_NANOSECONDS = 10**17
_UNITS = {
    "minutes since 1970": (MINUTE_MS, 0),
    "days since the year 0, as MATLAB counts": (DAY_MS, -719_529 * DAY_MS),
    "hours since 1970": (HOUR_MS, 0),
    "days since 1970": (DAY_MS, 0),
    "tenths of a second since 1970": (100, 0),
    "a Julian day": (DAY_MS, -2_440_587.5 * DAY_MS),
    "seconds since 2001, as Apple counts": (1000, 978_307_200_000),
    "100 ns since 1601, as Windows counts": (1e-4, -11_644_473_600_000),
}
"""Units that are named, not read, each with its milliseconds and those of its beginning: a number
may be many things."""


def _other_unit(value: float) -> str:
    """The unit in which `value` would be a time after 2010, where there is one; ""."""
    for name, (size, zero) in _UNITS.items():
        if _RECENT < value * size + zero < _YEARS[1]:
            return name
    return ""


_RECENT = 1_262_304_000_000
