"""The end of a text: a last line that is no row, and one that was cut off."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from stoptrail.feeds.tables.convert import number, one_line

WORD = re.compile(r"\W*(\d+ )?[A-Za-z]{3}")
"""How a line of words begins, as "Downloaded from" and "400 rows" do."""
_FEWEST = 4
_BYTES = 4096
_LINES = 8
"""Lines above the last one that tell how long a cell is."""
_RARELY = 0.05


def cells_of(line: str, separator: str) -> list[str]:
    """The cells of a line, without blanks around them."""
    row = next(csv.reader([line.rstrip("\r").replace("\r", " ")], delimiter=separator), [])
    return [cell.strip() for cell in row]


def foot_of(source: Path | bytes, separator: str, width: int) -> str:
    """The last line where it is words, such as "Downloaded from ..."; "" where it is a row."""
    last = _tail(source).rstrip("\0 \t\r\n").rpartition("\n")[2].strip()
    words = bool(WORD.match(last)) or last == "\\."  # which ends PostgreSQL's copy
    return last if words and len(cells_of(last, separator)) < min(_FEWEST, width) else ""


def cut_off(source: Path | bytes, separator: str, width: int) -> tuple[str, ...]:
    """What to say of a last line without an end whose last cell is shorter than nearly all above
    it: 426 where 42689.99 was to be written is a price too. () of other ends."""
    tail = _tail(source)
    if tail.endswith(("\n", "\r")):
        return ()
    rows = [cells_of(line, separator) for line in tail.split("\n")[1:] if line.strip()]
    ends = [row[-1] for row in rows if len(row) == width and number(row[-1]) == number(row[-1])]
    if len(ends) <= _LINES or ends[-1] != rows[-1][-1]:
        return ()
    lengths = _lengths(ends)
    if sum(length <= lengths[-1] for length in lengths[:-1]) > _RARELY * (len(lengths) - 1):
        return ()
    return (
        f"the last line has no end, and its last cell ({one_line(ends[-1], 30)}) is shorter than "
        "those above it: the file may be cut off there; fetch it again, or remove that line",
    )


def _lengths(cells: Sequence[str]) -> list[int]:
    """Decimals of each cell where any has some, else digits: a number may end in zeros that are
    not written, but not often in two."""
    decimals = [len(cell.replace(",", ".").partition(".")[2]) for cell in cells]
    return decimals if any(decimals) else [len(cell) for cell in cells]


def _tail(source: Path | bytes) -> str:
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as stream:
        stream.seek(0, io.SEEK_END)
        stream.seek(max(0, stream.tell() - _BYTES))
        return stream.read().decode("utf-8", "replace")
