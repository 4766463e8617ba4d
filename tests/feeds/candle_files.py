"""Candle files and candles for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stoptrail.core.time import iso
from stoptrail.feeds.tables.columns import Columns
from stoptrail.rules.candles import Candles

QUARTER = 900_000
START = 1_624_320_000_000
"""2021-06-22 00:00 UTC."""

PLAIN = "timestamp,open,high,low,close,volume"


def candles(
    count: int, start: int = START, interval: int = QUARTER, missing: Sequence[int] = ()
) -> Candles:
    """Possible candles whose prices differ from row to row; `missing` positions left out."""
    at = np.setdiff1d(np.arange(count), np.array(missing, int))
    close = 100 + (at * 37 % 101) / 100
    open_ = 100 + (at * 53 % 89) / 100
    high = np.maximum(open_, close) + 0.25
    low = np.minimum(open_, close) - 0.5
    return Candles(start + at * interval, open_, high, low, close, 1.0 + at % 7, interval)


def rows_of(given: Candles) -> list[list[str]]:
    """Cells of a plain CSV: ISO time and the five values."""
    columns = [column.tolist() for column in given[1:6]]
    times = [iso(time) for time in given.time.tolist()]
    return [[time, *map(repr, values)] for time, *values in zip(times, *columns, strict=True)]


def write_csv(path: Path, rows: Sequence[Sequence[object]], header: str | None = PLAIN) -> Path:
    """A CSV file of `rows`."""
    lines = [] if header is None else [header]
    lines += [",".join(map(str, row)) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_parquet(path: Path, given: Candles | Columns, time_type: str = "ms") -> Path:
    """A Parquet file with UTC timestamps and one column more than needed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    time = pa.array(given.time).cast(pa.timestamp("ms", "UTC")).cast(pa.timestamp(time_type, "UTC"))
    table = {"timestamp": time, "source": ["somewhere"] * len(given.time)}
    table |= {name: getattr(given, name) for name in ("open", "high", "low", "close", "volume")}
    pq.write_table(pa.table(table), path)
    return path


def same(first: Candles, second: Candles) -> bool:
    """Whether all columns and the interval are equal."""
    pairs = zip(first[:6], second[:6], strict=True)
    return first.interval == second.interval and all(np.array_equal(a, b) for a, b in pairs)
