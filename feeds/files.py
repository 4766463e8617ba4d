"""Candles from files, told apart by content, checked before anything is computed from them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stoptrail.core.errors import DataError
from stoptrail.core.text import number_of
from stoptrail.core.time import DAY_MS, iso, timeframe_name
from stoptrail.feeds.checks.doubles import said_of_doubles, timed_otherwise
from stoptrail.feeds.checks.oddities import oddities, unfinished
from stoptrail.feeds.checks.scales import counts_coins
from stoptrail.feeds.checks.seams import Joined, joined
from stoptrail.feeds.formats.archive import require_some, sheets_of
from stoptrail.feeds.layouts.headers import said_of_names
from stoptrail.feeds.layouts.markets import SeveralError, market_in_name, same_market
from stoptrail.feeds.layouts.recognise import Reading
from stoptrail.feeds.layouts.strangers import beside_others, is_known_otherwise, passed_over
from stoptrail.feeds.market import Unit
from stoptrail.feeds.parts import FilePart, read_part
from stoptrail.feeds.tables.columns import PRICES, Columns, aggregated, rows_of
from stoptrail.feeds.tables.convert import one_line
from stoptrail.feeds.tables.faults import (
    Fault,
    alignment_faults,
    describe,
    order_faults,
    usual_step,
    value_faults,
)
from stoptrail.feeds.tables.sheets import return_memory
from stoptrail.rules.candles import Candles

LONGEST = 380
"""Characters of a refusal behind the name of the file."""
_FEW = 8
"""Distances too few to tell whether they are steps."""
_MOST_STEPS = 0.5
_DENSE = 0.25
"""Of the rows of a stretch, those that no candle can be where its columns are in another order."""
MIN_CANDLES = 2
"""Fewer candles have no timeframe."""
PLAIN = Reading()


class Unread(NamedTuple):
    """What could not be read, one line each; of rows with how many are such."""

    files: list[str]
    rows: list[tuple[str, int]]


class Loaded(NamedTuple):
    """Candles of a file with what is known about them."""

    candles: Candles
    notes: tuple[str, ...]
    """What was left out, assumed, or is odd: every line is for the user."""
    layout: str
    """Whose layout the file has."""
    unit: Unit
    """What its volumes count."""


def load_candles(path: Path | str, interval: int | None = None, *, sparse: bool = False) -> Candles:
    """Candles of a file that says everything itself; see `load_file`.

    `sparse` admits a file whose candles mostly stand alone.
    """
    return load_file(Path(path), interval, sparse=sparse).candles


@np.errstate(all="ignore")  # a file holds numbers of any size; they are judged afterwards
def load_file(
    path: Path,
    interval: int | None = None,
    reading: Reading = PLAIN,
    *,
    sparse: bool = False,
    now: int | None = None,
) -> Loaded:
    """Candles of a file, folder, archive or pattern.

    `interval` is the length that the candles must have, in milliseconds; shorter ones are put
    together, None takes the file's own. `now` is the clock, in milliseconds, that a candle
    under way is told by.
    Raises DataError, one line with file, row, column and value, for anything that is not
    a series of possible candles.
    """
    parts, notes = parts_of(path, reading, interval)
    series = _joined(path, parts)
    columns = series.columns
    if len(columns.time) < (0 if sparse else MIN_CANDLES):
        raise DataError(
            f"{path}: holds {number_of(len(columns.time), 'candle')}; at least 2 are needed"
        )
    _refuse_order(path, parts, series)
    wanted = interval
    if interval is None or not sparse:
        interval = _checked_interval(path, columns, interval)
    local = any(part.naive for part in parts)
    boundaries = alignment_faults(columns.time, interval, timeframe_name(interval), local)
    _refuse(path, series, boundaries)
    if reading.volume == "unknown":
        columns = columns._replace(volume=np.maximum(np.nan_to_num(columns.volume), 0.0))
        series = series._replace(columns=columns)
    _refuse(path, series, value_faults(columns))
    said = [*notes, *series.notes, *unit_notes(parts, reading)]
    if not sparse:
        clock = int(time.time() * 1000) if now is None else now
        columns, more = _finished(series, interval, parts, reading, clock, written_at(path))
        said += more
        if wanted and wanted != interval:
            said.append(built_note(wanted, interval))
            columns, interval = _built(columns, interval, wanted), wanted
            if len(columns.time) < MIN_CANDLES:
                raise DataError(f"{path}: makes {len(columns.time)} candles; at least 2 are needed")
    unit = "unknown" if reading.volume == "unknown" else _unit(parts)
    if unit == "base" and not counts_coins(columns, interval, reading.symbol or reading.one_of):
        unit = "unknown"
    return Loaded(Candles(*columns, interval), tuple(said), parts[0].layout.name, unit)


def parts_of(
    path: Path, reading: Reading, interval: int | None, unread: Unread | None = None
) -> tuple[list[FilePart], list[str]]:
    """Everything that `path` names, understood; and what was passed over. With `unread`, rows
    and files that cannot be read are told there, as long as others can."""
    timeframe = timeframe_name(interval) if interval else ""
    reading = reading._replace(timeframe=timeframe or reading.timeframe)
    try:
        return _parts_of(path, reading, unread)
    except SeveralError as several:
        if several.what != "symbol" or reading.symbol or not reading.one_of:
            raise
        return _parts_of(path, reading._replace(symbol=reading.one_of), unread)


def _parts_of(
    path: Path, reading: Reading, unread: Unread | None
) -> tuple[list[FilePart], list[str]]:
    files, rows = unread or (None, None)
    try:
        sheets, notes = sheets_of(path, reading.symbol, reading.timeframe, files)
    except SeveralError as error:
        raise SeveralError(f"{path}: {error}", error.what, error.names) from None
    parts, strange = [], []
    for sheet in sheets:
        try:
            parts.append(read_part(sheet, reading, rows))
            said = said_of_names(sheet.names, parts[-1].layout, reading.symbol)
            notes += [note for note in said if note not in notes]
        except SeveralError as error:
            raise SeveralError(f"{sheet.label}: {error}", error.what, error.names) from None
        except DataError as error:
            reason = beside_others(str(error), sheet.names, [one.names for one in sheets])
            text = f"{sheet.label}: {one_line(reason, LONGEST)}"
            if len(sheets) > 1 and is_known_otherwise(reason):
                strange.append(text)
                continue
            if files is None or len(sheets) == 1:
                raise DataError(text) from None
            files.append(text)
    require_some(parts, [*(files or ()), *strange])
    notes += passed_over(strange)
    return_memory()
    names = [path.name, *(sheet.label.rpartition("/")[2] for sheet in sheets)]
    told = next(filter(None, map(market_in_name, names)), "")
    if told and reading.symbol and not same_market(told, reading.symbol):
        notes.append(f"the name of the file says {told}; it is run as {reading.symbol}")
    return parts, notes


def _joined(path: Path, parts: list[FilePart]) -> Joined:
    try:
        return joined(parts)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _refuse_order(path: Path, parts: list[FilePart], series: Joined) -> None:
    """DataError for a candle that comes twice, or too early."""
    times = series.columns.time
    if np.all(np.diff(times) > 0):
        return
    local = any(part.naive for part in parts)
    if told := said_of_doubles(series.columns, series.place, local=local):
        raise DataError(f"{path}: {told}")
    faults = (timed_otherwise(series.columns, fault) for fault in order_faults(times))
    _refuse(path, series, faults)


def _refuse(path: Path, series: Joined, faults: Iterable[Fault]) -> None:
    for fault in faults:
        raise DataError(f"{path}: {refusal(series, fault)}")


def refusal(series: Joined, fault: Fault) -> str:
    """What a fault says: of its first row, or of the column where most rows have it."""
    count, all_ = len(fault.rows), len(series.columns.time)
    first = describe(series.columns, fault, series.place)
    if count > all_ / 2 and all_ > MIN_CANDLES:
        remedy = fault.remedy if fault.column == "time" else _WRONG_COLUMNS
        if fault.column in PRICES and "missing" in fault.rule:
            remedy = (
                f"if another column holds the {fault.column}, name all as they come with --set "
                "data.columns=..., - for what is not meant"
            )
        if fault.column == "volume":
            remedy = 'the volume is unknown: set data.volume = "unknown"'
        return f"{count} of {all_} rows, the first {first}; {remedy}"
    begin, last = int(fault.rows[0]), int(fault.rows[-1])
    dense = count > max(_FEW, _DENSE * (last + 1 - begin))
    if dense and ("below" in fault.rule or "above" in fault.rule):
        return (
            f"{first}, as in {count} rows to {series.place(last)}: the columns seem to come in "
            "another order there, as of another table; give each table as a file of its own"
        )
    more = f" (and {count - 1} more)" if count > 1 else ""
    return f"{first}{more}; {fault.remedy}"


_WRONG_COLUMNS = (
    "the columns seem to be others than their names say: name them as they come with "
    "--set data.columns=time,open,high,low,close,volume"
)


def _checked_interval(path: Path, columns: Columns, interval: int | None) -> int:
    step = usual_step(columns.time)
    if step > DAY_MS:
        raise DataError(
            f"{path}: the candles are {timeframe_name(step)} apart; candles longer than a day are "
            "not used: give a file of shorter ones"
        )
    own = timeframe_name(step)
    distances = np.diff(columns.time)
    if len(distances) > _FEW and np.mean(distances % step == 0) < _MOST_STEPS:
        raise DataError(
            f"{path}: the times come in no steps (the most frequent is {own}): bars of volume or "
            "trades, perhaps; give candles of one length"
        )
    if step and DAY_MS % step:
        raise DataError(
            f"{path}: the candles are {own} apart, which does not divide the day; give a file of "
            "15m, 1h or other candles that do"
        )
    if interval is not None and step != interval and not built_of(interval, step):
        raise DataError(
            f"{path}: the candles are {own} apart, data.timeframe is {timeframe_name(interval)}; "
            f'set data.timeframe = "{own}" or give a file of {timeframe_name(interval)} candles'
        )
    return step


def built_of(interval: int | None, step: int) -> bool:
    """Whether candles of `interval` milliseconds are put together of a file's own, `step` long."""
    return bool(interval and step and interval > step and interval % step == 0)


