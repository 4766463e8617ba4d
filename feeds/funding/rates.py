"""Files of funding rates (C19): the project's own Parquet, an exchange's archive, any table.

A file has a column of times, one of rates (fractions of the notional, positive: longs pay)
and perhaps one of prices and one of the hours over which a row accrues.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from stoptrail.core.errors import DataError
from stoptrail.core.files import written_whole
from stoptrail.core.text import number_of
from stoptrail.core.time import HOUR_MS, iso
from stoptrail.exchange.funding import HOURLY_SINCE
from stoptrail.feeds.downloads.cache import cache_path
from stoptrail.feeds.formats.archive import Member, funding_files
from stoptrail.feeds.funding.signs import tell
from stoptrail.feeds.funding.table import (
    funding_table,
    named_alike,
    of_funding,
    rate_in_open,
    refuse_tickers,
)
from stoptrail.feeds.layouts.markets import (
    coded,
    market_in_name,
    same_base,
    told_apart,
)
from stoptrail.feeds.market import MarketFunding
from stoptrail.feeds.tables.convert import CellError, decimal_mark, one_line, texts_of, to_floats
from stoptrail.feeds.tables.names import SYMBOLS, plain_name, time_name, zone_in
from stoptrail.feeds.tables.spelled_times import ReadTimes
from stoptrail.feeds.tables.times import read_times
from stoptrail.feeds.tables.zones import in_zone
from stoptrail.rules.candles import Candles, Floats, Times, known_prices
from stoptrail.rules.funding import MINUTE, FundingRows, funding_rows

if TYPE_CHECKING:
    import pyarrow as pa

Gaps = Literal["refuse", "zero"]

WIDEST = 8 * HOUR_MS
"""The longest time between two rows that is no hole."""
_ABSURD = 0.005
"""A median rate above it is a percentage, or an amount per contract."""
_TIMES = (
    *("fundingtimestamp", "fundingtime", "fundingratetimestamp", "time", "timestamp", "calctime"),
    *("settletime", "effectiveat", "timepoint", "timeexchange"),
    *("datetime", "date", "ts", "t", "", "indexlevel0"),
)
_RATES = (
    *("realizedrate", "realfundingrate", "relativefundingrate", "interest1h", "rate"),
    *("lastfundingrate", "fundingrate", "r"),
)
"""What was paid (OKX) before what was foretold, the fraction before the amount (Kraken)."""
_PRICES = ("price", "markprice")
_HOURS = ("hours",)
_MARKETS = (*SYMBOLS, "contracts")
"""Plain names of columns; an archive's `funding_interval_hours` says when the next row comes, not
that the row accrues until then."""


def read_funding(
    path: Path, symbol: str = "", on_notice: Callable[[str], None] = lambda _: None, zone: str = ""
) -> FundingRows:
    """The rows of a file, an archive, a folder of either or a pattern, in order of time; those of
    `symbol` where a column names several. `zone`: of times that tell none, "" is UTC. `on_notice`
    is told what was assumed.

    Raises DataError in one line for what cannot be read, what is of another market, two rows in
    one minute, and rates that are no fractions.
    """
    notes: list[str] = []
    members = named_alike(of_funding(funding_files(path), notes.append), symbol, notes.append)
    parts = [_part(member, symbol, zone, notes.append) for member in members]

    def told(note: str) -> None:
        on_notice(f"funding: {note}")

    for note in dict.fromkeys(notes):
        told(note)
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    rows = FundingRows(*(column[order] for column in columns))
    _require_fractions(path, rows)
    tell(path, rows, told)
    return rows


def _part(member: Member, symbol: str, zone: str, on_notice: Callable[[str], None]) -> FundingRows:
    table = funding_table(member)
    names = [plain_name(name) for name in table.column_names]
    refuse_tickers(member, names)
    found = [_place(names, known) for known in (_TIMES, _RATES, _PRICES, _HOURS)]
    zones = [zone_in(name) if time_name(name) else "" for name in table.column_names]
    if found[0] is None:  # Time(UTC)
        found[0] = next((place for place, zone in enumerate(zones) if zone), None)
    if found[0] is not None and found[1] is None and _in_open(member, table, names):
        found[1] = names.index("open")
        on_notice("the rate is taken from open, where freqtrade kept it")
    if found[0] is None or found[1] is None:
        missing, there = "time" if found[0] is None else "rate", ", ".join(table.column_names)
        raise DataError(
            f"{member.label}: no column {missing} (found: {one_line(there, 160) or 'none'}); "
            "a file of funding has time and rate, and may have price and hours"
        )
    try:
        table = _of_market(member, table, _place(names, _MARKETS), symbol, on_notice)
        _require_rates_of_their_rows(member, table, names)
        columns = [None if place is None else table.column(place) for place in found]
        read = read_times(columns[0], names[found[0]])
        rate, price, hours = (
            None if column is None else _floats(column, names[place or 0])
            for column, place in zip(columns[1:], found[1:], strict=True)
        )
    except CellError as error:
        raise DataError(f"{member.label}: {error}") from None
    time = _in_utc(member, read, zones[found[0]], zone, on_notice)
    told = re.search(r"%|percent|pct", table.column_names[found[1]], re.IGNORECASE)
    if told and rate is not None and not _in_percent(columns[1]):
        rate = rate / 100.0
    if hours is None:
        hours = _accrued_over(names[found[1]], time)
    rows = funding_rows(time, rate, price, np.nan_to_num(hours))
    bad = np.flatnonzero(~np.isfinite(rows.rate) | ~(rows.hours >= 0.0) | (rows.price <= 0.0))
    if len(bad):
        raise DataError(
            f"{member.label}: row {bad[0] + 1}: its rate is empty, or its price or hours below 0; "
            "mend or remove the row"
        )
    return rows


def _in_open(member: Member, table: pa.Table, names: Sequence[str]) -> bool:
    try:
        return rate_in_open(table, names)
    except DataError as error:
        raise DataError(f"{member.label}: {error}") from None


def _in_utc(
    member: Member, read: ReadTimes, told: str, zone: str, on_notice: Callable[[str], None]
) -> Times:
    """Times in UTC, by the zone that their column's name tells, else by data.zone. That is of the
    market's own file first: where UTC alone puts rows on the hours of funding they are of UTC."""
    if not read.naive or told == "UTC":
        return read.time
    if told == "local" and not zone:
        raise DataError(f"{member.label}: its times are of a zone that is not told: give UTC")
    if told and told != "local":
        return in_zone(read.time, told)
    local = _in_zone(read.time, zone) if zone else None
    if local is not None and (told or _on_hours(local) or not _on_hours(read.time)):
        on_notice(f"its times have no zone and are taken as {zone}, as data.zone says")
        return local
    but = f", not as {zone}, which puts them on other hours than funding's" if zone else ""
    on_notice(f"its times have no zone and are taken as UTC{but}")
    return read.time


