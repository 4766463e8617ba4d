"""The column of times in a table that does not name it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stoptrail.core.time import MINUTE_MS
from stoptrail.feeds.tables.columns import PRICES
from stoptrail.feeds.tables.convert import CellError
from stoptrail.feeds.tables.names import field_of, is_quote, is_volume, plain_name
from stoptrail.feeds.tables.sheets import Sheet, column_of
from stoptrail.feeds.tables.times import read_times
from stoptrail.rules.candles import Floats, Times

_LEAST_EPOCH = 1e8
_FEW_STEPS = 8


class TimeColumn(NamedTuple):
    """A column that may hold the times of candles; the least one is the likeliest."""

    uneven: bool
    """Whether it is of no whole minutes, as closes and first trades are."""
    first: int
    """Its first time: of open and close the open is the earlier one."""
    column: int
    time: Times


def time_columns(sheet: Sheet, numbers: Sequence[Floats], first: int = 0) -> TimeColumn | None:
    """The likeliest column of times from `first` on; None where none is."""
    found: list[TimeColumn] = []
    for i, column in enumerate(sheet.sample[first:], first):
        try:
            time = read_times(column_of(column), "time").time
        except CellError:
            continue
        values = numbers[i][np.isfinite(numbers[i])]
        if len(time) and in_steps(time) and not (len(values) and np.min(values) < _LEAST_EPOCH):
            found.append(TimeColumn(bool(np.any(time % MINUTE_MS)), int(time[0]), i, time))
    return min(found, key=lambda each: each[:3], default=None)


def in_steps(time: Times) -> bool:
    """Whether times come in steps, as candles open: most distances are one and the same."""
    steps = np.diff(np.sort(time))
    if len(steps) < _FEW_STEPS:
        return True
    _, counts = np.unique(steps[steps > 0], return_counts=True)
    return bool(len(counts) and np.max(counts) > len(steps) / 4)


def name_the_time(sheet: Sheet, numbers: Sequence[Floats]) -> str:
    """How to name the columns of a table that names its prices but not its times; "" where it does
    not name those, or has no times."""
    names = [field_of(name) or "-" for name in sheet.names]
    if sorted(name for name in names if name != "-") != sorted(PRICES):
        return ""
    if (found := time_columns(sheet, numbers)) is None or names[found.column] != "-":
        return ""
    names[found.column] = "time"
    amounts = [i for i, name in enumerate(sheet.names) if is_volume(name) and names[i] == "-"]
    for i in sorted(amounts, key=lambda i: is_quote(plain_name(sheet.names[i])))[:1]:
        names[i] = "volume"
    name = sheet.names[found.column] or "one without a name"
    return (
        f"no column timestamp, but {name} holds times: "
        f"name the columns as they come, --set data.columns={','.join(names)}; times are then "
        "opens in UTC unless data.stamp and data.zone say otherwise"
    )
