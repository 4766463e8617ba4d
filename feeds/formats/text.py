"""CSV and its relatives: separator, header, and lines that are neither."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice, pairwise
from pathlib import Path
from statistics import mode
from typing import TYPE_CHECKING, NamedTuple

from stoptrail.core.errors import DataError
from stoptrail.feeds.formats.broken_rows import (
    COMMAS,
    TWO_ROWS,
    is_grouped,
    refuse_commas,
    refuse_lost_digits,
    refuse_rows_before,
)
from stoptrail.feeds.formats.clickhouse import zone_of_types
from stoptrail.feeds.formats.drawn import one_blank, unframed
from stoptrail.feeds.formats.encodings import HEAD_BYTES, decoded, whole, zero_bytes
from stoptrail.feeds.formats.ends import WORD, cells_of, cut_off, foot_of
from stoptrail.feeds.formats.levels import (
    YFINANCE,
    are_levels,
    filled,
    is_yahoo,
    of_lines,
    told_apart_by,
)
from stoptrail.feeds.formats.separators import FEWEST, separator_of
from stoptrail.feeds.layouts.strangers import what_text
from stoptrail.feeds.tables.convert import (
    NULLS,
    decimal_mark,
    doubtful_point,
    has_comma,
    number,
    one_line,
)
from stoptrail.feeds.tables.names import field_of, plain_name, zone_in
from stoptrail.feeds.tables.sheets import SAMPLE, Sheet

if TYPE_CHECKING:
    import pyarrow as pa

_REASON = 160
_POSITIONS = re.compile(r"\d{1,2}")


class _Form(NamedTuple):
    """How the text is laid out."""

    separator: str
    skipped: tuple[str, ...]
    """Lines before the header or the first row."""
    headers: tuple[tuple[str, ...], ...]
    first: int
    """Index of the line with the first row."""
    width: int
    unnamed: bool
    """Whether rows have one cell more than the header, in front."""


def text_sheet(label: str, source: Path | bytes, head: bytes) -> Sheet:
    """A sheet of a text file; DataError where it holds no table."""
    source, head = _unquoted(*decoded(source, head))
    lines = _lines(head)
    if told := what_text(next((line for line in lines if line.strip()), "")):
        raise DataError(told)
    separator = separator_of(lines)
    if separator == "|":
        source = unframed(source)
        lines = _lines(source[:HEAD_BYTES])
    if not separator:
        source, separator = one_blank(source), " "
        lines = _lines(source[:HEAD_BYTES])
    form = _form(lines, separator)
    names, markets = _names(form)
    rows = [cells_of(line, separator) for line in lines[form.first :] if line.strip()][:SAMPLE]
    rows = [row for row in rows if len(row) == form.width and tuple(row) not in form.headers]
    columns = tuple(tuple(column) for column in zip(*rows, strict=True))
    if form.unnamed and ":" in (columns[1][:1] or ("",))[0]:  # a blank between date and clock
        names = ("date", "time", *names[2:])
    before = [cells_of(line, separator) for line in form.skipped]
    refuse_commas(separator, before, columns)
    refuse_lost_digits(columns)
    refuse_rows_before([row for row in before if len(row) > FEWEST and _is_data(row)], form.width)
    count = len(before)
    notes = [f"{count} line{'s' * (count > 1)} before the header skipped"] if count else []
    notes += filter(None, [doubtful_point(columns, separator)])
    if foot := foot_of(source, separator, form.width):
        form = form._replace(skipped=(*form.skipped, foot))
        notes.append(f"the last line is no row, and skipped: {one_line(foot, 60)!r}")
    known = "CryptoDataDownload" if "cryptodatadownload" in " ".join(form.skipped).lower() else ""
    return Sheet(
        label,
        "CSV",
        names,
        columns or tuple(() for _ in range(form.width)),
        lambda wanted: _read(source, form, wanted),
        lambda row: _line_of(source, form, row),
        form.headers,
        layout=YFINANCE if is_yahoo(markets) else known,
        zone=next(filter(None, map(_zone_told, lines[: form.first])), ""),
        markets=markets,
        decimal=decimal_mark(columns, separator),
        notes=(*(() if known else notes), *cut_off(source, separator, form.width)),
    )


def _zone_told(line: str) -> str:
    """The zone that a line above the rows tells of the times, such as "# timezone: UTC+3"."""
    return zone_in(line) if _OF_ZONE.match(line) else zone_of_types(line)


_OF_ZONE = re.compile(r"\W*(time ?zone|tz|(all )?(date and )?times?( are)? in)\b", re.IGNORECASE)


def _unquoted(source: Path | bytes, head: bytes) -> tuple[Path | bytes, bytes]:
    """Source and head without the quotes around whole lines, as spreadsheets write a table that
    stands in one column."""
    lines = [line for line in _lines(head) if line.strip()][-100:]
    if sum(_inner(line) is not None for line in lines) <= len(lines) / 2:
        return source, head
    content = "\n".join(
        inner if (inner := _inner(line)) is not None else line
        for line in whole(source).decode("utf-8-sig", "replace").split("\n")
    ).encode()
    return content, content[:HEAD_BYTES]


def _inner(line: str) -> str | None:
    """What stands between the quotes of a line whose only cell is another line; None for others."""
    if not line.lstrip().startswith('"'):
        return None
    first, *rest = next(csv.reader([line.strip()]), [""])
    table = max(first.count(separator) for separator in ";\t|,") >= FEWEST
    return first if table and not any(rest) else None


def _lines(head: bytes) -> list[str]:
    cut = head if len(head) < HEAD_BYTES else head[: head.rfind(b"\n") + 1 or len(head)]
    return cut.decode("utf-8-sig", "replace").split("\n")


def _form(lines: Sequence[str], separator: str) -> _Form:
    rows = [cells_of(line, separator) for line in lines]
    full = [len(row) for row in rows if len(row) > FEWEST]
    width = mode(full[-100:]) if full else 0
    first = next((i for i, row in enumerate(rows) if len(row) == width and _is_data(row)), None)
    if first is None:
        first = _after_header(rows)
    headers = _headers(rows, first, width)
    begin = next((i for i in range(first) if tuple(rows[i]) in headers), first)
    skipped = tuple(line.rstrip("\r") for line in lines[:begin] if line.strip())
    unnamed = bool(headers) and len(headers[0]) == width - 1
    if unnamed:  # an index in front, unless all that is more is a separator at the end
        unnamed = any(row[-1] for row in rows[first:] if len(row) == width)
    return _Form(separator, skipped, headers, first, width, unnamed)


def _after_header(rows: Sequence[Sequence[str]]) -> int:
    """Where no row holds numbers: behind the line that names prices, if any."""
    for i, row in enumerate(rows):
        if _fields(row) > 1:
            return i + 1
    return next((i + 1 for i, row in enumerate(rows) if len(row) > 1), len(rows))


def _headers(rows: Sequence[Sequence[str]], first: int, width: int) -> tuple[tuple[str, ...], ...]:
    """The header lines, at most three (as many as a frame of more levels has), right before the
    first row."""
    found: list[tuple[str, ...]] = []
    for row in reversed(rows[:first]):
        if len(row) not in (width, width - 1) or len(row) <= 1 or len(found) == _LEVELS:
            if any(row):
                break
            continue
        found.insert(0, tuple(row))
    if len(found) > _USUAL and of_lines(_with_names(found)) is None:
        found = found[-_USUAL:]
    named = [i for i, row in enumerate(found) if _fields(row) > 1]
    if found and not named:
        return (found[-1],)
    return tuple(found) if named and are_levels(found) else tuple(found[i] for i in named[-1:])


_USUAL, _LEVELS = 3, 5
"""Header lines of other files, and of frames whose names have levels."""


def _with_names(lines: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """Header lines that name columns behind the first."""
    return [line for line in lines if any(line[1:])]


def _fields(row: Sequence[str]) -> int:
    """How many cells name a price."""
    return sum(field_of(cell) is not None for cell in row)


def _is_data(row: Sequence[str]) -> bool:
    """Whether most cells of a row are numbers or say that there is none."""
    if [cell for cell in row if cell] == [str(i) for i in range(len([c for c in row if c]))]:
        return False  # positions as pandas writes them for columns without names
    empty = sum(cell.lower() in NULLS for cell in row)
    values = sum(number(cell, ".") == number(cell, ".") and cell[-1:] != "m" for cell in row)
    values += sum(has_comma(cell) for cell in row)
    return values >= 1 and values + empty >= max(3, len(row) // 2)


def _names(form: _Form) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the columns, () where there are none, and their markets."""
    if not form.headers:
        return (), ()
    chosen = max(form.headers, key=_fields)
    if all(_POSITIONS.fullmatch(cell) or not cell for cell in chosen):
        return (), ()
    markets: tuple[str, ...] = ()
    names = list(chosen)
    if len(form.headers) > 1:
        named = _with_names([row for row in form.headers if row is not chosen])
        others = named[0] if named else ()
        if len(named) > 1 and (pairs := of_lines((chosen, *named))):
            fields, apart = zip(*pairs, strict=True)
            names[1:], others = list(fields), (others[0], *apart)
        index = next((row[0] for row in reversed(form.headers) if not any(row[1:])), "")
        corner = "Datetime" if plain_name(names[0]) in ("price", "ticker") else names[0]
        names[0] = index or corner
        if others:
            short = len(others) - len(names)
            names += [""] * short
            others = filled((*others, *[""] * -short), names)
            names[:], markets = told_apart_by(names, ("" if names[0] else others[0], *others[1:]))
    if form.unnamed:
        names, markets = ["", *names], ("", *markets)
    names += [""] * (form.width - len(names))
    markets += ("",) * (len(names) - len(markets))
    return tuple(names), markets if any(markets) else ()


