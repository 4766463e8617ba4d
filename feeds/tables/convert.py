"""Arrow columns of whatever type into times and floats."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.errors import DataError
from stoptrail.rules.candles import Floats, Times

if TYPE_CHECKING:
    import pyarrow as pa

Whole = TypeVar("Whole", int, Times)

NULLS = {"", "nan", "null", "none", "na", "n/a", "-", "--", "#n/a", "\\n", "nat", "<na>",
         "nil", ".", "(null)", "n.a.", "#n/a n/a"}  # fmt: skip
"""How files write that there is no value, in lower case."""
_SIZES = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_AROUND = re.compile(r"[\s$€£¥₿'\u2019_\u00a0\u202f\ufeff]+")
_UNIT = re.compile(r"(?:[A-Z]{3,5}\s+)?(-?[\d.,]+)(?:\s+[A-Z]{3,5})?")
"""An amount with its currency: 61130.99 USDT."""
_WRAPPED = re.compile(
    r"""/?[A-Za-z_][\w.]*\(["']?(?P<call>[^"'()]*)["']?\)/?|=?(["'])(?P<text>[^"'()]*)\2"""
)
_MILLISECONDS = re.compile(r"/Date\((\d+)[+-]\d{4}\)/")
GROUPS = re.compile(r"-?\d{1,3}(,\d{2,3})*,\d{3}(\.\d*)?")
"""Groups of thousands, or of lakhs."""
_POINTED = re.compile(r"-?\d{1,3}(\.\d{3})+(,\d*)?[kmbtKMBT]?")
_PER_MS = {"s": 0.001, "ms": 1, "us": 1_000, "ns": 1_000_000}
_SECONDS_BELOW = 10**11
_MILLISECONDS_BELOW = 10**14
_MICROSECONDS_BELOW = 10**17
_LARGEST = 1e20
_NEAREST = 0.0005
"""Milliseconds: less than a microsecond, more than what doubles of nanoseconds are off by."""
_SHOWN = 40
MONTHS = {
    word: month
    for month, words in enumerate(
        (
            *("jan gen ene", "feb fev", "mar mrt", "apr avr abr", "may mai mei mag"),
            *("jun juin giu", "jul juil lug", "aug aou ago", "sep set", "oct okt out ott"),
            *("nov", "dec dez dic"),
        ),
        1,
    )
    for word in words.split()
}
"""By the first letters, in English and its neighbours."""
OFFSETS = {
    **dict.fromkeys(("z", "utc", "gmt", "zulu"), 0),
    "est": -300,
    "edt": -240,
    "pst": -480,
    "pdt": -420,
    "cdt": -300,
    "mst": -420,
    "mdt": -360,
    "cet": 60,
    "cest": 120,
    "bst": 60,
    "msk": 180,
    "jst": 540,
    "kst": 540,
    "hkt": 480,
    "sgt": 480,
    "aest": 600,
    "aedt": 660,
}
"""Minutes ahead of UTC by abbreviation, those that mean one zone only."""


def to_floats(column: pa.ChunkedArray, name: str, decimal: str = ".") -> Floats:
    """A numeric or text column as float64, NaN where there is none; DataError, with the
    index of the row in `row`, for the first cell that is neither."""
    import pyarrow as pa

    if pa.types.is_decimal(column.type):
        column = column.cast(pa.string())  # straight to floats Arrow does not round to nearest
    if pa.types.is_float64(column.type):  # a cast would load Arrow's functions
        return _floats(column)
    if pa.types.is_float16(column.type):
        raise DataError(
            f"{name} has numbers of 16 bits, of some three digits; write it with 64 bits"
        )
    if pa.types.is_float32(column.type):
        return shortest(_values(column.fill_null(math.nan), np.float32, 4))
    try:
        return _floats(column.cast(pa.float64()))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        pass
    return _slow_floats(column, name, decimal)


def _slow_floats(column: pa.ChunkedArray, name: str, decimal: str) -> Floats:
    """Numbers as people write them: blanks, currency signs, groups of thousands, 1.5K."""
    cells = column.to_pylist()
    out = np.array([number(cell, decimal) for cell in cells], np.float64)
    bad = [
        row
        for row in np.flatnonzero(np.isnan(out)).tolist()
        if str("" if cells[row] is None else cells[row]).strip().lower() not in NULLS
    ]
    if bad:
        first = str(cells[bad[0]]).strip()
        told = f"{name} = {shown(cells[bad[0]])} is not a number; mend or remove the row"
        if not math.isnan(number(first, "." if decimal == "," else ",")):
            told = f"{name} = {shown(first)} has another decimal mark than others; write all alike"
        raise CellError(bad[0], told, bad)
    return out


class CellError(DataError):
    """A cell that cannot be understood."""

    def __init__(self, row: int, rule: str, rows: Sequence[int] = ()) -> None:
        super().__init__(f"row {row + 1}: {rule}")
        self.row = row
        """Index of the row, from 0."""
        self.rows = list(rows) or [row]
        """All rows whose cell in that column is such, `row` first."""
        self.rule = rule
        """Column, value, what is wrong, what to do."""


def bare(text: str) -> str:
    """What stands in ="...", Decimal('...'), Timestamp('...') or /Date(...)/, in plain digits."""
    if not text.isascii() and _SMALL.search(text):
        return text.strip()
    text = text.strip() if text.isascii() else unicodedata.normalize("NFKC", text).strip()
    if dated := _MILLISECONDS.fullmatch(text):
        return dated[1]
    found = _WRAPPED.fullmatch(text)
    return (found["call"] or found["text"] or "").strip() if found else text


_SMALL = re.compile("[\u2070-\u2079\u2080-\u2089\u00b2\u00b3\u00b9\u00bc-\u00be]")
"""Digits below and above the line: 0.0\u20854008 is 0.000004008 on some sites, and no 0.054008."""


class LostDigitsError(CellError):
    """A number that a program has rounded when it wrote it."""


def number(cell: Any, decimal: str = ".") -> float:
    """A cell as a number, NaN where it is none."""
    if isinstance(cell, bool):
        return float(cell)
    try:
        return float(cell)
    except (TypeError, ValueError):
        pass
    plain = bare(cell) if isinstance(cell, str) else ""
    text = _AROUND.sub("", plain)
    if decimal == ",":
        if "." in text and not _POINTED.fullmatch(text):  # a date, such as 01.03.2024
            return math.nan
        text = text.replace(".", "").replace(",", ".")
    elif GROUPS.fullmatch(text):
        text = text.replace(",", "")
    unit = _UNIT.fullmatch(plain)
    if unit and unit[1] != plain:
        return number(unit[1], decimal)
    size = _SIZES.get(text[-1:].lower(), 1.0)
    try:
        return float(text[:-1] if size > 1 else text) * size
    except ValueError:
        return math.nan


_COMMA_DECIMAL = re.compile(r"-?\d+,\d+")
_COMMA_LAST = re.compile(r"-?\d[\d. '\u00a0\u202f]*,\d+")


def has_comma(cell: str) -> bool:
    """Whether a cell is a number with a decimal comma, such as 42283,58 or 42.283,58."""
    grouped = "," in cell and bool(_POINTED.fullmatch(cell))
    return grouped or bool(_COMMA_DECIMAL.fullmatch(cell))


def decimal_mark(columns: Sequence[Sequence[str]], separator: str) -> str:
    """A comma where cells such as 42283,58 stand between other separators or in quotes, else a
    point."""
    cells = [cell for column in columns for cell in column[:50]]
    if separator == ",":  # commas stand in quotes here; 61,130 groups thousands
        commas = [cell for cell in cells if _COMMA_LAST.fullmatch(cell)]
        return "," if any(not GROUPS.fullmatch(cell) for cell in commas) else "."
    count = sum(map(has_comma, cells))
    points = sum("." in cell and "," not in cell and number(cell, ".") > 0 for cell in cells)
    return "," if count > points else "."


def doubtful_point(columns: Sequence[Sequence[str]], separator: str) -> str:
    """What to say of columns of numbers such as 61.130, which are 61130 where points group
    thousands; "" of others."""
    found = [column for column in columns if column and all(map(_THOUSANDS.fullmatch, column))]
    if separator == "," or len(found) < _PRICES:
        return ""
    return (
        f"numbers such as {found[0][0]} have a point as their decimal mark; if it groups "
        "thousands, write them without it"
    )


_THOUSANDS = re.compile(r"[1-9]\d{0,2}\.\d{3}")
_PRICES = 4


def shown(value: object) -> str:
    """A cell in a message: on one line, and cut where an unclosed quote has swallowed rows."""
    return one_line(repr(value), _SHOWN)


def one_line(text: str, limit: int) -> str:
    """At most `limit` characters, all printable, as a message may show them."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return printable if len(printable) <= limit else f"{printable[: limit - 3]}..."


def epoch_milliseconds(values: Floats) -> Times:
    """Epoch numbers of any mix of units as milliseconds: exports changed their unit in 2025."""
    if len(values) and np.min(values) >= _SECONDS_BELOW and np.max(values) < _MILLISECONDS_BELOW:
        return np.asarray(np.round(values), np.int64)
    values = np.where(np.abs(values) < _LARGEST, values, np.nan)
    size = np.abs(values)
    unit = np.select(
        [size < _SECONDS_BELOW, size < _MILLISECONDS_BELOW, size < _MICROSECONDS_BELOW],
        [1000.0, 1.0, 0.001],
        0.000_001,
    )
    # Doubles hold microseconds of this century exactly, nanoseconds not: the nearest millisecond is
    # meant, but of the last microsecond of a candle the one that it is in.
    return np.asarray(np.floor(np.nan_to_num(values) * unit + _NEAREST), np.int64)


def scaled(values: Whole, unit: str) -> Whole:
    """Times in "s", "ms", "us" or "ns" as milliseconds."""
    return values * 1000 if unit == "s" else values // int(_PER_MS[unit])


def _floats(column: pa.ChunkedArray) -> Floats:
    return _values(column.fill_null(math.nan) if column.null_count else column, np.float64)


def integers(column: pa.ChunkedArray) -> Times:
    """A column without nulls of int64, or of timestamps as the integers that they are."""
    return _values(column, np.int64)


def shortest(values: NDArray[np.float32]) -> Floats:
    """The decimals that numbers of 32 bits stand for: 61085.61, where the nearest one is
    61085.609375."""
    out = values.astype(np.float64)
    left = np.flatnonzero(np.isfinite(out))
    for digits in range(_MOST_DIGITS):
        tried = np.round(out[left] * 10.0**digits) / 10.0**digits
        same = tried.astype(np.float32) == values[left]
        out[left[same]] = tried[same]
        left = left[~same]
    return out


_MOST_DIGITS = 16


def _values(column: pa.ChunkedArray, kind: Any, width: int = 8) -> NDArray[Any]:
    """A column of values without nulls, `width` bytes each, copied. Arrow's own `to_numpy`
    imports pandas first: half a second and 30 MB that nothing else here needs."""
    parts = [
        np.frombuffer(chunk.buffers()[1], kind, len(chunk), width * chunk.offset)
        for chunk in column.chunks
        if len(chunk)
    ]
    return np.concatenate(parts) if parts else np.empty(0, kind)


def known_floats(column: pa.ChunkedArray) -> Floats:
    """A column of numbers as floats, NaN for nulls."""
    import pyarrow as pa

    if column.type not in (pa.int64(), pa.float64()):
        column = column.cast(pa.float64())
    return np.concatenate([np.empty(0), *map(_known, column.chunks)])


def _known(chunk: pa.Array) -> Floats:
    import pyarrow as pa

    kind = np.int64 if pa.types.is_int64(chunk.type) else np.float64
    filled, values = chunk.buffers()
    found = np.frombuffer(values, kind, len(chunk), 8 * chunk.offset).astype(np.float64)
    if filled is not None:
        bits = np.unpackbits(np.frombuffer(filled, np.uint8), bitorder="little")
        found[bits[chunk.offset :][: len(chunk)] == 0] = math.nan
    return found


def numbers_of(values: Floats | Times, known: NDArray[np.bool_] | None = None) -> pa.Array:
    """Numbers as they lie in memory as an Arrow array, with nulls where they are not `known`.
    Arrow's own `array` and `table` import pandas first, as `to_numpy` does."""
    import pyarrow as pa

    kind = pa.int64() if values.dtype == np.int64 else pa.float64()
    bits = None if known is None else pa.py_buffer(np.packbits(known, bitorder="little"))
    whole = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(kind, len(values), [bits, whole])


def texts_of(cells: Sequence[str]) -> pa.Array:
    """Texts as an Arrow array, without pandas too."""
    import pyarrow as pa

    written = [cell.encode("utf-8", "replace") for cell in cells]
    ends = np.cumsum([0, *map(len, written)], dtype=np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(written))]
    return pa.Array.from_buffers(pa.string(), len(cells), buffers)
