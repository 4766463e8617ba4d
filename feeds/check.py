"""What is odd about a candle file: all of it, not only the first fault.

Gaps and candles without volume are normal on an exchange; the rest keeps the file from
being used.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.errors import DataError
from stoptrail.core.time import iso, timeframe_name
from stoptrail.feeds.columns import VALUES, Columns
from stoptrail.feeds.convert import to_floats, to_milliseconds
from stoptrail.feeds.faults import (
    Fault,
    alignment_faults,
    describe,
    duplicate_faults,
    order_faults,
    usual_step,
    value_faults,
)
from stoptrail.feeds.files import MIN_CANDLES, read_table
from stoptrail.rules.candles import Times

if TYPE_CHECKING:
    import pyarrow as pa


class Finding(NamedTuple):
    """One oddity."""

    kind: str
    """gap, zero volume, or a fault: unreadable, order, duplicate, timeframe, impossible."""
    candles: int
    """How many candles it concerns."""
    text: str
    """Where and what, in one line."""
    fault: bool
    """Whether the file cannot be used because of it."""


class FileCheck(NamedTuple):
    """The result of looking through a file."""

    path: Path
    rows: int
    first: int
    """Open time of the earliest candle, in milliseconds."""
    last: int
    interval: int
    """Length of a candle in milliseconds, 0 where it cannot be told."""
    missing: int
    """Candles that the gaps leave out."""
    findings: tuple[Finding, ...]

    @property
    def usable(self) -> bool:
        """Whether the file can be loaded."""
        return not any(finding.fault for finding in self.findings)


def check_file(path: Path, interval: int | None = None) -> FileCheck:
    """Every gap, duplicate, impossible candle and zero-volume run of a candle file.

    `interval` is the length that the candles should have, in milliseconds; None takes
    the file's own. Raises DataError only where there is nothing to check: no such file,
    no candle columns.
    """
    table = read_table(path)
    columns, numbers, findings = _readable(table)
    step = interval or usual_step(columns.time)
    for kind, faults in _faults(columns, step):
        findings += [
            Finding(kind, len(fault.rows), describe(columns, fault, numbers), True)
            for fault in faults
        ]
    findings += _own_timeframe(columns, step)
    time, where = np.unique(columns.time, return_index=True)
    gaps = list(_gaps(time, step)) if step else []
    findings += [*gaps, *_silent(time, columns.volume[where] == 0)]
    first, last = (int(time[0]), int(time[-1])) if len(time) else (0, 0)
    missing = sum(gap.candles for gap in gaps)
    return FileCheck(path, table.num_rows, first, last, step, missing, tuple(findings))


def _readable(table: pa.Table) -> tuple[Columns, NDArray[np.intp], list[Finding]]:
    """The rows whose every cell is a time or a number, their places in the file, and the
    others as findings."""
    names = table.column_names
    good = np.ones(table.num_rows, np.bool_)
    findings = []
    for i, name in enumerate(names):
        for row, text in _unreadable(table.column(i), name, time=i == 0):
            if good[row]:
                findings.append(Finding("unreadable", 1, text, True))
            good[row] = False
    table = table.filter(good) if not good.all() else table
    time = to_milliseconds(table.column(0), names[0])
    values = (to_floats(table.column(1 + i), name) for i, name in enumerate(VALUES))
    return Columns(time, *values), np.flatnonzero(good), findings


def _unreadable(column: pa.ChunkedArray, name: str, *, time: bool) -> Iterator[tuple[int, str]]:
    """Row and text of each cell that cannot be converted; cell by cell only where one cannot."""
    convert = to_milliseconds if time else to_floats
    try:
        convert(column, name)
    except DataError:
        for row in range(len(column)):
            try:
                convert(column.slice(row, 1), name)
            except DataError as error:
                yield row, f"row {row + 1}: {str(error).removeprefix('row 1: ')}"


def _faults(columns: Columns, step: int) -> Iterator[tuple[str, Iterator[Fault]]]:
    """The faults of the readable rows, by kind."""
    yield "order", order_faults(columns.time)
    yield "duplicate", duplicate_faults(columns.time)
    if step:
        yield "timeframe", alignment_faults(columns.time, step, timeframe_name(step))
    yield "impossible", value_faults(columns)


def _own_timeframe(columns: Columns, step: int) -> Iterator[Finding]:
    """Whether the candles are as long as they should be, and enough to tell."""
    count, own = len(columns.time), usual_step(columns.time)
    if count < MIN_CANDLES:
        yield Finding("timeframe", count, f"{count} candles are too few", True)
    elif own != step:
        text = f"the candles are {timeframe_name(own)} apart, not {timeframe_name(step)}"
        yield Finding("timeframe", count, text, True)


def _gaps(time: Times, step: int) -> Iterator[Finding]:
    for i in np.flatnonzero(np.diff(time) > step):
        begin, end = int(time[i]) + step, int(time[i + 1])
        count = (end - begin) // step
        if count:
            yield Finding("gap", count, f"{iso(begin)} to {iso(end)}: {count} missing", False)


def _silent(time: Times, zero: NDArray[np.bool_]) -> Iterator[Finding]:
    """Runs of neighbouring candles without volume."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], zero, [False]]).astype(np.int8)))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        count = int(end - begin)
        text = f"{iso(int(time[begin]))}: {count} candle{'s' if count > 1 else ''} without volume"
        yield Finding("zero volume", count, text, False)
