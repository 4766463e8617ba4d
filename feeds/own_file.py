"""The project's own candle files, read column by column and only where they are needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stoptrail.feeds.tables.columns import PRICES, VALUES
from stoptrail.rules.candles import Candles, Times


def read_own(
    path: Path,
    interval: int,
    start: int,
    end: int,
    *,
    traded: bool = True,
    sparse: bool = False,
) -> Candles | None:
    """The candles of [start, end), times in ms, of a file as `data convert` and the cache write
    it; `interval` 0 takes the file's own length, `traded` leaves out those without volume,
    `sparse` admits candles that all stand alone. None for any other file, for one whose candles
    are out of order, off the grid or not of that length, and where the span holds none.

    A file as large as five years of minutes needs little more memory than its columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        return None
    try:
        file = pq.ParquetFile(path)
        kinds = dict(zip(file.schema_arrow.names, file.schema_arrow.types, strict=True))
        if kinds != {"timestamp": pa.timestamp("ms", "UTC")} | dict.fromkeys(VALUES, pa.float64()):
            return None
        times = _column(file, "timestamp").view(np.int64)
        first, last = np.searchsorted(times, [start, end])
        own = _step(times)
        step = interval or own
        if first == last or not _in_order(times, step) or (own != step and not sparse):
            return None
        rows = slice(int(first), int(last))
        volume = _column(file, "volume")[rows]
        chosen = volume > 0.0 if traded else np.ones(len(volume), np.bool_)
        kept = times[rows][chosen]
        del times
        values = [_column(file, name)[rows][chosen] for name in PRICES]
        values.append(volume[chosen])
    except (pa.ArrowException, OSError, ValueError):
        return None
    finally:
        pa.default_memory_pool().release_unused()
    if not all(np.isfinite(value).all() for value in values):
        return None
    return Candles._make([kept, *values, step])


def _column(file: Any, name: str) -> NDArray[Any]:
    return np.asarray(file.read([name], use_threads=False).column(0).to_numpy())


def _step(times: Times) -> int:
    return int(np.diff(times).min()) if len(times) > 1 else 0


def _in_order(times: Times, step: int) -> bool:
    if step <= 0 or (times[:1] % step).any():
        return False
    steps = np.diff(times)
    return bool((steps >= step).all() and (steps % step == 0).all())
