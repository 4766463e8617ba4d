"""Downloaded candles on disk: one Parquet file for each market and timeframe.

The file says which spans it covers, so that a download goes on where it stopped, and an
outage that was asked for twice is not asked for again. What the exchange did not serve is
not covered; that it was asked for is noted with the time.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stoptrail.config.market import Filters, Maintenance, MarketSettings
from stoptrail.core.errors import DataError, OutputError
from stoptrail.core.files import (
    reason_of,
    write_json,
    written_whole,
)
from stoptrail.core.time import Spans, joined, uncovered, within
from stoptrail.exchange.markets import MarketFacts
from stoptrail.exchange.rows import Row, candle_row
from stoptrail.feeds.files import load_candles
from stoptrail.feeds.tables.columns import Columns
from stoptrail.rules.candles import Candles, Times

Unserved = tuple[tuple[int, int, int], ...]
"""Spans that the exchange did not serve, each with when it was asked, in milliseconds."""

_COVERED = b"stoptrail.covered"
_UNSERVED = b"stoptrail.unserved"
"""Its presence also says that holes in what is covered were asked for twice."""
_NOTED = ("type", "contract_size", "volume")
"""What a file of filters holds besides them."""
_SURE = 200
"""Candles without a hole between them that are believed of a file without that mark."""


class Cached(NamedTuple):
    """What the cache holds of one market."""

    path: Path
    columns: Columns
    covered: Spans
    unserved: Unserved = ()


def cache_path(folder: Path, exchange_id: str, symbol: str, timeframe: str) -> Path:
    """The file of a market, such as cache/binance/BTC-USDT_15m.parquet."""
    name = symbol.replace("/", "-").replace(":", "_").replace(os.sep, "-")
    return folder / exchange_id / f"{name}_{timeframe}.parquet"


def mark_path(folder: Path, exchange_id: str, symbol: str, timeframe: str) -> Path:
    """The file of a market's mark candles, such as cache/bybit/BTC-USDT_USDT_mark_15m.parquet."""
    return cache_path(folder, exchange_id, symbol, f"mark_{timeframe}")


def read_cache(path: Path, interval: int) -> Cached:
    """The cached candles, none where there is no file; DataError where it is damaged.

    What another process replaces while it is read is read again: it is opened more than once,
    and half of one file and half of the next are no damage.
    """
    while True:
        before, damage = _state_of(path), None
        try:
            found = _read(path, interval)
        except DataError as error:
            damage = error
        if _state_of(path) != before:
            continue
        if damage is not None:
            raise damage
        return found


def _state_of(path: Path) -> tuple[int, int, int] | None:
    """What tells a file from the one that replaces it."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read(path: Path, interval: int) -> Cached:
    if not path.exists():
        return Cached(path, Columns(np.empty(0, np.int64), *(np.empty(0) for _ in range(5))), ())
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(path).metadata or {}
        covered = tuple((int(a), int(b)) for a, b in json.loads(metadata[_COVERED]))
        unserved = tuple(
            (int(a), int(b), int(c)) for a, b, c in json.loads(metadata.get(_UNSERVED, "[]"))
        )
        candles = load_candles(path, interval, sparse=True)
    except (DataError, KeyError, ValueError, TypeError, pa.ArrowException, OSError):
        raise DataError(f"{path}: the cached candles are damaged; delete the file") from None
    if _UNSERVED not in metadata:
        covered = _believed(candles.time, covered, interval)
    return Cached(path, Columns(*candles[:6]), covered, unserved)


def covered_spans(path: Path) -> Spans:
    """What a cached file covers, without its candles; nothing where it cannot say for sure."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(path).metadata or {}
        spans = tuple((int(a), int(b)) for a, b in json.loads(metadata[_COVERED]))
    except (OSError, KeyError, ValueError, TypeError, pa.ArrowException):
        return ()
    return spans if _UNSERVED in metadata else ()


def _believed(time: Times, covered: Spans, interval: int) -> Spans:
    """What is believed of a file whose holes were not asked for twice: long runs without
    one, and of each covered span not the last candle, which may be unfinished."""
    cuts = np.flatnonzero(np.diff(time) != interval) + 1
    runs = (
        (int(run[0]), int(run[-1]) + interval) for run in np.split(time, cuts) if len(run) >= _SURE
    )
    whole = [(start, end - interval) for start, end in covered]
    return joined(span for start, end in runs for span in within(whole, start, end))


