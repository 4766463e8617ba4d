"""One sheet of candles as columns of times and numbers, with what was left out and why."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.errors import DataError
from stoptrail.core.text import number_of
from stoptrail.feeds.copies import first_copies
from stoptrail.feeds.formats.json_table import CRYPTOWATCH
from stoptrail.feeds.formats.levels import YFINANCE
from stoptrail.feeds.layouts.kinds import are_kinds
from stoptrail.feeds.layouts.lone import said_of_newest
from stoptrail.feeds.layouts.markets import coded, naming, of_one_market, told_apart
from stoptrail.feeds.layouts.naming import laid_out
from stoptrail.feeds.layouts.orders import MOST, possible
from stoptrail.feeds.layouts.positions import COINGECKO, HISTDATA, names_of, other_order
from stoptrail.feeds.layouts.recognise import Layout, Reading
from stoptrail.feeds.layouts.side_by_side import chosen_market
from stoptrail.feeds.layouts.stamps import (
    Stamps,
    as_headed,
    of_rows,
    opened,
    with_zones,
    zone_behind,
)
from stoptrail.feeds.layouts.strangers import is_tickers, refuse_doubles, refuse_far_apart
from stoptrail.feeds.tables.columns import Columns, rows_of
from stoptrail.feeds.tables.convert import CellError, one_line, to_floats
from stoptrail.feeds.tables.names import NO, UNFINISHED, YES, plain_name
from stoptrail.feeds.tables.precision import of_32_bits
from stoptrail.feeds.tables.sheets import (
    Sheet,
    blank_rows,
    by_market,
    column_of,
    day_and_clock,
    headers_again,
    refuse_header,
    return_memory,
    skipped,
    with_clock_named,
)
from stoptrail.feeds.tables.spelled_times import ReadTimes
from stoptrail.feeds.tables.times import read_times
from stoptrail.rules.candles import Floats

if TYPE_CHECKING:
    import pyarrow as pa

Mask = NDArray[np.bool_]


FEW = 3
"""Rows too few to doubt the names of columns by."""
_TIMES_TRIED = 60
"""Cells by which a text column is known to hold times."""


class FilePart(NamedTuple):
    """Candles of one file in its own order."""

    sheet: Sheet
    layout: Layout
    columns: Columns
    rows: NDArray[np.intp]
    """Each candle's row in the file, from 0."""
    notes: tuple[str, ...]
    """What was left out or assumed."""
    naive: bool = False
    """Whether the times had no zone, and were taken as UTC."""

    def place(self, candle: int) -> str:
        """Where in the file a candle stands."""
        return self.sheet.place(int(self.rows[candle]))


def understood(sheet: Sheet, reading: Reading) -> tuple[Sheet, Layout, tuple[str, ...]]:
    """The sheet with names, its layout, and what had to be assumed; DataError as
    `recognised` and `names_of`."""
    named = names_of(sheet, reading.columns)
    notes = [*sheet.notes, *named.notes]
    names = named.names if reading.columns else with_clock_named(sheet, named.names)
    if not sheet.markets and (told := by_market(names)):
        names = told[0]
        sheet = sheet._replace(markets=told[1])
    if sheet.markets:
        market = chosen_market(sheet.markets, reading.symbol, reading.exchange, reading.timeframe)
        pairs = zip(names, sheet.markets, strict=True)
        names = tuple(name if of in ("", market) else "-" for name, of in pairs)
    refuse_doubles(names)
    numbers = _with_times(sheet, sheet.numbers())
    names, layout = laid_out(sheet, names, numbers, named.layout, guess=not reading.columns)
    layout = with_zones(sheet, sheet.names or names, as_headed(layout, sheet, reading))
    if layout.symbol is None and not sheet.markets:
        layout = layout._replace(symbol=naming(sheet))
    if sheet.layout == YFINANCE:
        layout = layout._replace(name=YFINANCE, unit="quote")
    if sheet.markets:
        notes.append(f"of the columns those of {market}")
    four = [numbers[i] for i in layout.prices] if numbers else []
    if is_tickers(names):
        raise DataError(
            "holds tickers (bid, ask and last with the figures of a day), no candles; give candles"
        )
    if four and np.sum(np.isfinite(sum(four))) > FEW and possible(*four) < MOST / 2:
        read_as = ("time", "open", "high", "low", "close")
        raise DataError(other_order(sheet, read_as, None, [np.empty(0), *four]))
    refuse_far_apart(four)
    if layout.scale != 1.0:
        layout = _scaled(sheet, layout, notes)
    return sheet._replace(names=names, zone=zone_behind(sheet)), layout, tuple(notes)


def _with_times(sheet: Sheet, numbers: list[Floats]) -> list[Floats]:
    """The sample as numbers, texts that are times as milliseconds."""
    for i, column in enumerate(sheet.sample):
        texts = [cell for cell in column[:_TIMES_TRIED] if isinstance(cell, str)]
        has_digits = any(letter.isdigit() for text in texts[:1] for letter in text)
        if has_digits and not np.isfinite(numbers[i]).any():
            with suppress(CellError):
                times = read_times(column_of(texts), "time").time.astype(np.float64)
                if len(texts) == len(column[:_TIMES_TRIED]):
                    numbers[i][: len(times)] = times
    return numbers


