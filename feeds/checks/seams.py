"""Order of candles, and the seams where files were joined.

A candle that comes twice with equal values is kept once. With other values, the finished
copy is kept where it can be known which one that is; else both are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.errors import DataError
from stoptrail.core.text import number_of
from stoptrail.core.time import DAY_MS, HOUR_MS, iso, timeframe_name
from stoptrail.feeds.checks.shifts import later_by, said_of_seams
from stoptrail.feeds.parts import FilePart
from stoptrail.feeds.tables.columns import Columns, rows_of
from stoptrail.feeds.tables.faults import usual_step
from stoptrail.feeds.tables.zones import changes
from stoptrail.rules.candles import Times

Places = NDArray[np.intp]

SUMMER_ZONES = (
    *("Europe/Berlin", "Europe/London", "America/New_York", "America/Chicago"),
    *("America/Los_Angeles", "Australia/Sydney"),
)
"""Zones whose changes of summer time are looked for in times that have none."""
_SURE = 10
"""Candles of a file, at least, whose distances tell a timeframe: a day of a thin market has gaps
all over."""
_JUMP = 0.5
"""Relative change from a close to the next open that no market makes between neighbours."""
_FAR_JUMP = 4.0
"""The same as a factor where candles are missing between the two."""


class Joined(NamedTuple):
    """Candles of one or more files, oldest first."""

    columns: Columns
    place: Callable[[int], str]
    """Where a candle stands in its file."""
    notes: tuple[str, ...]


def arranged(part: FilePart) -> tuple[FilePart, list[str]]:
    """A part with its candles oldest first, where it can be told how they are ordered.

    Newest first is turned round; runs that do not overlap (months joined in another
    order) are put in order. Anything else stays as it is.
    """
    time = part.columns.time
    step = np.diff(time)
    if not len(step) or np.all(step >= 0):
        return part, []
    if np.all(step <= 0):
        return _taken(part, np.arange(len(time))[::-1]), ["newest first: turned round"]
    order = _by_runs(time, step)
    if order is None:
        return part, []
    return _taken(part, order), ["its stretches are not in the order of time: put in order"]


def _taken(part: FilePart, order: Places) -> FilePart:
    return part._replace(columns=rows_of(part.columns, order), rows=part.rows[order])


def _by_runs(time: Times, step: Times) -> Places | None:
    """The order that sorts whole runs, None where runs overlap."""
    falling = int(np.sum(step < 0)) > len(step) / 2
    breaks = np.flatnonzero(step > 0 if falling else step < 0) + 1
    runs = np.split(np.arange(len(time)), breaks)
    if falling:
        runs = [run[::-1] for run in runs]
    runs.sort(key=lambda run: int(time[run[0]]))
    for before, after in pairwise(runs):
        if time[before[-1]] >= time[after[0]] or len(before) < 2 or len(after) < 2:
            return None
    return np.concatenate(runs)


def joined(parts: Sequence[FilePart]) -> Joined:
    """The candles of all parts in order, each once; DataError at a seam that cannot be."""
    notes: list[str] = []
    ready = []
    for part in parts:
        own, more = arranged(part)
        prefix = f"{part.sheet.label}: " if len(parts) > 1 else ""
        notes += [f"{prefix}{note}" for note in (*part.notes, *more)]
        ready.append(own)
    if len(ready) == 1:
        return Joined(ready[0].columns, ready[0].place, tuple(notes))
    notes += [f"{one.sheet.label}: holds no candle" for one in ready if not len(one.columns.time)]
    ready = [part for part in ready if len(part.columns.time)] or ready[:1]
    ready.sort(key=lambda part: int(part.columns.time[0]) if len(part.columns.time) else 0)
    _same_length(ready)
    every, rows, place = _together(ready)
    _same_price_level(ready)
    notes = [*_grouped(notes, len(parts)), *said_of_seams(ready)]
    keep = _once(ready, every, rows, place, notes)
    rows = rows[:, keep]
    return Joined(
        rows_of(every, keep),
        lambda i: place(int(rows[0][i]), int(rows[1][i])),
        tuple(notes),
    )


def _together(parts: Sequence[FilePart]) -> tuple[Columns, Places, Callable[[int, int], str]]:
    """All candles sorted by time, with their part and place in it, shape (2, n)."""
    columns = [np.concatenate(column) for column in zip(*(p.columns for p in parts), strict=True)]
    which = np.repeat(np.arange(len(parts)), [len(part.columns.time) for part in parts])
    within = np.concatenate([np.arange(len(part.columns.time)) for part in parts])
    order = np.argsort(columns[0], kind="stable")
    every = rows_of(Columns(*columns), order)

    def place(part: int, row: int) -> str:
        return f"{parts[part].sheet.label} {parts[part].place(row)}"

    return every, np.stack([which[order], within[order]]), place


def _same_length(parts: Sequence[FilePart]) -> None:
    sure = [part for part in parts if len(part.columns.time) > _SURE]
    steps = {usual_step(part.columns.time): part for part in sure}
    if len(steps) > 1:
        (one, first), (other, second) = list(steps.items())[:2]
        raise DataError(
            f"{first.sheet.label} holds candles of {timeframe_name(one)}, {second.sheet.label} of "
            f"{timeframe_name(other)}; join files of one timeframe"
        )


def _same_price_level(parts: Sequence[FilePart]) -> None:
    """DataError where the price at a seam says that two files are of two markets."""
    for before, after in pairwise(parts):
        last, first = float(before.columns.close[-1]), float(after.columns.open[0])
        if not last > 0 or not first > 0:
            continue
        gap = int(after.columns.time[0] - before.columns.time[-1])
        factor = max(last / first, first / last)
        near = gap <= 2 * usual_step(before.columns.time)
        if factor > (1 + _JUMP if near else _FAR_JUMP) and 0 < gap < 90 * DAY_MS:
            raise DataError(
                f"{before.sheet.label} ends at {last:g}, {after.sheet.label} begins at {first:g}: "
                "two markets; give each its own --data"
            )


def _once(
    parts: Sequence[FilePart],
    every: Columns,
    rows: Places,
    place: Callable[[int, int], str],
    notes: list[str],
) -> NDArray[np.bool_]:
    """Which of the sorted candles are kept."""
    keep = np.ones(len(every.time), np.bool_)
    again = np.flatnonzero(np.diff(every.time) == 0)
    equal = finished = 0
    for i in again.tolist():
        first, second = i, i + 1
        while not keep[first]:
            first -= 1
        if every.time[first] != every.time[second]:
            continue
        if not _alike(every, first, second):
            better = _finished_of(parts, every, rows, first, second)
            if better is None:
                two = [parts[int(rows[0][k])] for k in (first, second)]
                if two[0] is not two[1] and (told := later_by(*two)):
                    raise DataError(told)
                told = two_candles(every, first, second, lambda k: place(*rows[:, k]))
                raise DataError(_of_two_markets(told, *two))
            keep[first if better == second else second] = False
            finished += 1
            continue
        keep[second] = False
        equal += 1
    if equal:
        notes.append(
            f"{number_of(equal, 'candle is', 'candles are')} in two files with equal values: "
            "kept once"
        )
    if finished:
        notes.append(
            f"{number_of(finished, 'candle is', 'candles are')} in two files, once as the "
            "unfinished last one: the finished one kept"
        )
    return keep


def _of_two_markets(told: str, one: FilePart, other: FilePart) -> str:
    """`told` of the first candle that two files have with other values, where most that they share
    are such."""
    times, mine, yours = np.intersect1d(one.columns.time, other.columns.time, return_indices=True)
    pairs = zip(one.columns[1:5], other.columns[1:5], strict=True)
    differ = np.any([a[mine] != b[yours] for a, b in pairs], axis=0)
    count = int(np.sum(differ))
    if one is other or "two markets" in told or count < max(_SURE, len(times) / 2):
        return told
    head = told.partition(" (open high low")[0]
    return (
        f"{head}; {count} of {len(times)} candles that the files share have other prices: two "
        "markets or exchanges; give each its own --data, or leave one out"
    )


def _alike(every: Columns, first: int, second: int) -> bool:
    return all(
        values[first] == values[second] or (np.isnan(values[first]) and np.isnan(values[second]))
        for values in every[1:]
    )


def _finished_of(
    parts: Sequence[FilePart], every: Columns, rows: Places, first: int, second: int
) -> int | None:
    """The finished one of two copies: the other is the last of its file, where this one has
    successors, and all that it holds is within this one's."""
    if rows[0][first] == rows[0][second]:
        return None
    for one, other in ((first, second), (second, first)):
        last = [
            int(rows[1][k]) == len(parts[int(rows[0][k])].columns.time) - 1 for k in (one, other)
        ]
        within = (
            every.open[one] == every.open[other]
            and every.high[one] <= every.high[other]
            and every.low[one] >= every.low[other]
            and not every.volume[one] > every.volume[other]
        )
        if last[0] and not last[1] and within:
            return other
    return None


