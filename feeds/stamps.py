"""Open times in UTC from what stands in a file: of which zone, and of the open or the close."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from stoptrail.core.errors import DataError
from stoptrail.core.time import timeframe_name, zone_of
from stoptrail.feeds.convert import CellError
from stoptrail.feeds.faults import usual_step
from stoptrail.feeds.layouts import Layout, Reading
from stoptrail.feeds.names import plain_name
from stoptrail.feeds.orders import MOST
from stoptrail.feeds.positions import column_of
from stoptrail.feeds.sheets import Sheet
from stoptrail.feeds.times import in_zone, read_times
from stoptrail.rules.candles import Times

_ZONE_NAMES = ("timezone", "tz", "tzname", "zone")


class Stamps(NamedTuple):
    """The times of a sheet as they stand there."""

    time: Times
    naive: bool
    """Whether they have no offset and are no epoch numbers."""
    layout: Layout
    sheet: Sheet
    place: Callable[[int], str]
    """Where in the file a row stands."""

    @property
    def name(self) -> str:
        """What the column of times is called."""
        return self.sheet.names[self.layout.time[0]]


def zone_beside(sheet: Sheet, names: Sequence[str]) -> str:
    """The zone that the file tells beside its times: in a column, or in what wraps the rows."""
    for name, column in zip(names, sheet.sample, strict=False):
        words = {cell.strip() for cell in column if isinstance(cell, str)}
        if plain_name(name) in _ZONE_NAMES and len(words) == 1 and _is_zone(word := words.pop()):
            return word
    return sheet.zone if _is_zone(sheet.zone) else ""


def _is_zone(word: str) -> bool:
    try:
        zone_of(word)
    except ValueError:
        return False
    return bool(word)


def opened(stamps: Stamps, reading: Reading, notes: list[str]) -> Times:
    """Open times in UTC; what had to be assumed is told in `notes`. Raises DataError where the
    zone has to be given."""
    time, layout = stamps.time, stamps.layout
    if stamps.naive:
        time = _zoned(stamps, reading, notes)
    stamp = reading.stamp if reading.stamp != "auto" else layout.stamp
    if reading.stamp == "auto" and stamp == "open" and (_is_close(stamps) or _ends(time)):
        stamp = "close"
    if stamp == "open" or not len(time):
        return time
    time = np.where(time % 1000 == 999, time + 1, time)
    time = np.where(time % 60_000 == 59_000, time + 1000, time)
    step = usual_step(time)
    if reading.stamp == "auto":
        notes.append(
            f"{stamps.name} is the close of a candle: each opens {timeframe_name(step)} earlier"
        )
    return time - step


def _zoned(stamps: Stamps, reading: Reading, notes: list[str]) -> Times:
    time, known, sheet = stamps.time, stamps.layout.zone, stamps.sheet
    zone = reading.zone or (known if "/" in known and _is_zone(known) else sheet.zone)
    if zone:
        if not reading.zone and zone.upper() not in ("UTC", "GMT"):
            notes.append(f"the times are of {zone}, as the file says")
        try:
            return in_zone(time, zone)
        except CellError as error:
            raise DataError(f"{stamps.place(error.row)}: {error.rule}") from None
    if known and known != "UTC":
        raise DataError(
            f"the times are not of UTC ({stamps.name}, {stamps.layout.name}); set data.zone to "
            'their zone, such as "Europe/Berlin", or to "UTC"'
        )
    if not known and len(time):
        notes.append("the times have no zone: taken as UTC; if they are local, set data.zone")
    return time


def _ends(time: Times) -> bool:
    """Whether every time is the last second or millisecond of a minute: no candle opens there."""
    last = (time % 60_000 == 59_000) | (time % 60_000 == 59_999)
    return bool(len(time) and np.all(last))


def _is_close(stamps: Stamps) -> bool:
    """Whether the time is that of the close column beside it."""
    layout, sheet = stamps.layout, stamps.sheet
    if layout.close_time is None or len(layout.time) != 1 or not len(stamps.time):
        return False
    try:
        both = [
            read_times(column_of(sheet.sample[i]), "time").time
            for i in (layout.time[0], layout.close_time)
        ]
    except DataError:
        return False
    return bool(np.mean(np.abs(both[0] - both[1]) <= 1000) >= MOST)
