"""What a candle file is, and what is odd about it: all of it, not only the first fault.

Gaps and candles without volume are normal on an exchange; the rest keeps the file from
being used, or is said by a run as well.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.errors import DataError
from stoptrail.core.text import number_of
from stoptrail.core.time import iso, timeframe_name
from stoptrail.feeds.checks.doubles import hour_twice, said_of_doubles
from stoptrail.feeds.checks.oddities import Oddity, oddities, unfinished, volume_unknown
from stoptrail.feeds.checks.seams import Joined, arranged, joined
from stoptrail.feeds.files import (
    MIN_CANDLES,
    PLAIN,
    Unread,
    built_note,
    built_of,
    load_file,
    parts_of,
    symbol_of_coins,
    unit_notes,
    written_at,
)
from stoptrail.feeds.layouts.markets import SeveralError
from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.feeds.parts import FilePart
from stoptrail.feeds.tables.columns import Columns, rows_of
from stoptrail.feeds.tables.faults import (
    alignment_faults,
    describe,
    order_faults,
    usual_step,
    value_faults,
)
from stoptrail.rules.candles import Times


class FileCheck(NamedTuple):
    """The result of looking through a file."""

    path: Path
    layout: str
    """What the file is: whose layout, how many files."""
    mapping: str
    """What each field is read from."""
    rows: int
    first: int
    """Open time of the earliest candle, in milliseconds."""
    last: int
    interval: int
    """Length of a candle in milliseconds, 0 where it cannot be told."""
    missing: int
    """Candles that the gaps leave out."""
    ends: tuple[str, ...]
    """First and last candle with their values."""
    notes: tuple[str, ...]
    """What a run would leave out or assume, and say."""
    findings: tuple[Oddity, ...]
    refusal: str
    """The line with which a run would refuse the file, "" where it would not."""

    @property
    def usable(self) -> bool:
        """Whether the file can be loaded."""
        return not self.refusal and not any(finding.fault for finding in self.findings)


@np.errstate(all="ignore")
def check_file(
    path: Path, interval: int | None = None, reading: Reading = PLAIN, now: int | None = None
) -> FileCheck:
    """Every gap, duplicate, impossible candle and zero-volume run of a candle file.

    `interval` is the length that the candles should have, in milliseconds; None takes
    the file's own. Raises DataError only where there is nothing to check: no such file,
    no candle columns.
    """
    clock = int(time.time() * 1000) if now is None else now
    parts, notes, unread, findings = _parts_of_one(path, reading, interval)
    findings += [Oddity("unreadable file", 1, text, True) for text in unread.files]
    findings += [Oddity("unreadable", n, text + _more(n), True) for text, n in unread.rows]
    series, seam = _series(parts)
    findings += seam
    columns = series.columns
    own = usual_step(columns.time)
    built = interval if built_of(interval, own) else None
    step = own if built else interval or own
    naive = any(part.naive for part in parts)
    findings += _faults(series, step, hour_twice(columns, series.place, local=naive))
    findings += _own_timeframe(columns, step)
    times, where = np.unique(columns.time, return_index=True)
    ordered = rows_of(columns, where)
    gaps = list(_gaps(times, step)) if step else []
    known = reading.volume == "known"
    findings += gaps
    if known and not volume_unknown(ordered):
        findings += _silent(times, ordered.volume == 0)
    findings += oddities(
        ordered,
        step,
        lambda i: series.place(int(where[i])),
        clock,
        naive=naive,
        known=known,
        symbol=symbol_of_coins(parts, reading),
        written=written_at(path),
    )
    if unfinished(times, step, clock):
        text = f"{iso(int(times[-1]))}: the last candle is not over yet; a run leaves it out"
        findings.append(Oddity("unfinished", 1, text, False))
    ends = (0, -1) if len(times) else ()
    notes = [*notes, *series.notes, *unit_notes(parts, reading)]
    return FileCheck(
        path,
        layout=_layout(parts),
        mapping=_mapping(parts[0]),
        rows=sum(len(part.columns.time) for part in parts) + sum(n for _, n in unread.rows),
        first=int(times[0]) if len(times) else 0,
        last=int(times[-1]) if len(times) else 0,
        interval=step,
        missing=sum(gap.candles for gap in gaps),
        ends=tuple(_candle(ordered, i) for i in ends),
        notes=(*notes, *([built_note(built, own)] if built else [])),
        findings=tuple(findings),
        refusal=_refusal(path, interval, reading, clock),
    )


def _parts_of_one(
    path: Path, reading: Reading, interval: int | None
) -> tuple[list[FilePart], list[str], Unread, list[Oddity]]:
    """What is read of the file, or of the first of several markets or timeframes in it."""
    unread = Unread([], [])
    try:
        return *parts_of(path, reading, interval, unread), unread, []
    except SeveralError as several:
        if several.what == "exchange":
            raise
        finding = Oddity(f"{several.what}s", 1, str(several), True)
        unread, first = Unread([], []), several.names[0]
        if several.what == "symbol":
            one = reading._replace(symbol=first)
        else:
            one = reading._replace(timeframe=first)
        return *parts_of(path, one, interval, unread), unread, [finding]


def _refusal(path: Path, interval: int | None, reading: Reading, now: int) -> str:
    """What a run says instead of loading the file."""
    try:
        load_file(path, interval, reading, now=now)
    except DataError as error:
        return str(error)
    return ""


def _series(parts: list[FilePart]) -> tuple[Joined, list[Oddity]]:
    """The candles of all parts; a seam that cannot be joined is a finding."""
    try:
        return joined(parts), []
    except DataError as error:
        one, _ = arranged(parts[0])
        return Joined(one.columns, one.place, ()), [Oddity("seam", 1, str(error), True)]


def _layout(parts: list[FilePart]) -> str:
    kinds = dict.fromkeys(f"{part.layout.name} ({part.sheet.kind})" for part in parts)
    files = f", {len(parts)} files" if len(parts) > 1 else ""
    return " and ".join(kinds) + files


def _mapping(part: FilePart) -> str:
    """Which columns the fields are read from."""
    layout, names = part.layout, part.sheet.names
    time = " and ".join(names[i] or "the first column" for i in layout.time)
    prices = ", ".join(names[i] for i in layout.prices)
    volume = "none" if layout.volume is None else f"{names[layout.volume]} ({layout.unit})"
    return f"time from {time} ({layout.stamp}), prices from {prices}, volume from {volume}"


def _candle(columns: Columns, i: int) -> str:
    values = " ".join(f"{values[i]:.10g}" for values in columns[1:])
    return f"{iso(int(columns.time[i]))} {values}"


def _faults(series: Joined, step: int, hour: str) -> Iterator[Oddity]:
    """The faults of the readable rows, by kind; `hour` tells of one that comes twice."""
    columns = series.columns
    kinds = {"impossible": value_faults(columns)}
    if hour:
        yield Oddity("summer time", 1, hour, True)
    else:
        kinds["order"] = order_faults(columns.time)
    if step:
        kinds["timeframe"] = alignment_faults(columns.time, step, timeframe_name(step))
    for kind, faults in kinds.items():
        for fault in faults:
            count = len(fault.rows)
            text = describe(columns, fault, series.place)
            yield Oddity(kind, count, text + _more(count), True)
    twice = len(columns.time) - len(np.unique(columns.time))
    if twice and not hour:
        text = said_of_doubles(columns, series.place, local=False)
        yield Oddity("duplicate", twice, text, True)


def _more(count: int) -> str:
    """What follows the first of so many rows."""
    return f" (and {count - 1:,} more)" if count > 1 else ""


def _own_timeframe(columns: Columns, step: int) -> Iterator[Oddity]:
    """Whether the candles are as long as they should be, and enough to tell."""
    count, own = len(columns.time), usual_step(columns.time)
    if count < MIN_CANDLES:
        text = f"{count} candle{'' if count == 1 else 's'}; at least {MIN_CANDLES} are needed"
        yield Oddity("timeframe", count, text, True)
    elif own != step:
        text = f"the candles are {timeframe_name(own)} apart, not {timeframe_name(step)}"
        yield Oddity("timeframe", count, text, True)


def _gaps(time: Times, step: int) -> Iterator[Oddity]:
    for i in np.flatnonzero(np.diff(time) > step):
        begin, end = int(time[i]) + step, int(time[i + 1])
        count = (end - begin) // step
        if count:
            yield Oddity("gap", count, f"{iso(begin)} to {iso(end)}: {count} missing", False)


def _silent(time: Times, zero: NDArray[np.bool_]) -> Iterator[Oddity]:
    """Runs of neighbouring candles without volume."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], zero, [False]]).astype(np.int8)))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        count = int(end - begin)
        text = f"{iso(int(time[begin]))}: {number_of(count, 'candle')} without volume"
        yield Oddity("zero volume", count, text, False)
