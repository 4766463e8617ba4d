"""A file of candles as a table whose columns are not yet understood."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.errors import DataError
from stoptrail.core.time import DAY_MS
from stoptrail.feeds.tables.columns import PRICES
from stoptrail.feeds.tables.convert import NULLS, CellError, number, one_line, texts_of
from stoptrail.feeds.tables.names import CLOCKS, DATES, field_of, plain_name
from stoptrail.feeds.tables.times import read_times
from stoptrail.rules.candles import Floats

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLE = 400
"""Rows that are looked at to understand a file."""


class Sheet(NamedTuple):
    """Names, first rows, and a way to read the columns that are needed."""

    label: str
    """The file, and its place in an archive, for messages."""
    kind: str
    """CSV, Parquet, Feather, JSON or NumPy."""
    names: tuple[str, ...]
    """Of the columns; () where the file has none."""
    sample: tuple[tuple[Any, ...], ...]
    """The first rows' cells by column."""
    read: Callable[[Sequence[int]], pa.Table]
    """The columns at these positions, whole."""
    line: Callable[[int], int] | None = None
    """The line of a row (both from 1 and 0) where the file has lines."""
    headers: tuple[tuple[str, ...], ...] = ()
    """Header lines as cells: where files were joined, they come again."""
    layout: str = ""
    """Whose layout it is, where the form has told it."""
    markets: tuple[str, ...] = ()
    """The market of each column, where a second header line names them."""
    decimal: str = "."
    day: int | None = None
    """Midnight in milliseconds where times are those of one day, which the name tells."""
    notes: tuple[str, ...] = ()
    zone: str = ""
    """The zone of its times, where the file tells it beside them."""
    by_column: bool = False
    """Whether one column is read without the others."""

    def one_by_one(self, wanted: Sequence[int]) -> Any:
        """As `read`, for who asks for nothing but columns and the number of rows."""
        return OneByOne(self, wanted)

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.sample) if self.sample else len(self.names)

    def numbers(self) -> list[Floats]:
        """The sample as numbers, NaN where a cell is none."""
        return [
            np.array([number(cell, self.decimal) for cell in column], np.float64)
            for column in self.sample
        ]

    def place(self, row: int) -> str:
        """How people find a row: `row 200 (line 201)`, or `record 200` without lines."""
        if self.line is None:
            return f"{'record' if self.kind == 'JSON' else 'row'} {row + 1}"
        return f"row {row + 1} (line {self.line(row)})"


class OneByOne:
    """A table whose columns are read when they are asked for, and not kept."""

    def __init__(self, sheet: Sheet, wanted: Sequence[int]) -> None:
        self._sheet, self._wanted = sheet, wanted

    @property
    def num_rows(self) -> int:
        """How many rows it has."""
        return len(self.column(0))

    def column(self, place: int) -> pa.ChunkedArray:
        """The column at `place` among the wanted ones."""
        return_memory()
        return self._sheet.read([self._wanted[place]]).column(0)


def return_memory() -> None:
    """Arrow keeps what it has decoded with for later, which is as much as the columns are."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()


def refuse_header(sheet: Sheet, table: pa.Table, rows: NDArray[np.intp], row: int) -> None:
    """DataError where a row names prices: the rows behind it have other columns."""
    import pyarrow as pa

    texts = [column for column in table.columns if pa.types.is_string(column.type)]
    cells = [str(column[row]) for column in texts]  # a time of any size is no date in Python
    if sum(field_of(cell) is not None for cell in cells) > 1:
        raise DataError(
            f"{sheet.place(int(rows[row]))}: another header begins there, of other columns "
            f"({one_line(', '.join(cells), 80)}): give each table as a file of its own"
        )


def skipped(sheet: Sheet, again: NDArray[np.bool_], rows: NDArray[np.intp]) -> str:
    """What is said of header lines that come again."""
    count, first = int(np.sum(again)), sheet.place(int(rows[np.argmax(again)]))
    return f"{count} repeated header line{'s' * (count > 1)} skipped, the first at {first}"


def headers_again(sheet: Sheet, table: pa.Table, wanted: Sequence[int]) -> NDArray[np.bool_]:
    """Rows that repeat a header line, as joined files have them."""
    import pyarrow.compute as pc

    again = np.zeros(table.num_rows, np.bool_)
    column = table.column(1)
    for header in sheet.headers:
        cell = header[wanted[1]] if wanted[1] < len(header) else ""
        if cell:
            same = pc.equal(pc.utf8_lower(pc.utf8_trim_whitespace(column)), cell.lower())
            again |= np.asarray(same.fill_null(False).to_pylist(), np.bool_)
    names = [header for header in sheet.headers if _prices_in(header) and max(wanted) < len(header)]
    for row in np.flatnonzero(again).tolist():
        cells = [str(column[row]).strip("\ufeff \t\r").lower() for column in table.columns]
        if names and not any(cells == [header[i].lower() for i in wanted] for header in names):
            refuse_header(sheet, table, np.arange(len(again)), row)
    return again


def _prices_in(header: Sequence[str]) -> bool:
    return sum(field_of(cell) is not None for cell in header) > 1


def blank_rows(table: pa.Table) -> NDArray[np.bool_]:
    """Rows whose every cell says that there is nothing."""
    import pyarrow as pa

    blank = np.ones(table.num_rows, np.bool_)
    for column in table.columns:
        if pa.types.is_string(column.type):
            cells = column.to_pylist()
            blank &= [cell is None or cell.strip().lower() in NULLS for cell in cells]
        else:
            blank &= np.asarray(column.is_null(nan_is_null=True).to_pylist(), np.bool_)
    return blank


def column_of(cells: Sequence[object]) -> pa.ChunkedArray:
    """Cells of a sample as a column; a mixture of types as text."""
    import pyarrow as pa

    if all(isinstance(cell, str) for cell in cells):
        return pa.chunked_array([texts_of([str(cell) for cell in cells])])
    try:
        return pa.chunked_array([pa.array(list(cells))])
    except (pa.ArrowException, OverflowError):
        return pa.chunked_array([texts_of([str(cell) for cell in cells])])


OF_MARKET = re.compile(
    r"(?P<a>.+?)[-_ ./:](?:open|high|low|close|volume|vol)"
    r"|(?:\d+[a-z]?\. )?(?:open|high|low|close|volume|vol)[-_ ./:]+\(?(?P<b>[^()]+)\)?",
    re.IGNORECASE,
)
"""Names of columns that tell a market beside their field, before or behind it."""


def by_market(
    names: Sequence[str], least: int = 2
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Names and markets of columns such as BTC_open or close_ETHUSDT where these have all four
    prices of `least` or more markets; None elsewhere. The market of another column is "". One
    market alone has to be written in capitals."""
    plain, markets = list(names), [""] * len(names)
    for i, name in enumerate(names):
        if match := OF_MARKET.fullmatch(name.strip()):
            market = match["a"] or match["b"]
            if market.lower() not in _NO_MARKETS:
                plain[i] = name.strip().replace(market, "").strip("-_ ./:()")
                markets[i] = market
    whole = [
        market
        for market in dict.fromkeys(markets)
        if {field_of(plain[i]) for i, of in enumerate(markets) if market and of == market}
        >= set(PRICES)
    ]
    if len(whole) < least or (len(whole) == 1 and not whole[0].isupper()):
        return None
    return tuple(plain), tuple(of if of in whole else "" for of in markets)


