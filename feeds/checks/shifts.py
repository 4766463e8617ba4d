"""What the candles of two files say of each other's times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from stoptrail.core.text import number_of
from stoptrail.core.time import timeframe_name
from stoptrail.feeds.parts import FilePart
from stoptrail.feeds.tables.columns import Columns
from stoptrail.feeds.tables.faults import usual_step

_USUAL = 0.6
"""Share of the gaps between candles that are no larger than what is the same price."""
_WIDE = 20.0
"""Times that gap, by which candles are high where it tells anything."""
_ENOUGH = 500
"""Gaps of a file whose largest is large."""
EPOCHS = 'and data.epochs = "local" where they are epochs'
"""What is said beside data.zone: alone it is of times without an offset."""
_COMPARED = 300
_LEAST = 3
_MOST = 0.9


def said_of_seams(parts: Sequence[FilePart]) -> list[str]:
    """What to say of files, oldest first, of which one begins later than the one before ended, and
    yet at its price (its times may mean something else), or elsewhere (the one before may end with
    an unfinished candle): the first of either kind, and how many more are such."""
    late: list[str] = []
    apart: list[str] = []
    for before, after in pairwise(parts):
        one, other = before.columns, after.columns
        step = usual_step(other.time)
        if not step or other.time[0] - one.time[-1] < step:
            continue
        near = np.diff(other.time) == step
        gaps = np.abs(other.open[1:] - other.close[:-1])[near]
        jump = abs(other.open[0] - one.close[-1])
        labels = before.sheet.label, after.sheet.label
        if other.time[0] - one.time[-1] > step:
            usual = np.quantile(gaps, _USUAL)
            if jump <= usual and np.median(other.high - other.low) > _WIDE * usual:
                late.append(
                    f"{labels[1]} begins later than {labels[0]} ends, at the price where that one "
                    "ends: its times may be closes (data.stamp), or of another zone"
                )
        elif len(gaps) > _ENOUGH and jump > np.max(gaps):
            apart.append(
                f"{labels[0]} ends at {one.close[-1]:.10g}, {labels[1]} goes on at "
                f"{other.open[0]:.10g}, farther apart than any two candles of it: the last candle "
                "of the one may be unfinished, or the other one is of another market"
            )
    kinds = [kind for kind in (late, apart) if kind]
    return [
        kind[0] + (f" (and {number_of(len(kind) - 1, 'more such seam')})" if kind[1:] else "")
        for kind in kinds
    ]


def later_by(one: FilePart, other: FilePart) -> str:
    """What to say of a file that has the candles of another one at other times; "" elsewhere."""
    known = {row[1:]: row[0] for row in _rows(one.columns)}
    begin, end = (int(one.columns.time[i]) for i in (0, -1))
    rows = [row for row in _rows(other.columns) if begin <= row[0] <= end][:_COMPARED]
    found = Counter(row[0] - known[row[1:]] for row in rows if row[1:] in known)
    if not found:
        return ""
    moved, count = found.most_common(1)[0]
    if not moved or count < max(_LEAST, _MOST * (len(rows) - abs(moved) / usual_step(_of(other)))):
        return ""
    late, early = (other, one) if moved > 0 else (one, other)
    by = timeframe_name(int(abs(moved)))
    close = abs(moved) == usual_step(_of(other))
    return (
        f"{late.sheet.label} has the candles of {early.sheet.label} {by} later: "
        + ("its times are closes, or " if close else "its times are ")
        + "of another zone; write one of them anew with data convert, with "
        + ("data.stamp or " if close else "")
        + f"data.zone set ({EPOCHS})"
    )


def _of(part: FilePart) -> np.ndarray:
    return part.columns.time


def _rows(columns: Columns) -> list[tuple[float, ...]]:
    return list(zip(*(values.tolist() for values in columns), strict=True))
