"""A file of candles as a table whose columns are not yet understood."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.errors import DataError
from stoptrail.feeds.convert import number, one_line
from stoptrail.feeds.names import field_of
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


def refuse_header(sheet: Sheet, table: pa.Table, rows: NDArray[np.intp], row: int) -> None:
    """DataError where a row names prices: the rows behind it have other columns."""
    cells = [str(column[row]) for column in table.columns]
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
            same = pc.equal(pc.utf8_trim_whitespace(column), cell)
            again |= np.asarray(same.fill_null(False).to_pylist(), np.bool_)
    names = [header for header in sheet.headers if _prices_in(header) and max(wanted) < len(header)]
    for row in np.flatnonzero(again).tolist():
        cells = [str(column[row]).strip() for column in table.columns]
        if names and not any(cells == [header[i] for i in wanted] for header in names):
            refuse_header(sheet, table, np.arange(len(again)), row)
    return again


def _prices_in(header: Sequence[str]) -> bool:
    return sum(field_of(cell) is not None for cell in header) > 1
