"""Rows that a file holds twice: at the seams of pages and exports that were put into one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.time import iso
from stoptrail.feeds.tables.columns import Columns


def first_copies(
    columns: Columns, place: Callable[[int], str], notes: list[str]
) -> NDArray[np.bool_]:
    """Which rows, shape (n,), are not an earlier one again, with its time, prices and volume, in
    any order of the file; how many are is told in `notes`, with the `place`s of the first."""
    keep = np.ones(len(columns.time), np.bool_)
    step = np.diff(columns.time)
    if np.all(step > 0) or np.all(step < 0):
        return keep
    order = np.lexsort(columns[::-1])  # stable: of equal rows the first in the file stays first
    again = np.ones(max(len(order) - 1, 0), np.bool_)
    for values in columns:
        one, other = values[order[:-1]], values[order[1:]]
        again &= (one == other) | ((one != one) & (other != other))
    keep[order[1:][again]] = False
    if count := int(np.sum(~keep)):
        copy = int(np.argmin(keep))
        first = int(np.argmax(columns.time == columns.time[copy]))
        told = " ".join(f"{column[copy]:.10g}" for column in columns[1:])
        when = iso(int(columns.time[copy]))
        notes.append(
            f"{count} row{'s come' if count > 1 else ' comes'} again with equal values, the first "
            f"of {when}, {place(first)} and {place(copy)} ({told}): kept once"
        )
    return keep