def built_note(interval: int, step: int) -> str:
    """What is said of that."""
    name, own = timeframe_name(interval), timeframe_name(step)
    return f"{name} candles, built from the {own} candles of the file"


def _built(columns: Columns, interval: int, wanted: int) -> Columns:
    """Candles of `wanted` milliseconds from those of `interval`: none of which the beginning or
    the end is not in the file."""
    start, end = int(columns.time[0]), int(columns.time[-1]) + interval
    built, _ = aggregated(columns, ((start, end),), wanted)
    return built


def _finished(
    series: Joined,
    interval: int,
    parts: list[FilePart],
    reading: Reading,
    now: int,
    written: int,
) -> tuple[Columns, list[str]]:
    """Without a candle that is under way, and what a run has to say of the others."""
    columns, notes = series.columns, []
    if len(columns.time) > MIN_CANDLES and unfinished(columns.time, interval, now):
        last = len(columns.time) - 1
        notes.append(
            f"the last candle ({series.place(last)}, {iso(int(columns.time[last]))}) is not over "
            "yet: left out"
        )
        columns = rows_of(columns, slice(last))
    found = oddities(
        columns,
        interval,
        series.place,
        now,
        naive=any(part.naive for part in parts),
        known=reading.volume == "known",
        symbol=symbol_of_coins(parts, reading),
        written=written,
    )
    return columns, notes + [finding.text for finding in found if finding.said]


def written_at(path: Path) -> int:
    """When a file was last written, in milliseconds; 0 for what is none."""
    try:
        return int(path.stat().st_mtime * 1000) if path.is_file() else 0
    except OSError:
        return 0


def _unit(parts: list[FilePart]) -> Unit:
    units = {part.layout.unit for part in parts}
    return units.pop() if len(units) == 1 else "unknown"


def symbol_of_coins(parts: list[FilePart], reading: Reading) -> str:
    """The market that is meant where volumes are said to count its coins, else ""."""
    known = reading.volume == "known" and _unit(parts) == "base"
    return (reading.symbol or reading.one_of) if known else ""


_UNITS = {
    "quote": "counts the quote currency",
    "contracts": "counts contracts or ticks",
    "unknown": "is unknown: every candle is filled",
}


def unit_notes(parts: list[FilePart], reading: Reading) -> list[str]:
    """What the volumes count where it is not the base currency."""
    unit = "unknown" if reading.volume == "unknown" else _unit(parts)
    return [] if unit == "base" else [f"the volume {_UNITS[unit]}, so that it tells no lot"]
