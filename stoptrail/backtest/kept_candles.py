"""candles.parquet of a run: its candles, so that the folder alone is enough to draw it.

Prices and volumes are whole numbers of the data's decimals where that loses nothing, a
third of the size of the same floats: five years of 15m candles are about 3 MB. The names
of such columns end in `_steps`, so that nobody takes them for prices.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stoptrail.core.errors import DataError
from stoptrail.core.files import require_file, written_whole
from stoptrail.feeds.convert import numbers_of
from stoptrail.feeds.market import MarketData, candles_digest
from stoptrail.rules.candles import Candles, Floats

if TYPE_CHECKING:
    import pyarrow as pa

FILE = "candles.parquet"
_ABOUT = b"stoptrail.candles"
_PRICES = ("open", "high", "low", "close")
_STEPS = "_steps"
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
    import pyarrow as pa
    import pyarrow.parquet as pq

    digits = dict.fromkeys(_PRICES, market.price_digits) | {"volume": market.volume_digits}
    candles = market.candles
    columns: dict[str, pa.Array] = {"time": numbers_of(candles.time)}
    for name, places in digits.items():
        values = getattr(candles, name)
        steps = _whole_steps(values, places)
        columns[name if steps is None else name + _STEPS] = numbers_of(
            values if steps is None else steps
        )
    about = {"interval": candles.interval, "start": market.start, "sha256": market.sha256}
    named = pa.Table.from_arrays(list(columns.values()), names=list(columns))
    table = named.replace_schema_metadata(
        {_ABOUT: json.dumps({**about, "digits": digits}).encode()}
    )
    with written_whole(folder / FILE) as beside:
        pq.write_table(
            table,
            beside,
            compression="zstd",
            use_dictionary=False,
            column_encoding={name: _encoding(column) for name, column in columns.items()},
        )


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


def _whole_steps(values: Floats, digits: int) -> Any:
    """`values` in whole numbers of 10^-digits; None where they would not come back."""
    scale = 10.0**digits
    scaled = np.rint(values * scale)
    if not (np.abs(scaled) < _LARGEST).all() or not (scaled / scale == values).all():
        return None
    return scaled.astype(np.int64)


def _values(table: pa.Table, name: str, digits: dict[str, int]) -> Floats:
    if name in table.column_names:
        return np.asarray(table.column(name).to_numpy(), np.float64)
    steps = table.column(name + _STEPS).to_numpy()
    return np.asarray(steps / 10.0 ** digits[name], np.float64)


def _encoding(column: pa.Array) -> str:
    import pyarrow as pa

    return "DELTA_BINARY_PACKED" if pa.types.is_integer(column.type) else "BYTE_STREAM_SPLIT"
