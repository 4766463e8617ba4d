"""Parquet, Feather and NumPy files as sheets."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stoptrail.core.errors import DataError
from stoptrail.feeds.formats.extensions import extension_of, without_extensions
from stoptrail.feeds.formats.levels import YFINANCE, is_yahoo, levels_of, told_apart_by, two_of
from stoptrail.feeds.tables.columns import PRICES
from stoptrail.feeds.tables.convert import one_line, scaled
from stoptrail.feeds.tables.names import field_of
from stoptrail.feeds.tables.sheets import SAMPLE, Sheet

if TYPE_CHECKING:
    import pyarrow as pa

_REASON = 160


def parquet_sheet(label: str, source: Path | bytes) -> Sheet:
    """A Parquet file; DataError where it is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def opened() -> Any:
        # Not pq.read_table: that brings Arrow's datasets, and with them pandas.
        return pq.ParquetFile(pa.BufferReader(source) if isinstance(source, bytes) else source)

    def read(wanted: Sequence[int]) -> pa.Table:
        try:
            with opened() as file:
                names = file.schema_arrow.names
                chosen = [names[i] for i in wanted]
                if len(set(names)) < len(names):
                    return _unpacked(file.read().select(list(wanted)))
                return _unpacked(file.read(columns=chosen).select(chosen))
        except (pa.ArrowException, OSError) as error:
            raise DataError(_damaged("Parquet", error)) from None

    try:
        with opened() as file:
            schema = file.schema_arrow
            names = schema.names
            many = any(_is_nested(kind) or _holds_many(kind) for kind in schema.types)
            if many or any(map(extension_of, schema)):
                return table_sheet(label, "Parquet", file.read())
            first = next(file.iter_batches(SAMPLE), None) if file.metadata.num_rows else None
    except (pa.ArrowException, OSError) as error:
        raise DataError(_damaged("Parquet", error)) from None
    cells = [_plain(_numbers(column)) for column in first.columns] if first else [[] for _ in names]
    return _named(label, "Parquet", names, cells, read)._replace(by_column=True)


def feather_sheet(label: str, source: Path | bytes) -> Sheet:
    """A Feather file (Arrow IPC), of either version; DataError where it is damaged."""
    import pyarrow as pa

    buffer = pa.BufferReader(source if isinstance(source, bytes) else source.read_bytes())
    try:
        head = buffer.read(4)
        buffer.seek(0)
        if head == b"FEA1":
            from pyarrow import feather

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # pyarrow warns of the older version
                table = feather.read_table(buffer)
        elif head == b"\xff\xff\xff\xff":
            table = pa.ipc.open_stream(buffer).read_all()
        else:
            table = pa.ipc.open_file(buffer).read_all()
    except (pa.ArrowException, OSError) as error:
        raise DataError(_damaged("Feather", error)) from None
    return table_sheet(label, "Feather", _spelled_out(table))


