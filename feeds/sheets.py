"""A file of candles as a table whose columns are not yet understood."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stoptrail.feeds.convert import number
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
