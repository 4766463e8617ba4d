"""Rows that have not the cells of the others: numbers whose own commas stand between the cells
(61130,99 without quotes is two of them), and rows of another table; numbers without their ends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from stoptrail.core.errors import DataError
from stoptrail.feeds.tables.names import field_of

TWO_ROWS = "is two rows, as where a file was joined to one whose last line has no end; end it there"
"""What is said of a line with the cells of two rows, of which two are one."""
_DIGITS = (2, 8)
"""Decimals of prices that are cut off."""
_LEAST = 9
"""A time and four prices, each in two cells."""


def refuse_commas(
    separator: str, before: Sequence[Sequence[str]], columns: Sequence[Sequence[str]]
) -> None:
    """DataError where rows have more cells than the header names, where every second column is
    the decimals of the one before it (prices would be cut to whole numbers), or where one is the
    last digits of it, as those behind a comma of thousands are. `before` are the lines before the
    rows that are no header of as many cells."""
    if separator != ",":
        return
    width = len(columns)
    grouped = [pair for pair in pairwise(columns) if pair[0] and all(map(is_grouped, *pair))]
    if len(grouped) >= _MANY or any(any(cell[0] == "0" for cell in rest) for _, rest in grouped):
        first, rest = grouped[0]
        raise DataError(f"{first[0]} and {rest[0]} are one number, cut at its comma: {COMMAS}")
    for line in before:
        if sum(field_of(cell) is not None for cell in line) > 2 and len(line) < width - 1:
            raise DataError(
                f"the header names {len(line)} columns, the rows have {width} cells: {COMMAS}"
            )
    if width < _LEAST or any("." in cell for column in columns for cell in column):
        return
    if all(map(_are_decimals, columns[2:_LEAST:2])):
        raise DataError(f"every second cell is the decimals of the one before it: {COMMAS}")


def is_grouped(thousands: str, rest: str) -> bool:
    """Whether two cells side by side are one number that was cut at a comma of thousands, such as
    1,234.56."""
    return bool(_THOUSANDS.fullmatch(thousands) and _REST.fullmatch(rest))


_THOUSANDS = re.compile(r"[1-9]\d{0,2}")
_REST = re.compile(r"\d{3}(\.\d*)?")
_MANY = 4
"""Pairs of columns that are no chance: the prices."""


def refuse_lost_digits(columns: Sequence[Sequence[str]]) -> None:
    """DataError where columns hold numbers such as 4.21E+04, as spreadsheets write them in a column
    that is shown so: of the prices the last digits are gone. In full (4.213758E4, as Java writes
    it) there are more of them than the exponent tells."""
    lost = [column for column in columns if column and all(map(_is_cut, column))]
    if len(lost) >= _PRICES:
        raise DataError(
            f"numbers such as {lost[-1][0]} have lost their last digits, as spreadsheets write "
            "them; export the file again with all digits"
        )


def _is_cut(cell: str) -> bool:
    found = _POWER.fullmatch(cell)
    return found is not None and len(found[1] or "") < int(found[2])


_POWER = re.compile(r"-?\d(?:[.,](\d*))?[eE]\+?(\d+)")
_PRICES = 3


def refuse_rows_before(rows: Sequence[Sequence[str]], width: int) -> None:
    """DataError where rows of numbers stand before the table, with other numbers of cells than its
    `width`: they were passed over as if they were a title."""
    if len(rows) > 1:
        raise DataError(
            f"{len(rows)} rows before the others have {len(rows[0])} cells, not {width}: another "
            "table, perhaps; give each table as a file of its own, or every row the same cells"
        )


COMMAS = (
    "commas in numbers stand between the cells too; write it with semicolons, with points as "
    "decimal marks, or with numbers in quotes"
)


def _are_decimals(cells: Sequence[str]) -> bool:
    """Whether all cells are digits of one length, some of which begin with 0."""
    lengths = {len(cell) for cell in cells}
    same = len(lengths) == 1 and _DIGITS[0] <= min(lengths) <= _DIGITS[1]
    return same and all(map(str.isdigit, cells)) and any(cell[0] == "0" for cell in cells)