def _in_zone(time: Times, zone: str) -> Times | None:
    """Times of `zone` in UTC; None where it does not have all of them."""
    try:
        return in_zone(time, zone)
    except CellError:
        return None


def _on_hours(time: Times) -> bool:
    """Whether times in ms fall on 00:00, 08:00 and 16:00 alone, but for what rounds off."""
    return bool((np.rint(time / MINUTE) % (WIDEST // MINUTE) == 0).all())


def _accrued_over(rate: str, time: Times) -> Floats:
    """The hours over which rows accrue, by the name of their rate: those of krakenfutures and
    deribit do, as a download has them."""
    if rate == "relativefundingrate":
        return np.where(time >= HOURLY_SINCE, 1.0, 4.0)
    return np.full(len(time), 1.0 if rate == "interest1h" else 0.0)


def _require_rates_of_their_rows(member: Member, table: pa.Table, names: Sequence[str]) -> None:
    """DataError for ccxt's rows of deribit: one each hour, with the rate of eight."""
    told = "info" in names and "interest1h" not in names and table.num_rows > 0
    if told and "interest_8h" in str(table.column(names.index("info"))[0].as_py()):
        raise DataError(
            f"{member.label}: its rows come every hour and hold the rate of eight hours "
            "(deribit's interest_8h): give interest_1h as rate and 1 as hours"
        )


def _of_market(
    member: Member,
    table: pa.Table,
    column: int | None,
    symbol: str,
    on_notice: Callable[[str], None],
) -> pa.Table:
    """The rows of the market that is meant. Raises DataError where there are none."""
    named = market_in_name(member.name.rpartition("/")[2])
    if named and symbol and not same_base(named, symbol):
        on_notice(f"the name of {member.label} says {named}; it is run as {symbol}")
    words = [] if column is None else coded(table.column(column))[1]
    quote = symbol.partition("/")[2].partition(":")[0].upper()
    for told in dict.fromkeys([named, market_in_name(words[0]) if len(words) == 1 else ""]):
        if told and quote and same_base(told, symbol) and not told.endswith(quote):
            on_notice(
                f"{member.label} is of {told}, which is not quoted in {quote}: an inverse "
                f"contract, perhaps, whose rates are not those of {symbol}"
            )
    if column is None or (len(words) == 1 and not _names_market(words[0])):
        return table
    try:
        every = np.ones(table.num_rows, np.bool_)
        mine, _ = told_apart(table.column(column), every, "symbol", symbol)
    except DataError as error:
        told = str(error).replace("the candles are of", "its rows are of")
        told = told.partition(": set data.symbol")[0].partition("; set data.symbol")[0]
        raise DataError(
            f"{member.label}: {told}; give data.funding a file of the market that is run"
        ) from None
    return table if mine.all() else table.filter(mine)


def _names_market(word: str) -> bool:
    """Whether a word names a market or its coin, not a kind of markets."""
    alone = re.sub(r"[^a-z]|linear|inverse|perp(etual)?|swap|futures?", "", word.lower())
    return bool(market_in_name(word) or alone)


def _floats(column: pa.ChunkedArray, name: str) -> Floats:
    """A column as numbers; 0.01% is 0.0001, and 0,0001 as well."""
    import pyarrow as pa

    if not pa.types.is_string(column.type):
        return to_floats(column, name)
    bare = [str(cell or "").strip().removesuffix("%") for cell in column.to_pylist()]
    numbers = to_floats(pa.chunked_array([texts_of(bare)]), name, decimal_mark([bare], ","))
    return numbers / 100.0 if _in_percent(column) else numbers


def _in_percent(column: pa.ChunkedArray) -> bool:
    """Whether every cell ends with a percent sign."""
    import pyarrow as pa

    cells = column.to_pylist() if pa.types.is_string(column.type) else []
    return bool(cells) and all(str(cell or "%").strip().endswith("%") for cell in cells)


def _place(names: Sequence[str], known: Sequence[str]) -> int | None:
    return next((names.index(name) for name in known if name in names), None)


def _require_fractions(path: Path, rows: FundingRows) -> None:
    """DataError for rows that cannot be meant."""
    if not len(rows.time):
        raise DataError(f"{path}: no row of funding; give another file")
    twice = np.flatnonzero(np.diff(rows.time) == 0)
    if len(twice):
        raise DataError(
            f"{path}: two rows in the minute of {iso(int(rows.time[twice[0]]))}, with the rates "
            f"{rows.rate[twice[0]]:.10g} and {rows.rate[twice[0] + 1]:.10g}; keep the one that was "
            "paid"
        )
    median = float(np.median(np.abs(rows.rate)))
    if median > _ABSURD:
        raise DataError(
            f"{path}: half of the rates are beyond {median:.4g}, which is {median:.2%} of the "
            "notional each time: percentages, rates of a year, or an amount per contract; give "
            "fractions, of what each row pays"
        )


def covering(
    rows: FundingRows, candles: Candles, start: int, gaps: Gaps, source: str
) -> MarketFunding:
    """The rows for candles that are traded from candle `start` on. Later rows are left out: an
    archive runs on after a delisting.

    Raises DataError for a hole wider than eight hours, the ends of the span included, unless
    `gaps` is "zero".
    """
    first, last = int(candles.time[start]), int(candles.time[-1]) + candles.interval
    kept = rows.time <= last
    rows = FundingRows._make(column[kept] for column in rows)
    holes = _holes(rows, first, last)
    if holes and gaps == "refuse":
        begin, end = max(holes, key=lambda hole: hole[1] - hole[0])
        rest = number_of(len(holes) - 1, "more stretch", "more stretches")
        more = f" and in {rest}" if len(holes) > 1 else ""
        raise DataError(
            f"{source}: no row of funding from {iso(begin)} to {iso(end)}{more}, of a span from "
            f"{iso(first)} to {iso(last)}; give one that has them, set data.start and data.end, "
            'or set data.funding_gaps = "zero" to count them as paying nothing'
        )
    hours = sum(b - a for a, b in holes) / HOUR_MS
    return MarketFunding(rows, source, len(holes), hours)


def _holes(rows: FundingRows, first: int, last: int) -> list[tuple[int, int]]:
    """Stretches of [first, last] wider than WIDEST in which no row comes."""
    near = (rows.time >= first - WIDEST) & (rows.time <= last)
    inside = rows.time[near]
    ends = inside + np.rint(rows.hours[near] * HOUR_MS).astype(np.int64)
    begins = np.concatenate(([first - MINUTE], ends))
    nexts = np.concatenate((inside, [last + MINUTE]))
    if len(inside) and inside[0] <= first:
        begins, nexts = begins[1:], nexts[1:]
    wide = nexts - begins > WIDEST + 2 * MINUTE
    pairs = zip(begins[wide].tolist(), nexts[wide].tolist(), strict=True)
    return [(max(begin, first), min(end, last)) for begin, end in pairs]


def constant_rows(candles: Candles) -> FundingRows:
    """Rows of a rate of 1 at 00:00, 08:00 and 16:00 UTC, priced by the last close as a session
    prices them: rules.costs.Costs.funding makes them any constant rate per eight hours."""
    first = -(-int(candles.time[0]) // WIDEST) * WIDEST
    time: Times = np.arange(first, int(candles.time[-1]) + candles.interval + 1, WIDEST)
    return funding_rows(time, np.ones(len(time)), known_prices(candles, time))


def funding_path(folder: Path, exchange_id: str, symbol: str) -> Path:
    """The file of a market's funding, such as cache/binance/BTC-USDT-USDT_funding.parquet."""
    return cache_path(folder, exchange_id, symbol, "funding")


def write_funding(path: Path, rows: FundingRows, metadata: dict[bytes, bytes]) -> None:
    """Rows as Parquet (`time` in UTC, rate, price, hours), whole or not at all. OutputError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = [pa.array(rows.time).cast(pa.timestamp("ms", "UTC"))]
    arrays += [pa.array(column) for column in rows[1:]]
    table = pa.table(arrays, names=list(FundingRows._fields)).replace_schema_metadata(metadata)
    with written_whole(path, "set data.cache") as beside:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, beside)