def two_candles(columns: Columns, first: int, second: int, place: Callable[[int], str]) -> str:
    """Both copies of a candle, how they differ, and what to do about it."""
    both = [
        f"{place(i)}: " + " ".join(f"{columns[k][i]:.10g}" for k in range(1, 6))
        for i in (first, second)
    ]
    head = f"the candle {iso(int(columns.time[first]))} comes twice, {both[0]} and {both[1]}"
    told = [name for name, values in zip(columns._fields[1:], columns[1:], strict=True)
            if values[first] != values[second]]  # fmt: skip
    less = _unfinished(columns, first, second)
    ratio = columns.close[first] / columns.close[second]
    if max(ratio, 1 / ratio) > 1 + _JUMP:
        return f"{head} (open high low close volume): two markets; give each its own --data"
    hint = "which of them is right the file does not tell"
    if less is not None:
        hint = f"{place(less)} looks unfinished (less volume, within the other): remove that one"
    return f"{head} (open high low close volume); they differ in {', '.join(told)}: {hint}"


def _unfinished(columns: Columns, first: int, second: int) -> int | None:
    for one, other in ((first, second), (second, first)):
        if (
            columns.volume[one] < columns.volume[other]
            and columns.open[one] == columns.open[other]
            and columns.high[one] <= columns.high[other]
            and columns.low[one] >= columns.low[other]
            and _goes_on(columns, other, one)
        ):
            return one
    return None