def _read(source: Path | bytes, form: _Form, wanted: Sequence[int]) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv as arrow

    names = [str(i) for i in range(form.width)]
    chosen = [names[i] for i in wanted]
    # Threads are no quicker here, and some are left at the end of the program, which then aborts.
    options = arrow.ReadOptions(column_names=names, skip_rows=form.first, use_threads=False)
    skipped = {"", *form.skipped}

    def odd(row: arrow.InvalidRow) -> str:
        text = row.text.strip()
        return "skip" if text in skipped or text.startswith(("#", "//")) else "error"

    try:
        with _handler_unheard():
            return arrow.read_csv(
                pa.BufferReader(source) if isinstance(source, bytes) else source,
                read_options=options,
                parse_options=arrow.ParseOptions(delimiter=form.separator, invalid_row_handler=odd),
                convert_options=arrow.ConvertOptions(
                    include_columns=chosen, column_types=dict.fromkeys(names, pa.string())
                ),
            ).select(chosen)
    except (pa.ArrowException, KeyError, OSError, UnicodeError) as error:
        if "Empty CSV" in str(error):
            return pa.table({name: pa.array([], pa.string()) for name in chosen})
        raise DataError(_unreadable(source, form, str(error))) from None


@contextmanager
def _handler_unheard() -> Iterator[None]:
    """A row that is no text fails on its way to the handler, where pyarrow prints a traceback
    and goes on; what is wrong with the file is told afterwards."""
    before, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        yield
    finally:
        sys.unraisablehook = before


