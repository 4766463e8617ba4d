"""Open times in UTC from what stands in a file: of which zone, and of the open or the close."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Literal, NamedTuple

import numpy as np

from stoptrail.core.errors import DataError
from stoptrail.core.time import DAY_MS, HOUR_MS, MINUTE_MS, iso, timeframe_name, zone_of
from stoptrail.feeds.layouts.late import on_the_grid
from stoptrail.feeds.layouts.orders import MOST
from stoptrail.feeds.layouts.recognise import Layout, Reading
from stoptrail.feeds.layouts.signatures import METATRADER_5
from stoptrail.feeds.tables.convert import NULLS, OFFSETS, CellError, number, one_line, shown
from stoptrail.feeds.tables.faults import usual_step
from stoptrail.feeds.tables.names import plain_name, time_name, zone_in
from stoptrail.feeds.tables.sheets import Sheet, column_of
from stoptrail.feeds.tables.times import read_times
from stoptrail.feeds.tables.zones import in_zone
from stoptrail.rules.candles import Times

_ZONE_NAME = re.compile(
    "(timezone|tz|tzname|zone|timezoneoffset|(utc|gmt|tz)off(set)?)(s|sec|seconds|m|min|minutes|h|hours|hrs)?"
)
_SURE_NAME = re.compile("timezone.*|(utc|gmt|tz)off.*")
"""Names of a column that holds nothing else."""


_OWN_ZONE = re.compile(r"[+-]\d\d:\d\d|[A-Z][A-Za-z]+/[A-Za-z_/]+")
"""A zone by what it is, whatever its column is called."""


class Stamps(NamedTuple):
    """The times of a sheet as they stand there."""

    time: Times
    naive: bool
    """Whether they have no offset and are no epoch numbers."""
    layout: Layout
    sheet: Sheet
    place: Callable[[int], str]
    """Where in the file a row stands."""
    ends: str = ""
    """A time that is written as the end of a day, 24:00."""

    @property
    def name(self) -> str:
        """What the column of times is called."""
        return self.sheet.names[self.layout.time[0]]


def zone_behind(sheet: Sheet) -> str:
    """The zone that stands behind each time, or in what wraps the rows; "" without one."""
    for column in sheet.sample:
        words = (cell.strip() for cell in column if isinstance(cell, str))
        behind = (found[1] if (found := _BEHIND.search(word)) else "" for word in words)
        first = next(behind, "")
        if _is_zone(first) and all(other == first for other in behind):
            return first
    return sheet.zone if _is_zone(sheet.zone) else ""


_BEHIND = re.compile(r"\d\S* ?\[?([A-Z][A-Za-z]+/[A-Za-z_/]+)\]?$")
"""A zone behind a time, as Interactive Brokers (a blank) and Java (brackets) write it."""


def as_headed(layout: Layout, sheet: Sheet, reading: Reading) -> Layout:
    """The layout with what the file's own name of the time says: its zone and, where the user
    named the columns anew, its stamp."""
    names = [sheet.names[i] for i in layout.time if i < len(sheet.names)]
    stamps = [told.stamp for told in map(time_name, names) if told]
    close = bool(reading.columns) and "close" in stamps
    return layout._replace(
        zone=layout.zone or next(filter(None, map(zone_in, names)), ""),
        stamp="close" if close else layout.stamp,
    )


def with_zones(sheet: Sheet, names: Sequence[str], layout: Layout) -> Layout:
    """The layout with the column that tells each row's zone, where there is one; a zone that has
    to be asked for where its words are not understood."""
    for i, (name, cells) in enumerate(zip(names, sheet.sample, strict=False)):
        plain, words = plain_name(name), _words(cells)
        told = bool(words) and all(_OWN_ZONE.fullmatch(word) and _is_zone(word) for word in words)
        named = bool(_ZONE_NAME.fullmatch(plain)) or told
        if not named or not words or i in (*layout.time, *layout.prices):
            continue
        sure = told or bool(_SURE_NAME.fullmatch(plain))
        counted = any(number(word) == number(word) for word in words)
        turned = plain.startswith("timezoneoff") and any(number(word) for word in words)
        if all(_zones(words)) and (sure or not counted) and not turned:
            return layout._replace(zoned=i)
        if sure and not layout.zone:  # JavaScript's timezoneOffset counts the other way round
            return layout._replace(zone="local")
    return layout._replace(zone=layout.zone or "local") if sheet.zone == "local" else layout


def _words(cells: Sequence[object]) -> list[str]:
    """What stands in a column, each once."""
    words = dict.fromkeys("" if cell is None else str(cell).strip() for cell in cells)
    return [word for word in words if word.lower() not in NULLS]


def _zones(words: Sequence[str]) -> list[str]:
    """Zones that words, or hours, minutes or seconds ahead of UTC, stand for; "" for none."""
    sizes = [abs(number(word)) for word in words if not _SIGNED.fullmatch(word)]
    largest = max((size for size in sizes if size == size), default=0.0)
    unit = 60.0 if largest <= _FARTHEST else 1.0 if largest <= _FARTHEST * 60 else 1 / 60
    return [_zone(word, unit) for word in words]


_FARTHEST = 14
_SIGNED = re.compile(r"[+-]\d{4}")


def _zone(word: str, unit: float) -> str:
    minutes = number(word) * unit
    if _SIGNED.fullmatch(word) or minutes != minutes:
        offset = OFFSETS.get(word.lower())
        return (word if _is_zone(word) else "") if offset is None else _offset(offset)
    return _offset(round(minutes)) if minutes % 15 == 0 and abs(minutes) <= _FARTHEST * 60 else ""


def _offset(minutes: int) -> str:
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def of_rows(stamps: Stamps, words: Sequence[str], notes: list[str]) -> Times:
    """Local times in UTC, each by the zone that its row tells, which is said. Raises DataError
    for a row that tells none."""
    time, told = stamps.time.copy(), list(dict.fromkeys(words))
    for word, zone in zip(told, _zones(told), strict=True):
        rows = np.flatnonzero([one == word for one in words])
        if not zone:
            raise DataError(f"{stamps.place(int(rows[0]))}: {word!r} is no zone; set data.zone")
        try:
            time[rows] = in_zone(time[rows], zone)
        except CellError as error:
            raise DataError(f"{stamps.place(int(rows[error.row]))}: {error.rule}") from None
    if zones := [zone for zone in _zones(told) if zone_of(zone) != UTC]:
        notes.append(f"the times are of {one_line(', '.join(zones), 60)}, as the file says")
    return time


def _is_zone(word: str) -> bool:
    try:
        zone_of(word)
    except ValueError:
        return False
    return bool(word)


def opened(stamps: Stamps, reading: Reading, notes: list[str]) -> Times:
    """Open times in UTC; what had to be assumed is told in `notes`. Raises DataError where the
    zone has to be given."""
    layout = stamps.layout
    time = on_the_grid(stamps.time, _told(stamps, reading), notes)
    if stamps.naive:
        time = _zoned(stamps._replace(time=time), reading, notes)
    else:
        time = _of_epochs(stamps._replace(time=time), reading, notes)
    stamp = reading.stamp if reading.stamp != "auto" else layout.stamp
    if stamps.ends and reading.stamp == "auto" and stamp == "open":
        raise DataError(
            f"{stamps.name} = {shown(stamps.ends)} is the end of a day: the times seem to be those "
            'of closes; set data.stamp to "close", or to "open"'
        )
    if reading.stamp == "auto" and stamp == "open" and (_is_close(stamps) or _ends(time)):
        stamp = "close"
    if stamp == "open" or not len(time):
        if reading.stamp == "auto" and (told := _as_closes(stamps, time)):
            notes.append(told)
        return time
    time = np.where(time % 1000 == 999, time + 1, time)
    time = np.where(time % 60_000 == 59_000, time + 1000, time)
    step = usual_step(time)
    if step > MINUTE_MS and np.all(time % step == step - MINUTE_MS):
        time = time + MINUTE_MS  # the last millisecond, cut to its minute
    if reading.stamp == "auto":
        notes.append(
            f"{stamps.name} is the close of a candle: each opens {timeframe_name(step)} earlier"
        )
    return time - step


def _told(stamps: Stamps, reading: Reading) -> Literal["auto", "open", "close"]:
    """Whether times are opens or closes, as the user or their name says."""
    if reading.stamp != "auto":
        return reading.stamp
    told = time_name(stamps.name)
    if stamps.layout.stamp == "close" or (told and told.stamp == "close"):
        return "close"
    return "open" if told and told.stamp == "sure" else "auto"


def _as_closes(stamps: Stamps, time: Times) -> str:
    """What to say of times whose first one follows a midnight by a candle, as where closes begin
    with a day; "" elsewhere, and where the name says that they are opens. Longer candles must also
    end with a day: many files of opens begin at such a time."""
    told = time_name(stamps.name)
    if not _with_days(time, usual_step(time)) or (told and told.stamp == "sure"):
        return ""
    return (
        f"the first candle is stamped {iso(int(np.min(time)))}, as the first close of a day is: if "
        'times are those of closes, set data.stamp = "close"'
    )


def _with_days(time: Times, late: int) -> bool:
    """Whether times begin with a day where each is `late` milliseconds behind its candle's open;
    those of longer candles also end with one."""
    step = usual_step(time)
    if len(time) < _ENOUGH or step >= DAY_MS:
        return False
    first, last = int(np.min(time)) - late, int(np.max(time)) - late
    return first % DAY_MS == 0 and (step < HOUR_MS or (last + step) % DAY_MS == 0)


_ENOUGH = 8


def _zoned(stamps: Stamps, reading: Reading, notes: list[str]) -> Times:
    time, known, sheet = stamps.time, stamps.layout.zone, stamps.sheet
    zone = reading.zone or (known if _is_zone(known) else sheet.zone)
    if zone:
        if not reading.zone and zone.upper() not in ("UTC", "GMT"):
            notes.append(f"the times are of {zone}, as the file says")
        return _in_utc(stamps, zone)
    if known and known != "UTC":
        raise DataError(
            f"the times are not of UTC ({stamps.name or 'no name'}, {stamps.layout.name}); set "
            'data.zone to their zone, such as "Europe/Berlin", or to "UTC"'
        )
    if not known and len(time):
        notes.append("the times have no zone: taken as UTC; if they are local, set data.zone")
    return time


def _of_epochs(stamps: Stamps, reading: Reading, notes: list[str]) -> Times:
    """Epochs, and times with an offset, in UTC: as they stand, or by the zone of whose clock they
    were made."""
    if stamps.layout.name == METATRADER_5 and not reading.zone:
        raise DataError(
            f"{METATRADER_5} counts its epochs by the clock of the broker's server: set data.zone "
            'to its zone and data.epochs = "local", or data.zone = "UTC" where they are of UTC'
        )
    if reading.epochs == "local":
        if not reading.zone:
            raise DataError(
                'data.epochs = "local" needs the zone of whose clock they were made: set '
                'data.zone, such as "Europe/Berlin"'
            )
        notes.append(f"the epochs are taken as those of the clock in {reading.zone}")
        return _in_utc(stamps, reading.zone)
    if reading.zone and zone_of(reading.zone) != UTC:
        notes.append(
            "data.zone moves nothing: the times are epochs or tell their offset; if they were made "
            'of local time all the same, set data.epochs = "local"'
        )
    return stamps.time


def _in_utc(stamps: Stamps, zone: str) -> Times:
    try:
        return in_zone(stamps.time, zone)
    except CellError as error:
        raise DataError(f"{stamps.place(error.row)}: {error.rule}") from None


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
    same = np.mean(np.abs(both[0] - both[1]) <= 1000) >= MOST
    step = usual_step(stamps.time)
    counted = any(number(str(cell)) == number(str(cell)) for cell in sheet.sample[layout.time[0]])
    if same and not counted and step in _CUTS and np.array_equal(both[0], both[1]):
        raise DataError(
            f"{stamps.name} and {sheet.names[layout.close_time]} are the same, as where closes are "
            f"cut to {_CUTS[step]}: whether {stamps.name} is the open or the close is not told; "
            'set data.stamp to "open" or "close"'
        )
    if same and len(stamps.time) * step >= DAY_MS and _with_days(stamps.time, 0):
        raise DataError(
            f"{stamps.name} and {sheet.names[layout.close_time]} are the same, and begin with a "
            "day as opens do: whether they are opens or closes is not told; set data.stamp to "
            '"open" or "close"'
        )
    return bool(same)


_CUTS = {1000: "the second", MINUTE_MS: "the minute", HOUR_MS: "the hour", DAY_MS: "the day"}
"""Lengths of candles whose last moment, cut to a written unit, is the time of their open."""
