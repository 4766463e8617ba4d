"""Files of funding rates (C19): the project's own Parquet, an exchange's archive, any table.

A file has a column of times, one of rates (fractions of the notional, positive: longs pay)
and perhaps one of prices and one of the hours over which a row accrues.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from stoptrail.core.errors import DataError, OutputError
from stoptrail.core.time import HOUR_MS, iso, iso_time
from stoptrail.feeds.archive import Member, files_of
from stoptrail.feeds.cache import cache_path
from stoptrail.feeds.convert import CellError, one_line, to_floats
from stoptrail.feeds.market import MarketFunding
from stoptrail.feeds.times import read_times
from stoptrail.rules.candles import Candles, Times
from stoptrail.rules.funding import MINUTE, FundingRows, funding_rows

if TYPE_CHECKING:
    import pyarrow as pa

Gaps = Literal["refuse", "zero"]

WIDEST = 8 * HOUR_MS
"""The longest time between two rows that is no hole."""
_ABSURD = 0.005
"""A median rate above it is a percentage, or an amount per contract."""
_TIMES = ("time", "timestamp", "calc_time", "fundingtime", "funding_time", "datetime", "date")
_RATES = ("rate", "last_funding_rate", "fundingrate", "funding_rate", "relativefundingrate")
_PRICES = ("price", "markprice", "mark_price")
_HOURS = ("hours",)
"""Names of columns in lower case; an archive's `funding_interval_hours` says when the next row
comes, not that the row accrues until then."""


def read_funding(path: Path) -> FundingRows:
    """The rows of a file, an archive, a folder of either or a pattern, in order of time.

    Raises DataError in one line for what cannot be read, two rows in one minute, and rates
    that are no fractions.
    """
    parts = [_part(member) for member in files_of(path, "data.funding")]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    rows = FundingRows(*(column[order] for column in columns))
    _require_fractions(path, rows)
    return rows


def _part(member: Member) -> FundingRows:
    table = _table(member)
    names = [name.strip().lower() for name in table.column_names]
    found = [_place(names, known) for known in (_TIMES, _RATES, _PRICES, _HOURS)]
    if found[0] is None or found[1] is None:
        missing = "time" if found[0] is None else "rate"
        raise DataError(
            f"{member.label}: no column {missing} (found: {', '.join(names) or 'none'}); a file of "
            "funding has time and rate, and may have price and hours"
        )
    columns = [None if place is None else table.column(place) for place in found]
    try:
        time = read_times(columns[0], names[found[0]]).time
        rate, price, hours = (
            None if column is None else to_floats(column, names[place or 0])
            for column, place in zip(columns[1:], found[1:], strict=True)
        )
    except CellError as error:
        raise DataError(f"{member.label}: {error}") from None
    rows = funding_rows(time, rate, price, None if hours is None else np.nan_to_num(hours))
    bad = np.flatnonzero(~np.isfinite(rows.rate) | ~(rows.hours >= 0.0) | (rows.price <= 0.0))
    if len(bad):
        raise DataError(
            f"{member.label}: row {bad[0] + 1}: its rate is empty, or its price or hours below 0; "
            "mend or remove the row"
        )
    return rows


def _table(member: Member) -> pa.Table:
    """The columns of a CSV or Parquet file, those of a CSV as text."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    whole = member.source.read_bytes() if isinstance(member.source, Path) else member.source
    try:
        if whole[:4] == b"PAR1":
            return pq.read_table(pa.BufferReader(whole))
        names = whole.split(b"\n", 1)[0].decode("utf-8-sig").strip().split(",")
        text = pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
        return pa.csv.read_csv(pa.BufferReader(whole), convert_options=text)
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        reason = one_line(str(error), 200)
        raise DataError(
            f"{member.label}: no file of funding ({reason}); give CSV or Parquet with time and rate"
        ) from None


def _place(names: Sequence[str], known: Sequence[str]) -> int | None:
    return next((names.index(name) for name in known if name in names), None)


def _require_fractions(path: Path, rows: FundingRows) -> None:
    """DataError for rows that cannot be meant."""
    if not len(rows.time):
        raise DataError(f"{path}: no row of funding; give another file")
    twice = np.flatnonzero(np.diff(rows.time) == 0)
    if len(twice):
        raise DataError(
            f"{path}: two rows in the minute of {iso_time(int(rows.time[twice[0]]))}; keep one"
        )
    median = float(np.median(np.abs(rows.rate)))
    if median > _ABSURD:
        raise DataError(
            f"{path}: half of the rates are beyond {median:.4g}, which is {median:.2%} of the "
            "notional each time: percentages, or an amount per contract; give fractions"
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
        more = f" and in {len(holes) - 1} more stretches" if len(holes) > 1 else ""
        raise DataError(
            f"{source}: no row of funding from {iso(begin)} to {iso(end)}{more}, of a span from "
            f"{iso(first)} to {iso(last)}; give one that has them, set data.start and data.end, "
            'or set data.funding_gaps = "zero" to count them as paying nothing'
        )
    hours = sum(b - a for a, b in holes) / HOUR_MS
    return MarketFunding(rows, source, len(holes), hours)


def _holes(rows: FundingRows, first: int, last: int) -> list[tuple[int, int]]:
    """Stretches of [first, last] wider than WIDEST in which no row comes."""
    inside = rows.time[(rows.time >= first - WIDEST) & (rows.time <= last)]
    ends = inside + np.rint(
        rows.hours[(rows.time >= first - WIDEST) & (rows.time <= last)] * HOUR_MS
    ).astype(np.int64)
    begins = np.concatenate(([first - MINUTE], ends))
    nexts = np.concatenate((inside, [last + MINUTE]))
    if len(inside) and inside[0] <= first:
        begins, nexts = begins[1:], nexts[1:]
    wide = nexts - begins > WIDEST + 2 * MINUTE
    pairs = zip(begins[wide].tolist(), nexts[wide].tolist(), strict=True)
    return [(max(begin, first), min(end, last)) for begin, end in pairs]


def constant_rows(candles: Candles) -> FundingRows:
    """Rows of a rate of 1 at 00:00, 08:00 and 16:00 UTC: rules.costs.Costs.funding makes them
    any constant rate per eight hours."""
    first = -(-int(candles.time[0]) // WIDEST) * WIDEST
    time: Times = np.arange(first, int(candles.time[-1]) + candles.interval + 1, WIDEST)
    return funding_rows(time, np.ones(len(time)))


def funding_path(folder: Path, exchange_id: str, symbol: str) -> Path:
    """The file of a market's funding, such as cache/binance/BTC-USDT-USDT_funding.parquet."""
    return cache_path(folder, exchange_id, symbol, "funding")


def write_funding(path: Path, rows: FundingRows, metadata: dict[bytes, bytes]) -> None:
    """Rows as Parquet (`time` in UTC, rate, price, hours), whole or not at all. OutputError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from stoptrail.core.files import partial_path

    arrays = [pa.array(rows.time).cast(pa.timestamp("ms", "UTC"))]
    arrays += [pa.array(column) for column in rows[1:]]
    table = pa.table(arrays, names=list(FundingRows._fields)).replace_schema_metadata(metadata)
    partial = partial_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, partial)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        reason = error.strerror or error
        raise OutputError(f"{path}: cannot be written ({reason}); set data.cache") from None
