"""Downloaded candles on disk: one Parquet file for each market and timeframe.

The file says which spans it covers, so that a span without candles (an outage, a time
before the listing) is not asked for again, and a download goes on where it stopped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stoptrail.core.errors import DataError, OutputError
from stoptrail.feeds.columns import Columns
from stoptrail.feeds.files import load_candles
from stoptrail.rules.candles import Candles

Spans = tuple[tuple[int, int], ...]
"""Half-open spans in milliseconds, ascending, apart from each other."""

_COVERED = b"stoptrail.covered"


class Cached(NamedTuple):
    """What the cache holds of one market."""

    path: Path
    columns: Columns
    covered: Spans


def cache_path(folder: Path, exchange_id: str, symbol: str, timeframe: str) -> Path:
    """The file of a market, such as cache/binance/BTC-USDT_15m.parquet."""
    name = symbol.replace("/", "-").replace(":", "_").replace(os.sep, "-")
    return folder / exchange_id / f"{name}_{timeframe}.parquet"


def read_cache(path: Path, interval: int) -> Cached:
    """The cached candles, none where there is no file; DataError where it is damaged."""
    if not path.exists():
        return Cached(path, Columns(np.empty(0, np.int64), *(np.empty(0) for _ in range(5))), ())
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(path).metadata or {}
        covered = tuple((int(a), int(b)) for a, b in json.loads(metadata[_COVERED]))
        candles = load_candles(path, interval, sparse=True)
    except (DataError, KeyError, ValueError, TypeError, pa.ArrowException, OSError):
        raise DataError(f"{path}: the cached candles are damaged; delete the file") from None
    return Cached(path, Columns(*candles[:6]), covered)


def write_cache(cached: Cached) -> None:
    """Replace the file as a whole; OutputError where that is not possible."""
    metadata = {_COVERED: json.dumps(cached.covered).encode()}
    write_candles(cached.path, cached.columns, metadata, "set data.cache")


def write_candles(
    path: Path,
    columns: Columns,
    metadata: Mapping[bytes, bytes] | None = None,
    remedy: str = "name another file",
) -> None:
    """Candles as Parquet (`timestamp` in UTC, open, high, low, close, volume), whole or not
    at all; OutputError, ending with `remedy`, where that is not possible."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = [pa.array(columns.time).cast(pa.timestamp("ms", "UTC"))]
    arrays += [pa.array(column) for column in columns[1:]]
    table = pa.table(arrays, names=["timestamp", *Columns._fields[1:]])
    table = table.replace_schema_metadata(metadata)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, partial)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        reason = error.strerror or error
        raise OutputError(f"{path}: cannot be written ({reason}); {remedy}") from None


def with_rows(cached: Cached, rows: Sequence[Columns], spans: Iterable[tuple[int, int]]) -> Cached:
    """The cache with more candles (a later copy of the same candle wins) and spans covered."""
    parts = [cached.columns, *rows]
    time = np.concatenate([part.time for part in parts])
    order = np.argsort(time, kind="stable")
    last = np.append(np.diff(time[order]) > 0, True) if len(time) else np.empty(0, np.bool_)
    columns = (np.concatenate(column)[order][last] for column in zip(*parts, strict=True))
    return Cached(cached.path, Columns(*columns), joined([*cached.covered, *spans]))


def candles_of(cached: Cached, interval: int) -> Candles:
    """The cached columns as candles."""
    return Candles(*cached.columns, interval)


def joined(spans: Iterable[tuple[int, int]]) -> Spans:
    """Spans in order, those that touch made one, empty ones left out."""
    out: list[tuple[int, int]] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return tuple(out)


def uncovered(covered: Spans, start: int, end: int) -> Spans:
    """The parts of [start, end) that no span covers."""
    out = []
    at = start
    for first, last in covered:
        if first >= end:
            break
        if first > at:
            out.append((at, first))
        at = max(at, last)
    if at < end:
        out.append((at, end))
    return tuple(out)