def _scaled(sheet: Sheet, layout: Layout, notes: list[str]) -> Layout:
    """Prices as a layout's whole numbers count them; those with decimals are plain."""
    cells = [cell for i in layout.prices for cell in sheet.sample[i]]
    typed = all(isinstance(cell, int) for cell in cells)
    if any("." in str(cell) for cell in cells) or (layout.whole and not typed):
        return layout._replace(scale=1.0)
    notes.append(f"prices are whole numbers of {layout.scale:g}, as {layout.name} writes them")
    return layout


def read_part(sheet: Sheet, reading: Reading, bad: list[tuple[str, int]] | None) -> FilePart:
    """The candles of a sheet. Raises DataError with row and value where a cell is none;
    with a list `bad`, such rows are left out and told there instead, each kind with its count."""
    sheet, layout, assumed = understood(sheet, reading)
    notes = list(assumed)
    if sheet.layout == CRYPTOWATCH and reading.stamp == "auto":
        raise DataError(
            f'{CRYPTOWATCH}, whose times are closes: set data.stamp to "close", or to "open"'
        )
    if layout.name == HISTDATA and reading.stamp == "auto" and not reading.zone:
        raise DataError(
            "rows as NinjaTrader and HistData write them, of closes in UTC the one, of opens in "
            'New York without summer time the other: set data.stamp = "close", '
            'data.zone = "-05:00", or data.zone = "UTC" where the times are opens in UTC'
        )
    if layout.name == COINGECKO and reading.stamp == "auto":
        raise DataError(
            "rows of a time and four prices without names, as CoinGecko writes them, whose times "
            'are closes: set data.stamp to "close", or to "open", and data.volume = "unknown"'
        )
    if layout.volume is None and reading.volume != "unknown":
        found = one_line(", ".join(sheet.names), 160)
        raise DataError(
            f"no column volume (found: {found}); without it no candle can be told to be "
            'silent: set data.volume = "unknown" to let all fill'
        )
    wanted = _wanted(layout)
    alone = sheet.by_column and wanted[-1] in (layout.volume, layout.prices[-1])
    table = sheet.one_by_one(wanted) if alone else sheet.read(wanted)
    rows = np.arange(table.num_rows)
    if wanted[-1] not in (layout.volume, layout.prices[-1]):
        keep, more = _kept(sheet, layout, reading, table, wanted)
        notes += more
        if not keep.all():
            rows, table = rows[keep], table.filter(keep)
    columns, read, rows = _understandable(sheet, layout, table, wanted, rows, notes, bad)
    columns = of_32_bits(columns, notes)
    return_memory()
    naive, told = read.naive, layout.zoned is not None and layout.zone != "UTC"
    if naive and told and not reading.zone:
        assert layout.zoned is not None
        cells = sheet.read([layout.zoned]).column(0).to_pylist()
        words = [str(cells[row]).strip() for row in rows.tolist()]
        stamps = Stamps(columns.time, naive, layout, sheet, lambda i: sheet.place(int(rows[i])))
        columns, naive = columns._replace(time=of_rows(stamps, words, notes)), False
    mine, more = of_one_market(sheet, wanted, columns.time, rows, reading)
    if not mine.all():
        columns, rows, notes = rows_of(columns, mine), rows[mine], [*notes, *more]
    columns, rows = _traded(sheet, columns, rows, notes)
    once = first_copies(columns, lambda i: sheet.place(int(rows[i])), notes)
    columns, rows = (columns, rows) if once.all() else (rows_of(columns, once), rows[once])
    part = FilePart(sheet, layout, columns, rows, ())
    stamps = Stamps(columns.time, naive, layout, sheet, part.place, read.ends)
    time = opened(stamps, reading, notes)
    notes += said_of_newest(sheet, {*wanted, layout.zoned} - {layout.flag}, time, rows)
    as_utc = naive and not reading.zone and not layout.zone
    return part._replace(columns=columns._replace(time=time), notes=tuple(notes), naive=as_utc)


def _understandable(
    sheet: Sheet,
    layout: Layout,
    table: pa.Table,
    wanted: Sequence[int],
    rows: NDArray[np.intp],
    notes: list[str],
    bad: list[tuple[str, int]] | None,
) -> tuple[Columns, ReadTimes, NDArray[np.intp]]:
    """The columns as numbers, and their rows; empty rows are left out."""
    while True:
        try:
            return *_converted(sheet, layout, table, wanted), rows
        except CellError as error:
            table = table if hasattr(table, "filter") else sheet.read(wanted)
            # Only now: looking for such rows costs more than reading them.
            again, blank = headers_again(sheet, table, wanted), blank_rows(table)
            drop = again | blank
            if again.any():
                notes.append(skipped(sheet, again, rows))
            if blank.any():
                notes.append(f"{int(np.sum(blank))} empty rows left out")
            if not drop.any():
                refuse_header(sheet, table, rows, error.row)
                told = f"{sheet.place(int(rows[error.row]))}: {error.rule}"
                count = len(error.rows)
                if bad is None:
                    more = f" (and {count - 1} more such)" if count > 1 else ""
                    raise DataError(told + more) from None
                bad.append((told, count))
                drop[error.rows] = True
            rows, table = rows[~drop], table.filter(~drop)