def write_cache(cached: Cached) -> None:
    """Replace the file as a whole, keeping what another process has added to it meanwhile;
    OutputError where that is not possible."""
    with _alone(cached.path):
        cached = _with_others(cached)
        noted = {_COVERED: cached.covered, _UNSERVED: cached.unserved}
        metadata = {name: json.dumps(spans).encode() for name, spans in noted.items()}
        write_candles(cached.path, cached.columns, metadata, "set data.cache")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """No other process writes into the folder of `path` meanwhile; the system gives the lock
    up with the process that holds it. Raises OutputError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({reason_of(error)}); set data.cache"
        ) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _with_others(cached: Cached) -> Cached:
    """`cached` with the candles and spans that are in its file by now; its own copies win."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not cached.path.exists():
        return cached
    try:
        with pq.ParquetFile(cached.path) as file:
            metadata = file.schema_arrow.metadata or {}
            table = file.read(columns=["timestamp", *Columns._fields[1:]])
        time = table.column(0).cast(pa.timestamp("ms", "UTC")).cast(pa.int64())
        arrays = [column.to_numpy() for column in (time, *table.columns[1:])]
        covered = [(int(a), int(b)) for a, b in json.loads(metadata[_COVERED])]
    except (KeyError, ValueError, TypeError, pa.ArrowException, OSError):
        return cached  # damaged since it was read: what is written now is whole
    if _UNSERVED not in metadata:
        covered = []  # of an older version, which `read_cache` has judged
    there = Cached(cached.path, Columns(*arrays), joined(covered), cached.unserved)
    return with_rows(there, [cached.columns], cached.covered)


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
    with written_whole(path, remedy) as beside:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, beside)


def with_rows(cached: Cached, rows: Sequence[Columns], spans: Iterable[tuple[int, int]]) -> Cached:
    """The cache with more candles (a later copy of the same candle wins) and spans covered."""
    parts = [cached.columns, *rows]
    time = np.concatenate([part.time for part in parts])
    order = np.argsort(time, kind="stable")
    last = np.append(np.diff(time[order]) > 0, True) if len(time) else np.empty(0, np.bool_)
    columns = (np.concatenate(column)[order][last] for column in zip(*parts, strict=True))
    return cached._replace(columns=Columns(*columns), covered=joined([*cached.covered, *spans]))


def last_before(cached: Cached, start: int) -> Row | None:
    """The last candle of the covered span that ends at `start`."""
    for first, last in cached.covered:
        if last == start:
            at = int(np.searchsorted(cached.columns.time, start)) - 1
            if at >= 0 and cached.columns.time[at] >= first:
                return candle_row([column[at] for column in cached.columns])
    return None


def with_unserved(cached: Cached, spans: Spans, start: int, end: int, now: int) -> Cached:
    """The cache after [start, end) was asked for at `now`, and `spans` of it not served."""
    kept = [
        (part[0], part[1], refused_at)
        for first, last, refused_at in cached.unserved
        for part in uncovered(((start, end),), first, last)
    ]
    return cached._replace(unserved=tuple(sorted([*kept, *((a, b, now) for a, b in spans)])))


def candles_of(cached: Cached, interval: int) -> Candles:
    """The cached columns as candles."""
    return Candles(*cached.columns, interval)


def filters_path(folder: Path, exchange_id: str, symbol: str) -> Path:
    """The file of a market's filters, such as cache/binance/BTC-USDT_filters.json."""
    return cache_path(folder, exchange_id, symbol, "filters").with_suffix(".json")


def write_facts(folder: Path, exchange_id: str, symbol: str, facts: MarketFacts) -> None:
    """Keep what the exchange says of a market, and the tiers of its maintenance margin where
    others are not told; OutputError where that fails."""
    path = filters_path(folder, exchange_id, symbol)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); set data.cache") from None
    if facts.maintenance is None:
        facts = facts._replace(maintenance=_kept_maintenance(folder, exchange_id, symbol))
    told = {name: getattr(facts, name) for name in _NOTED}
    kept = facts.maintenance
    table = {"maintenance": kept._asdict()} if kept else {}
    write_json(path, {**facts.filters._asdict(), **told, **table})


def _kept_maintenance(folder: Path, exchange_id: str, symbol: str) -> Maintenance | None:
    """The tiers as they were read last."""
    try:
        facts = read_facts(folder, exchange_id, symbol)
    except DataError:
        return None
    return facts.maintenance if facts else None


def read_facts(folder: Path, exchange_id: str, symbol: str) -> MarketFacts | None:
    """What was kept of a market; None without any, DataError for a damaged file."""
    path = filters_path(folder, exchange_id, symbol)
    if not path.exists():
        return None
    try:
        values = json.loads(path.read_text("utf-8"))
        found = Filters(*(values[name] for name in Filters._fields))
        # older files have none of the other three
        size = values.get("contract_size", 1.0)
        kind = values.get("type", "swap" if ":" in symbol else "spot")
        unit = values.get("volume", "base")
        known = kind in ("spot", "swap") and unit in ("base", "unknown")
        if not known or not all(v is None or 0 <= v < float("inf") for v in (*found, size)):
            raise ValueError(values)
        kept = _maintenance_in(values.get("maintenance"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DataError(f"{path}: the filters are damaged; delete the file") from None
    return MarketFacts(found, kind, size, unit, kept)


def _maintenance_in(table: Any) -> Maintenance | None:
    """What `write_facts` has made of tiers; ValueError (pydantic's) where they are none."""
    if table is None:
        return None
    own = MarketSettings(maintenance_margin=table["tiers"], maintenance_by=table["by"])
    return Maintenance(own.maintenance_steps, own.maintenance_by, str(table["place"]))
