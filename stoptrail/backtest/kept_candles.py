"""candles.parquet of a run: its candles, so that the folder alone is enough to draw it.

Prices and volumes are whole numbers of the data's decimals where that loses nothing, a
third of the size of the same floats: five years of 15m candles are about 3 MB. The names
of such columns end in `_steps`, so that nobody takes them for prices.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stoptrail.core.errors import DataError
from stoptrail.core.files import require_file, written_whole
from stoptrail.feeds.market import MarketData, candles_digest
from stoptrail.feeds.tables.convert import numbers_of
from stoptrail.rules.candles import Candles, Floats, Times

if TYPE_CHECKING:
    import pyarrow as pa

FILE = "candles.parquet"
_ABOUT = b"stoptrail.candles"
_PRICES = ("open", "high", "low", "close")
_STEPS = "_steps"
_GROUP = 2**18
"""Rows that are written at a time."""
_LARGEST = 2.0**53
"""Above it a float64 holds no whole numbers one by one."""


class Kept(NamedTuple):
    """The candles of a run."""

    candles: Candles
    """Warm-up first, then the span."""
    start: int
    """Index of the first candle of the span."""


def write_kept(folder: Path, market: MarketData) -> None:
    """Write FILE into `folder`, whole or not at all. Raises OutputError."""
    import pyarrow.parquet as pq

    digits = dict.fromkeys(_PRICES, market.price_digits) | {"volume": market.volume_digits}
    candles = market.candles
    scales = {name: _scale(getattr(candles, name), places) for name, places in digits.items()}
    about = {"interval": candles.interval, "start": market.start, "sha256": market.sha256}
    told = {_ABOUT: json.dumps({**about, "digits": digits}).encode()}
    first = _rows(candles, scales, 0).replace_schema_metadata(told)
    encodings = {column: _encoding(first.column(column)) for column in first.column_names}
    with (
        written_whole(folder / FILE) as beside,
        pq.ParquetWriter(
            beside,
            first.schema,
            compression="zstd",
            use_dictionary=False,
            column_encoding=encodings,
        ) as writer,
    ):
        writer.write_table(first)
        for begin in range(_GROUP, len(candles.time), _GROUP):
            writer.write_table(_rows(candles, scales, begin))


def read_kept(folder: Path) -> Kept | None:
    """The candles of the run in `folder`; None where it has kept none.

    Raises DataError where they are damaged: not those that their digest says.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / FILE
    if not path.exists():
        return None
    require_file(path, "file of the run's candles", DataError)
    try:
        table = pq.read_table(path)
        about = json.loads((table.schema.metadata or {})[_ABOUT])
        values = [_values(table, name, about["digits"]) for name in (*_PRICES, "volume")]
        time = table.column("time").to_numpy().astype(np.int64)
        candles = Candles._make([time, *values, int(about["interval"])])
        kept = Kept(candles, int(about["start"]))
        if not 0 <= kept.start < len(time) or candles.interval <= 0 or (np.diff(time) <= 0).any():
            raise ValueError("the times are not those of candles")
        whole = candles_digest(candles) == about["sha256"]
    except (KeyError, ValueError, TypeError, pa.ArrowException, OSError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise DataError(f"{path}: the run's candles cannot be read ({first})") from None
    if not whole:
        raise DataError(f"{path}: damaged, these are not the run's candles; delete the file")
    return kept


def _scale(values: Floats, digits: int) -> float:
    """What makes `values` whole numbers of 10^-digits; NaN where they would not come back."""
    scale = 10.0**digits
    for begin in range(0, len(values), _GROUP):
        some = values[begin : begin + _GROUP]
        scaled = np.rint(some * scale)
        if not (np.abs(scaled) < _LARGEST).all() or not (scaled / scale == some).all():
            return math.nan
    return scale


def _rows(candles: Candles, scales: dict[str, float], begin: int) -> pa.Table:
    """The rows of a group, from candle `begin` on."""
    import pyarrow as pa

    part = slice(begin, begin + _GROUP)
    columns = {"time": numbers_of(candles.time[part])}
    for name, scale in scales.items():
        values: Floats | Times = getattr(candles, name)[part]
        if math.isnan(scale):
            columns[name] = numbers_of(values)
        else:
            columns[name + _STEPS] = numbers_of(np.rint(values * scale).astype(np.int64))
    return pa.Table.from_arrays(list(columns.values()), names=list(columns))


def _values(table: pa.Table, name: str, digits: dict[str, int]) -> Floats:
    if name in table.column_names:
        return np.asarray(table.column(name).to_numpy(), np.float64)
    steps = table.column(name + _STEPS).to_numpy()
    return np.asarray(steps / 10.0 ** digits[name], np.float64)


def _encoding(column: pa.Array) -> str:
    import pyarrow as pa

    return "DELTA_BINARY_PACKED" if pa.types.is_integer(column.type) else "BYTE_STREAM_SPLIT"
