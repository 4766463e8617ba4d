"""Candles from Parquet and CSV files, checked before anything is computed from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stoptrail.core.errors import DataError
from stoptrail.core.time import timeframe_name
from stoptrail.feeds.columns import TIME_NAMES, VALUES, Columns
from stoptrail.feeds.convert import one_line, to_floats, to_milliseconds
from stoptrail.feeds.faults import (
    Fault,
    alignment_faults,
    describe,
    duplicate_faults,
    order_faults,
    usual_step,
    value_faults,
)
from stoptrail.rules.candles import Candles

if TYPE_CHECKING:
    import pyarrow as pa

MIN_CANDLES = 2
"""Fewer candles have no timeframe."""

_PARQUET_MAGIC = b"PAR1"
_KLINE_NAMES = ("open_time", *VALUES)
"""Meaning of the first columns where a CSV has no header: the exchanges' kline export."""
_HEAD_BYTES = 4096
_REASON = 160
"""Characters of somebody else's words in a message."""


def load_candles(path: Path, interval: int | None = None, *, sparse: bool = False) -> Candles:
    """Candles of a Parquet or CSV file, recognised by content.

    `interval` is the length that the candles must have, in milliseconds; None takes the
    file's own. `sparse` admits a file whose candles mostly stand alone.
    Raises DataError, one line with file, row, column and value, for anything that is not
    a sorted series of possible candles.
    """
    columns = read_columns(path)
    if len(columns.time) < (0 if sparse else MIN_CANDLES):
        raise DataError(f"{path}: holds {len(columns.time)} candles; at least 2 are needed")
    _refuse(path, columns, duplicate_faults(columns.time))
    _refuse(path, columns, order_faults(columns.time))
    if interval is None or not sparse:
        interval = _checked_interval(path, columns, interval)
    _refuse(path, columns, alignment_faults(columns.time, interval, timeframe_name(interval)))
    _refuse(path, columns, value_faults(columns))
    return Candles(*columns, interval)


def read_columns(path: Path) -> Columns:
    """The candle columns of a file as they stand; DataError where a cell is no number or time."""
    columns = _converted(path, read_table(path))
    _return_memory()
    return columns


def _converted(path: Path, table: pa.Table) -> Columns:
    names = table.column_names
    try:
        time = to_milliseconds(table.column(0), names[0])
        return Columns(time, *(to_floats(table.column(i), names[i]) for i in range(1, 6)))
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _return_memory() -> None:
    """Arrow keeps what it has decoded with for later; there is no later here."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()


def read_table(path: Path) -> pa.Table:
    """Time, open, high, low, close and volume under the file's own names, unconverted.

    DataError where the file is missing, not readable or without one of the columns.
    """
    head = _head(path)
    try:
        return _read_parquet(path) if head.startswith(_PARQUET_MAGIC) else _read_csv(path, head)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _refuse(path: Path, columns: Columns, faults: Iterable[Fault]) -> None:
    for fault in faults:
        more = f" (and {len(fault.rows) - 1} more)" if len(fault.rows) > 1 else ""
        raise DataError(f"{path}: {describe(columns, fault)}{more}; {fault.remedy}")


def _checked_interval(path: Path, columns: Columns, interval: int | None) -> int:
    step = usual_step(columns.time)
    if interval is not None and step != interval:
        own = timeframe_name(step)
        raise DataError(
            f"{path}: the candles are {own} apart, data.timeframe is {timeframe_name(interval)}; "
            f'set data.timeframe = "{own}" or give a file of {timeframe_name(interval)} candles'
        )
    return step


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; check data.path or --data") from None
    except IsADirectoryError:
        raise DataError(f"{path}: is a folder; name a Parquet or CSV file in it") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    if not head.strip():
        raise DataError(f"{path}: the file is empty; give a Parquet or CSV file of candles")
    return head


def _read_parquet(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Not pq.read_table: that brings Arrow's datasets, and with them pandas.
        with pq.ParquetFile(path) as file:
            wanted = list(_wanted(file.schema_arrow.names).values())
            return file.read(columns=wanted).select(wanted)
    except (pa.ArrowException, OSError) as error:
        reason = one_line(str(error).splitlines()[0], _REASON)
        raise DataError(f"not a readable Parquet file ({reason}); write it again") from None


def _read_csv(path: Path, head: bytes) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    text = _text(head)
    separator = max(",;\t", key=text.splitlines()[0].count)
    first = [cell.strip().strip('"') for cell in text.splitlines()[0].split(separator)]
    names = [*_KLINE_NAMES, *map(str, range(6, len(first)))] if _numeric(first[0]) else first
    wanted = list(_wanted(names).values())
    try:
        return csv.read_csv(
            path,
            read_options=csv.ReadOptions(column_names=names, skip_rows=int(names is first)),
            parse_options=csv.ParseOptions(delimiter=separator),
            convert_options=csv.ConvertOptions(
                include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string())
            ),
        )
    except (pa.ArrowException, KeyError, OSError) as error:
        reason = one_line(str(error).splitlines()[0], _REASON)
        raise DataError(f"not a readable CSV file ({reason}); mend or remove the row") from None


def _text(head: bytes) -> str:
    """The first lines as text; binary content is refused."""
    try:
        text = head[: head.rfind(b"\n") + 1 or len(head)].decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise DataError("not a candle file; give Parquet or CSV with open time, prices and volume")
    return text.lstrip("\r\n")


def _wanted(names: Sequence[str]) -> dict[str, str]:
    """Field to the file's own column name, for time and the five values, in that order."""
    lower = {name.strip().lower(): name for name in reversed(names)}
    time = next((lower[name] for name in TIME_NAMES if name in lower), None)
    missing = [name for name in VALUES if name not in lower]
    if time is None:
        missing.insert(0, "timestamp")
    if time is None or missing:
        found = one_line(", ".join(names) or "none", _REASON)
        raise DataError(
            f"not a candle file: no column {', '.join(missing)} (found: {found}); "
            "name the columns timestamp, open, high, low, close, volume"
        )
    return {"time": time, **{name: lower[name] for name in VALUES}}


def _numeric(cell: str) -> bool:
    return cell.replace(".", "", 1).isdigit()