def _spelled_out(table: pa.Table) -> pa.Table:
    """A table with a value in every cell, where runs of equal ones stand once, and whose categories
    have plain words: of views, as polars writes them, Arrow 26 can neither cast nor count any."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for i, column in enumerate(table.columns):
        if pa.types.is_run_end_encoded(column.type):
            table = table.set_column(i, table.column_names[i], pc.run_end_decode(column))
        elif pa.types.is_dictionary(column.type) and str(column.type.value_type) == "string_view":
            words = [c.dictionary.cast(pa.string()).take(c.indices) for c in column.chunks]
            table = table.set_column(i, table.column_names[i], pa.chunked_array(words, pa.string()))
    return table


def numpy_sheet(label: str, source: Path | bytes) -> Sheet:
    """A NumPy array of rows (jesse's store); objects are not unpickled."""
    import numpy as np
    import pyarrow as pa

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that Python 2 wrote
            whole = source if isinstance(source, bytes) else source.read_bytes()
            loaded = np.load(io.BytesIO(whole))
        if hasattr(loaded, "files") and len(loaded.files) > 1:
            _refuse_several({name: loaded[name].ndim for name in loaded.files})
            columns_ = {name: np.ascontiguousarray(loaded[name]) for name in loaded.files}
            return table_sheet(label, "NumPy", pa.table(columns_))
        array = loaded[loaded.files[0]] if hasattr(loaded, "files") else loaded
        if array.dtype.names:
            table = pa.table({name: array[name] for name in array.dtype.names})
            return table_sheet(label, "NumPy", table)
        columns = [np.ascontiguousarray(column) for column in np.atleast_2d(array).T]
        table = pa.table({str(i): column for i, column in enumerate(columns)})
    except DataError:
        raise
    except Exception as error:  # a damaged header is parsed as Python, and fails as it can
        raise DataError(_damaged("NumPy", error)) from None
    return table_sheet(label, "NumPy", table)._replace(names=())


def _refuse_several(dimensions: dict[str, int]) -> None:
    """DataError for a file of several tables, each of which may be a market's, as jesse's candles
    are kept by exchange and symbol."""
    if max(dimensions.values()) > 1:
        raise DataError(
            f"holds {len(dimensions)} arrays ({one_line(', '.join(dimensions), 120)}), some of "
            "them tables: give the candles of one as a file of its own (numpy.save)"
        )


def table_sheet(label: str, kind: str, table: pa.Table) -> Sheet:
    """A table that is in memory already; columns within a column stand beside the others."""
    table = without_extensions(table)
    while any(map(_is_nested, table.schema.types)):
        table = _flattened(table)
    table = _unpacked(_in_rows(table))
    _refuse_lists(table)
    cells = [_plain(column.slice(0, SAMPLE)) for column in table.columns]
    return _named(label, kind, table.column_names, cells, lambda wanted: table.select(list(wanted)))


def _in_rows(table: pa.Table) -> pa.Table:
    """A table whose only row holds whole columns as lists, as `groupArray` and `implode` make it,
    with a row for each of their values. Raises DataError where lists stand in more rows."""
    import pyarrow as pa

    lists = [_is_list(kind) for kind in table.schema.types]
    if sum(lists) < len(PRICES):
        return table
    whole = [column.combine_chunks().flatten() for column in table.columns if _is_list(column.type)]
    if table.num_rows != 1 or len({len(column) for column in whole}) > 1:
        raise DataError(
            f"{sum(lists)} of its columns hold lists: write a row for each value (explode, unnest)"
        )
    names = [n for n, one in zip(table.column_names, lists, strict=True) if one]
    return pa.table(dict(zip(names, whole, strict=True)))


def _refuse_lists(table: pa.Table) -> None:
    """DataError where a table names no prices, and a list of them stands in one of its cells."""
    import pyarrow as pa

    kinds = dict(zip(table.schema.names, table.schema.types, strict=True))
    if set(PRICES) <= {field_of(name) for name, kind in kinds.items() if not _holds_many(kind)}:
        return
    if name := next((name for name, kind in kinds.items() if _holds_many(kind)), ""):
        if "list" in str(kinds[name]) and pa.types.is_struct(kinds[name].value_type):
            raise DataError(f"{name} holds lists: write a row for each value (explode, unnest)")
        what = "names with their values" if pa.types.is_map(kinds[name]) else "a list"
        raise DataError(
            f"{name} holds {what} in each cell: write the values into columns of their own, "
            "called open, high, low, close and volume"
        )


def _holds_many(kind: pa.DataType) -> bool:
    """Whether a cell of this type holds several values."""
    return str(kind).partition("<")[0] == "map" or "list" in str(kind).partition("<")[0]


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _is_nested(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_struct(kind))


def _flattened(table: pa.Table) -> pa.Table:
    """A table whose columns within a column stand beside the others, under their own names."""
    outer = {name: table.column(name).type for name in table.column_names}
    inner = {f"{name}.{field.name}": field.name
             for name, kind in outer.items() if _is_nested(kind) for field in kind}  # fmt: skip
    flat = table.flatten()
    return flat.rename_columns([inner.get(name, name) for name in flat.column_names])


def _plain(column: Any) -> list[Any]:
    """Cells as Python values; timestamps as milliseconds, for which Arrow imports pandas."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        pieces = getattr(column, "chunks", [column])
        cells = [cell for piece in pieces for cell in piece.view(pa.int64()).to_pylist()]
        return [None if cell is None else scaled(cell, column.type.unit) for cell in cells]
    return list(column.to_pylist())


def _unpacked(table: pa.Table) -> pa.Table:
    """A table whose packed columns are numbers."""
    for i, column in enumerate(table.columns):
        if (numbers := _numbers(column)) is not column:
            table = table.set_column(i, table.column_names[i], numbers)
    return table


def _numbers(column: Any) -> Any:
    """Prices that Nautilus packs into 8 or 16 bytes, counted in 1e-9 or 1e-16; texts that are
    written as bytes, as Hive's are; other columns as they are."""
    import pyarrow as pa

    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        try:
            return column.cast(pa.string())
        except pa.ArrowInvalid:
            return column
    if not pa.types.is_fixed_size_binary(column.type) or column.type.byte_width not in _PACKED:
        return column
    size = _PACKED[column.type.byte_width]
    raw = [None if c is None else int.from_bytes(c, "little", signed=True) / size
           for c in column.to_pylist()]  # fmt: skip
    return pa.array(raw, pa.float64())


_PACKED = {8: 10**9, 16: 10**16}
"""Nautilus' standard and high precision."""


def _named(
    label: str, kind: str, names: Sequence[str], cells: Sequence[Sequence[Any]], read: Any
) -> Sheet:
    """Names that pandas made of two levels, such as "('Close', 'BTC-USD')", taken apart."""
    columns, markets = _told_apart(names)
    if all(name.isdigit() for name in columns) and columns:
        columns = ()
    return Sheet(
        label,
        kind,
        columns,
        tuple(tuple(column) for column in cells),
        read,
        layout=YFINANCE if is_yahoo(markets) else _owner(kind, columns),
        markets=markets,
    )


def _told_apart(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of columns and their markets, () where no name has levels of which one tells such."""
    parts = two_of([levels_of(name) for name in names])
    if not any(other for _, other in parts):
        return tuple(names), ()
    first, second = ({field_of(name) for name in level} for level in zip(*parts, strict=True))
    if set(PRICES) <= second and not set(PRICES) <= first:
        parts = [(other or name, name if other else "") for name, other in parts]
    return told_apart_by([name for name, _ in parts], [other for _, other in parts])


def _owner(kind: str, names: tuple[str, ...]) -> str:
    """freqtrade's store, by its names."""
    freqtrade = ("date", "open", "high", "low", "close", "volume")
    return "freqtrade" if kind == "Feather" and names == freqtrade else ""


def _damaged(kind: str, error: Exception) -> str:
    if isinstance(error, MemoryError):  # Arrow's too: no fault of the file
        raise error
    reason = one_line((str(error).splitlines() or [""])[0], _REASON)
    return f"not a readable {kind} file ({reason}); write it again"


def has_levels(value: Any) -> bool:
    """Whether JSON is that of a frame whose columns have levels, which pandas names "('Close',
    'BTC-USD')"."""
    return isinstance(value, dict) and bool(value) and all(levels_of(name)[1:] for name in value)
