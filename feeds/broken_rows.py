"""Rows that have not the cells of the others: numbers whose own commas stand between the cells
(61130,99 without quotes is two of them), and rows of another table."""

from __future__ import annotations

from collections.abc import Sequence

from stoptrail.core.errors import DataError
from stoptrail.feeds.names import field_of

TWO_ROWS = "is two rows, as where a file was joined to one whose last line has no end; end it there"
"""What is said of a line with the cells of two rows, of which two are one."""
_DIGITS = (2, 8)
"""Decimals of prices that are cut off."""
_LEAST = 9
"""A time and four prices, each in two cells."""


def refuse_commas(
    separator: str, before: Sequence[Sequence[str]], columns: Sequence[Sequence[str]]
) -> None:
    """DataError where rows have more cells than the header names, or where every second column is
    the decimals of the one before it: prices would be cut to whole numbers. `before` are the
    lines before the rows that are no header of as many cells."""
    if separator != ",":
        return
    width = len(columns)
    for line in before:
        if sum(field_of(cell) is not None for cell in line) > 2 and len(line) < width - 1:
            raise DataError(
                f"the header names {len(line)} columns, the rows have {width} cells: {_REMEDY}"
            )
    if width < _LEAST or any("." in cell for column in columns for cell in column):
        return
    if all(map(_are_decimals, columns[2:_LEAST:2])):
        raise DataError(f"every second cell is the decimals of the one before it: {_REMEDY}")


def refuse_rows_before(rows: Sequence[Sequence[str]], width: int) -> None:
    """DataError where rows of numbers stand before the table, with other numbers of cells than its
    `width`: they were passed over as if they were a title."""
    if len(rows) > 1:
        raise DataError(
            f"{len(rows)} rows before the others have {len(rows[0])} cells, not {width}: another "
            "table, perhaps; give each table as a file of its own, or every row the same cells"
        )


_REMEDY = (
    "commas in numbers stand between the cells too; write it with semicolons, with points as "
    "decimal marks, or with numbers in quotes"
)


def _are_decimals(cells: Sequence[str]) -> bool:
    """Whether all cells are digits of one length, some of which begin with 0."""
    lengths = {len(cell) for cell in cells}
    same = len(lengths) == 1 and _DIGITS[0] <= min(lengths) <= _DIGITS[1]
    return same and all(map(str.isdigit, cells)) and any(cell[0] == "0" for cell in cells)