def _goes_on(columns: Columns, whole: int, part: int) -> bool:
    """Whether the next candle opens as near to the close of `whole` as to that of `part`, the
    other copy: a longer candle among these holds it too, and goes elsewhere."""
    time = columns.time
    behind = np.flatnonzero(time > time[whole])
    if not len(behind):
        return True
    opens = columns.open[behind[np.argmin(time[behind])]]
    return bool(abs(columns.close[whole] - opens) <= abs(columns.close[part] - opens))


def doubled_hours(time: Times) -> tuple[int, str] | None:
    """The first candle of an hour that comes twice, as local times have it in autumn, and a
    zone where that is so. `time` as in the file, oldest or newest first."""
    step = np.diff(time)
    falling = int(np.sum(step < 0)) > len(step) / 2
    for i in (np.flatnonzero(step > 0 if falling else step < 0) + 1).tolist():
        if abs(time[i - 1] - time[i]) >= 2 * HOUR_MS:
            continue
        zone = _zone_that(int(min(time[i - 1], time[i])), doubled=True)
        if zone:
            return i, zone
    return None


def skipped_hours(time: Times, step: int) -> list[tuple[int, str]]:
    """Index of each candle before an hour that local times would skip in spring, which is
    missing here, with a zone where that is so. `time` oldest first. None where such hours are
    missing at other times as well, as of a thin market."""
    at = np.flatnonzero(np.diff(time) == HOUR_MS + step).tolist()
    found = []
    for i in at:
        zone = _zone_that(int(time[i]) + step, doubled=False)
        if zone:
            found.append((i, zone))
    return found if 2 * len(found) >= len(at) else []


def _zone_that(local: int, *, doubled: bool) -> str:
    """A zone that doubles (or skips) the hour of a local time, "" where none does."""
    year = int(iso(local)[:4])
    for zone in SUMMER_ZONES:
        for start, length in changes(zone, year):
            if (length < 0) == doubled and start <= local < start + HOUR_MS:
                return zone
    return ""


def _grouped(notes: Sequence[str], files: int) -> list[str]:
    """One line for a note that many files share."""
    texts = [note.partition(": ")[2] for note in notes]
    out: list[str] = []
    for note, text in zip(notes, texts, strict=True):
        count = texts.count(text) if text else 1
        line = f"{text} (in {count} of {files} files)" if count > 1 else note
        if line not in out:
            out.append(line)
    return out