def _wanted(layout: Layout) -> list[int]:
    """The columns to read, times first."""
    optional = (
        *(layout.volume, layout.flag, layout.symbol, layout.timeframe, layout.exchange),
        layout.kind,
    )
    more = [column for column in optional if column is not None]
    return list(dict.fromkeys([*layout.time, *layout.prices, *more]))


def _converted(
    sheet: Sheet, layout: Layout, table: pa.Table, wanted: Sequence[int]
) -> tuple[Columns, ReadTimes]:
    def column(i: int) -> pa.ChunkedArray:
        return table.column(wanted.index(i))

    def name(i: int) -> str:
        return sheet.names[i] or "the first column"

    times = column(layout.time[0])
    if len(layout.time) == 2:
        times = day_and_clock(times, column(layout.time[1]))
    read = read_times(times, name(layout.time[0]), sheet.day, sheet.decimal)
    del times
    values = [to_floats(column(i), name(i), sheet.decimal) for i in layout.prices]
    if layout.scale != 1.0:
        values = [prices / round(1 / layout.scale) for prices in values]
    if layout.volume is None:
        values.append(np.zeros(len(read.time)))
    else:
        amounts = to_floats(column(layout.volume), name(layout.volume), sheet.decimal)
        values.append(amounts / round(1 / layout.scale) if layout.whole else amounts)
    return Columns(read.time, *values), read


def _kept(
    sheet: Sheet, layout: Layout, reading: Reading, table: pa.Table, wanted: Sequence[int]
) -> tuple[Mask, list[str]]:
    """Which rows are finished candles of the market that is meant."""
    keep = np.ones(table.num_rows, np.bool_)
    notes = []
    if sheet.headers and (again := headers_again(sheet, table, wanted)).any():
        keep &= ~again
        notes.append(skipped(sheet, again, np.arange(len(again))))
    repeated = _times_repeat(table)
    for column, what, meant in (
        (layout.exchange, "exchange", reading.exchange),
        (layout.symbol, "symbol", reading.symbol),
        (layout.timeframe, "timeframe", reading.timeframe),
    ):
        if column is not None and (what != "exchange" or repeated):
            cells = table.column(wanted.index(column))
            mine, more = told_apart(cells, keep, what, meant, alike=not repeated)
            keep &= mine
            notes += more
    if layout.kind is not None:
        cells = table.column(wanted.index(layout.kind))
        if are_kinds(coded(cells)[1]):
            mine, more = told_apart(cells, keep, sheet.names[layout.kind], reading.symbol)
            keep, notes = keep & mine, notes + more
    if layout.flag is not None:
        mine, more = _finished(sheet, table.column(wanted.index(layout.flag)), keep, layout.flag)
        keep &= mine
        notes += more
    return keep, notes


def _times_repeat(table: pa.Table) -> bool:
    """Whether two rows have one time: those of two exchanges, not one after the other."""
    import pyarrow.compute as pc

    return bool(pc.count_distinct(table.column(0)).as_py() < table.num_rows)


def _finished(
    sheet: Sheet, cells: pa.ChunkedArray, keep: Mask, flag: int
) -> tuple[Mask, list[str]]:
    """Rows that the flag calls finished; a column that holds other words is none."""
    name = sheet.names[flag]
    codes, told = coded(cells)
    words = [word.lower() for word in told]
    if not set(words) <= YES | NO or not words:
        return np.ones(len(cells), np.bool_), []
    no = YES if plain_name(name) in UNFINISHED else NO
    open_ = [i for i, word in enumerate(words) if word in no]
    unfinished = np.isin(codes, open_) & keep
    if not unfinished.any():
        return ~unfinished, []
    count, first = int(np.sum(unfinished)), sheet.place(int(np.argmax(unfinished)))
    if not np.any(keep & ~unfinished):
        raise DataError(f"{name} marks every candle as unfinished; give finished candles")
    return ~unfinished, [
        f"{count} unfinished candle{'s' * (count > 1)} ({name} = "
        f"{cells[int(np.argmax(unfinished))]}) left out, the first at {first}"
    ]


def _traded(
    sheet: Sheet, columns: Columns, rows: NDArray[np.intp], notes: list[str]
) -> tuple[Columns, NDArray[np.intp]]:
    """Without the rows that have a time and no price (none, or 0 and no volume): nothing was
    traded then."""
    without = np.isnan(columns.open) | ((columns.open == 0) & ~(columns.volume > 0))
    if not without.any():
        return columns, rows
    for values in (columns.high, columns.low, columns.close):
        without &= np.isnan(values) | (values == 0)
    if not without.any():
        return columns, rows
    first = sheet.place(int(rows[np.argmax(without)]))
    notes.append(
        f"{number_of(int(np.sum(without)), 'row')} without a price left out, the first at {first}"
    )
    return rows_of(columns, ~without), rows[~without]