_NO_MARKETS = {
    *("bid", "ask", "mid", "ha", "adj", "adjusted", "mark", "index", "price", "prev", "log"),
}


_CLOCK = re.compile(
    r"\d{1,2}:\d\d(:\d\d([.,]\d+)?)?( ?[ap]\.?m\.?)?|([01]\d|2[0-3])[0-5]\d[0-5]\d", re.IGNORECASE
)


def day_beside_clock(sheet: Sheet) -> tuple[int, int] | None:
    """Positions of a column of days and of one of times of day, told by what stands in them;
    None where there are none."""
    texts = [tuple(str(cell).strip() for cell in cells) for cells in sheet.sample]
    clocks = [i for i, cells in enumerate(texts) if cells and all(map(_CLOCK.fullmatch, cells))]
    for i, cells in enumerate(sheet.sample if clocks else ()):
        with suppress(CellError):
            days = read_times(column_of([str(cell) for cell in cells]), "day").time
            if i not in clocks and not np.any(days % DAY_MS) and not np.all(np.diff(days)):
                return i, clocks[0]
    return None


def with_clock_named(sheet: Sheet, names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of columns, those of a day and of a time of day beside it as such whatever they are
    called."""
    if found := day_beside_clock(sheet):
        for i, word, known in zip(found, ("date", "hour"), (DATES, CLOCKS), strict=True):
            if plain_name(names[i]) not in known:
                names = (*names[:i], word, *names[i + 1 :])
    return names


def day_and_clock(days_: pa.ChunkedArray, clock: pa.ChunkedArray) -> pa.ChunkedArray:
    """Date and time of day as one text; 93000 is 09:30:00, 15 beside 1230 is 00:15, and 240301 a
    day in the order that keeps the days together."""
    import pyarrow as pa

    days = [_MIDNIGHT.sub("", str(day).strip()) for day in days_.to_pylist()]
    if days and all(len(day) == _SIX and day.isdigit() for day in days):
        days = _of_six_digits(days)
    hours = [str(hour).strip() for hour in clock.to_pylist()]
    longest = max((len(hour) for hour in hours if hour.isdigit()), default=0)
    if longest > 2:
        hours = [hour.zfill(4 if longest < 5 else _SIX) for hour in hours]
    texts = [f"{day} {hour}" for day, hour in zip(days, hours, strict=True)]
    return pa.chunked_array([texts_of(texts)])


_SIX = 6
_MIDNIGHT = re.compile(r"[ T]00:00(:00(\.0+)?)?$")
"""The time of day of a date that has one of its own beside it."""


def _of_six_digits(days: list[str]) -> list[str]:
    """Days such as 240301 as 2024-03-01: year, month and day in the order that is possible for
    all and spans the fewest days."""
    tries = []
    for y, m, d in ((0, 2, 4), (4, 2, 0), (4, 0, 2)):
        spelled = [f"20{day[y : y + 2]}-{day[m : m + 2]}-{day[d : d + 2]}" for day in days]
        with suppress(ValueError):
            numbers = [date.fromisoformat(day).toordinal() for day in set(spelled)]
            tries.append((max(numbers) - min(numbers), spelled))
    return min(tries)[1] if tries else days
