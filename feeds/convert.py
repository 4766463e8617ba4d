"""Arrow columns of whatever type into times and floats."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.errors import DataError
from stoptrail.core.time import time_ms
from stoptrail.rules.candles import Floats, Times

if TYPE_CHECKING:
    import pyarrow as pa

_PER_MS = {"s": 0.001, "ms": 1, "us": 1_000, "ns": 1_000_000}
_SECONDS_BELOW = 10**11
_MILLISECONDS_BELOW = 10**14
_MICROSECONDS_BELOW = 10**17
_SHOWN = 40
_ZONE = re.compile(r"(Z|[+-]\d\d:?\d\d)$")
_YEARS = (946_684_800_000, 4_102_444_800_000)
"""Open times outside 2000 to 2100 are a wrong unit or a wrong column."""


def to_floats(column: pa.ChunkedArray, name: str) -> Floats:
    """A numeric or text column as float64, NaN where null; DataError names the first bad row."""
    import pyarrow as pa

    try:
        return _floats(column.cast(pa.float64()))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(_first_bad(column, name, float, "is not a number")) from None


def to_milliseconds(column: pa.ChunkedArray, name: str) -> Times:
    """Open times as int64 milliseconds UTC.

    Accepts timestamps and dates (without a zone they are UTC), epoch numbers whose unit
    follows from each value's size (seconds, milliseconds, microseconds, nanoseconds) and
    ISO 8601 text. Raises DataError for anything else, an empty time included.
    """
    import pyarrow as pa

    if column.null_count:
        row = int(np.argmax(column.is_null().to_pylist()))
        raise DataError(f"row {row + 1}: {name} is empty; give every row its open time")
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_date(kind):
        column, kind = column.cast(pa.timestamp("ms")), pa.timestamp("ms")
    if pa.types.is_timestamp(kind):
        times = _scale(_integers(column.cast(pa.int64())), kind.unit)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        times = _from_text(column, name)
    else:
        times = epoch_milliseconds(to_floats(column, name))
    return _plausible(times, name)


def shown(value: object) -> str:
    """A cell in a message: on one line, and cut where an unclosed quote has swallowed rows."""
    return one_line(repr(value), _SHOWN)


def one_line(text: str, limit: int) -> str:
    """At most `limit` characters, all printable, as a message may show them."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return printable if len(printable) <= limit else f"{printable[: limit - 3]}..."


def epoch_milliseconds(values: Floats) -> Times:
    """Epoch numbers of any mix of units as milliseconds: exports changed their unit in 2025."""
    size = np.abs(values)
    unit = np.select(
        [size < _SECONDS_BELOW, size < _MILLISECONDS_BELOW, size < _MICROSECONDS_BELOW],
        [1000.0, 1.0, 0.001],
        0.000_001,
    )
    # Doubles hold microseconds of this century exactly; the nearest millisecond is meant.
    return np.asarray(np.round(np.nan_to_num(values) * unit), np.int64)


def _from_text(column: pa.ChunkedArray, name: str) -> Times:
    import pyarrow as pa

    try:
        return epoch_milliseconds(_floats(column.cast(pa.float64())))
    except pa.ArrowInvalid:
        pass
    zoned = bool(_ZONE.search(column[0].as_py())) if len(column) else False
    kind = pa.timestamp("us", "UTC" if zoned else None)
    try:
        return _scale(_integers(column.cast(kind).cast(pa.int64())), "us")
    except pa.ArrowInvalid:
        return _slow_times(column, name)


def _slow_times(column: pa.ChunkedArray, name: str) -> Times:
    """ISO times that Arrow does not take in one go, such as mixed zones; names the bad row."""
    out = np.empty(len(column), np.int64)
    for row, text in enumerate(column.to_pylist()):
        try:
            out[row] = time_ms(text.strip())
        except ValueError:
            raise DataError(
                f"row {row + 1}: {name} = {shown(text)} is not a time; "
                "write ISO 8601 or epoch seconds, ms, us or ns"
            ) from None
    return out


def _plausible(times: Times, name: str) -> Times:
    outside = np.flatnonzero((times < _YEARS[0]) | (times >= _YEARS[1]))
    if len(outside):
        row = int(outside[0])
        raise DataError(
            f"row {row + 1}: {name} = {times[row]} ms is outside the years 2000 to 2100; "
            "give open times as ISO 8601 or as epoch seconds, ms, us or ns"
        )
    return times


def _scale(values: Times, unit: str) -> Times:
    return values * 1000 if unit == "s" else values // int(_PER_MS[unit])


def _first_bad(column: pa.ChunkedArray, name: str, parse: type[float], rule: str) -> str:
    for row, value in enumerate(column.to_pylist()):
        try:
            if value is not None:
                parse(value)
        except (TypeError, ValueError):
            cell = "is empty" if value == "" else f"= {shown(value)} {rule}"
            return f"row {row + 1}: {name} {cell}; mend or remove the row"
    return f"column {name} has the type {column.type}, which {rule}"


def _floats(column: pa.ChunkedArray) -> Floats:
    return _values(column.fill_null(math.nan) if column.null_count else column, np.float64)


def _integers(column: pa.ChunkedArray) -> Times:
    return _values(column, np.int64)


def _values(column: pa.ChunkedArray, kind: Any) -> NDArray[Any]:
    """A column of 8-byte values without nulls, copied. Arrow's own `to_numpy` imports
    pandas first: half a second and 30 MB that nothing else here needs."""
    parts = [
        np.frombuffer(chunk.buffers()[1], kind, len(chunk), 8 * chunk.offset)
        for chunk in column.chunks
        if len(chunk)
    ]
    return np.concatenate(parts) if parts else np.empty(0, kind)