def _unreadable(source: Path | bytes, form: _Form, reason: str) -> str:
    """The line whose cells are too few or too many, else the reader's own words."""
    if zeros := zero_bytes(whole(source)):
        return zeros
    last = None
    for row, (line, text) in enumerate(_numbered(source, form)):
        last = (row, line, text, len(cells_of(text, form.separator)))
        if last[3] != form.width:
            break
    if last and last[3] != form.width:
        shown = one_line(repr(last[2].strip()), 60)
        if last[3] == 2 * form.width - 1:
            return f"row {last[0] + 1} (line {last[1]}) {TWO_ROWS}: {shown}"
        if last[3] < FEWEST and WORD.match(last[2]):
            return (
                f"row {last[0] + 1} (line {last[1]}) is words, {shown}: another table may begin "
                "there; give each table as a file of its own"
            )
        cells = cells_of(last[2], form.separator)
        remedy = "mend or remove the row, or fetch the file again where it was cut off"
        if last[3] > form.width and any(is_grouped(*pair) for pair in pairwise(cells)):
            remedy = COMMAS
        return (
            f"not a readable CSV file: row {last[0] + 1} (line {last[1]}) has {last[3]} cells, "
            f"the others have {form.width}: {shown}; {remedy}"
        )
    return (
        f"not a readable CSV file ({one_line(reason.splitlines()[0], _REASON)}); mend or remove "
        "the row"
    )


def _line_of(source: Path | bytes, form: _Form, wanted: int) -> int:
    rows = islice(_numbered(source, form), wanted, None)
    return next(rows, (wanted + form.first + 1, ""))[0]


def _numbered(source: Path | bytes, form: _Form) -> Iterator[tuple[int, str]]:
    """Number and text of each line that is a row."""
    stream = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    with stream:
        for number_, raw in enumerate(stream, 1):
            text = raw.decode("utf-8", "replace").rstrip("\r\n")
            bare = text.strip()
            remark = bare.startswith(("#", "//")) and text.count(form.separator) + 1 != form.width
            if number_ > form.first and bare and bare not in form.skipped and not remark:
                yield number_, text
