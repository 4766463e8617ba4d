"""Local times of a zone as UTC, and when its summer time begins and ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.time import HOUR_MS, MINUTE_MS, iso, zone_of
from stoptrail.feeds.tables.convert import CellError
from stoptrail.rules.candles import Times


def in_zone(time: Times, zone: str) -> Times:
    """Local times of `zone`, in the file's order, as UTC.

    The hour that a change of summer time doubles is the first one until times go back,
    and the second one from there. Raises CellError for a time that the zone does not have.
    """
    where = zone_of(zone)
    backwards = len(time) > 1 and bool(time[0] > time[-1])
    local = time[::-1] if backwards else time
    first, second = _offsets(local, where, 0), _offsets(local, where, 1)
    absent = np.flatnonzero(first < second)
    if len(absent):
        row = int(absent[0])
        raise CellError(
            len(time) - 1 - row if backwards else row,
            f"{iso(int(local[row]))[:-1]} does not exist in {zone}, where summer time begins "
            "then; set data.zone to the zone of the file",
        )
    out = local - first
    doubled = np.flatnonzero(first > second)
    again = False
    for k, row in enumerate(doubled.tolist()):
        if k == 0 or doubled[k - 1] != row - 1:
            again = False
        else:
            again = again or bool(local[row] <= local[row - 1])
        if again:
            out[row] = local[row] - second[row]
    return out[::-1] if backwards else out


def _offsets(local: Times, zone: tzinfo, fold: int) -> NDArray[np.int64]:
    """Milliseconds by which `zone` is ahead of UTC at local times."""
    quarter = 15 * MINUTE_MS
    keys, back = np.unique(local // quarter, return_inverse=True)
    epoch = datetime(1970, 1, 1, fold=fold)
    out = np.empty(len(keys), np.int64)
    for i, key in enumerate(keys.tolist()):
        moment = (epoch + timedelta(milliseconds=key * quarter)).replace(tzinfo=zone, fold=fold)
        offset = moment.utcoffset() or timedelta()
        out[i] = round(offset.total_seconds() * 1000)
    return out[back]


@cache
def changes(zone: str, year: int) -> list[tuple[int, int]]:
    """Local start and signed length (ms) of the hours that summer time skips (positive)
    or doubles (negative) in a year."""
    where = zone_of(zone)
    begin = round(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000)
    local = begin + np.arange(366 * 24, dtype=np.int64) * HOUR_MS
    step = _offsets(local, where, 1) - _offsets(local, where, 0)
    return [(int(local[row]), int(step[row])) for row in np.flatnonzero(step).tolist()]
