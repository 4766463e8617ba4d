"""JSON as exchanges and programs write candles: rows, records, columns, and what wraps them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from stoptrail.core.errors import DataError
from stoptrail.feeds.columns import PRICES
from stoptrail.feeds.convert import one_line
from stoptrail.feeds.names import field_of
from stoptrail.feeds.sheets import Sheet
from stoptrail.feeds.structured import table_sheet

if TYPE_CHECKING:
    import pyarrow as pa


def json_sheet(label: str, content: bytes) -> Sheet:
    """The largest table of candles in a JSON text; DataError where there is none."""
    import pyarrow as pa

    value = _parsed(content)
    found = max(_tables(value), key=_size, default=None)
    if found is None or not _size(found):
        raise DataError("not a candle file: no list of candles in the JSON" + _complaint(value))
    names, rows = _rows(found)
    columns = list(zip(*rows, strict=True))
    arrays = [_array(column) for column in columns]
    table = pa.table({str(i): array for i, array in enumerate(arrays)})
    return table_sheet(label, "JSON", table)._replace(names=tuple(names))


def _parsed(content: bytes) -> Any:
    text = content.decode("utf-8-sig", "replace")
    try:
        return json.loads(text)
    except ValueError as whole:
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError:
            raise DataError(f"not a readable JSON file ({one_line(str(whole), 120)})") from None


def _tables(value: Any) -> Iterator[Any]:
    """Everything inside `value` that may be a table: rows, records, or columns by name."""
    if isinstance(value, list):
        if _is_rows(value):
            yield value
        inner = value[:3]
    elif isinstance(value, dict):
        if _columnar(value) or ({"columns", "data"} <= set(value)):
            yield value
        elif len(value) > 1 and all(isinstance(row, dict) for row in value.values()):
            yield [{"": name, **row} for name, row in value.items()]
        inner = list(value.values())
    else:
        return
    for part in inner:
        if isinstance(part, (dict, list)):
            yield from _tables(part)


def _is_rows(value: list[Any]) -> bool:
    """Rows of at least five cells, or records."""
    if not value:
        return False
    if isinstance(value[0], list):
        return all(isinstance(row, list) and len(row) > 4 for row in value)
    return all(isinstance(row, dict) for row in value)


def _columnar(value: dict[str, Any]) -> bool:
    """Whether at least five columns stand under their names, prices among them."""
    wide = [name for name, part in value.items() if isinstance(part, (list, dict))]
    return len(wide) > 3 and _prices(wide) == len(PRICES)


def _prices(names: Iterable[str]) -> int:
    return len({field_of(str(name)) for name in names} - {None})


def _size(table: Any) -> int:
    """Rows of a table that can hold candles."""
    if isinstance(table, dict):
        if "columns" in table and "data" in table:
            return len(table["data"])
        return max(len(part) for part in table.values() if isinstance(part, (list, dict)))
    if (
        isinstance(table[0], dict)
        and sum(field_of(str(name)) is not None for name in _flat(table[0])) < 4
    ):
        return 0
    return len(table)


def _rows(table: Any) -> tuple[list[str], list[list[Any]]]:
    """Names (none for plain rows) and rows of equal length."""
    if isinstance(table, list) and isinstance(table[0], list):
        width = len(table[0])
        for number, row in enumerate(table, 1):
            if len(row) != width:
                raise DataError(f"record {number} has {len(row)} values, the others have {width}")
        return [], table
    if isinstance(table, list):
        records = [_flat(record) for record in table]
        names = list(dict.fromkeys(name for record in records for name in record))
        return names, [[record.get(name) for name in names] for record in records]
    if "columns" in table and "data" in table:
        index = table.get("index")
        rows = table["data"]
        if isinstance(index, list) and len(index) == len(rows):
            return ["", *map(str, table["columns"])], [
                [at, *row] for at, row in zip(index, rows, strict=True)
            ]
        return [str(name) for name in table["columns"]], rows
    return _from_columns(table)


def _from_columns(table: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
    first = next(part for part in table.values() if isinstance(part, (list, dict)))
    if isinstance(first, dict):
        keys = list(first)
        names = [name for name, part in table.items() if isinstance(part, dict)]
        rows = [[key, *(table[name].get(key) for name in names)] for key in keys]
        return ["", *map(str, names)], rows
    names = [n for n, part in table.items() if isinstance(part, list) and len(part) == len(first)]
    return [str(name) for name in names], [
        list(row) for row in zip(*(table[name] for name in names), strict=True)
    ]


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """A record whose inner records stand beside its values (OANDA's `mid`)."""
    out: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            out |= {inner: part for inner, part in value.items() if inner not in out}
        else:
            out[str(name)] = value
    return out


def _array(column: tuple[Any, ...]) -> pa.Array:
    """A column of one type; a mixed one as text, so that a bad cell can be named."""
    import pyarrow as pa

    try:
        return pa.array(column)
    except (pa.ArrowException, OverflowError):
        pass
    return pa.array([None if cell is None else str(cell) for cell in column], pa.string())


def _complaint(value: Any) -> str:
    """What an exchange that was asked wrongly says instead of candles."""
    if isinstance(value, dict):
        for name in ("message", "msg", "error", "retMsg"):
            if value.get(name):
                return f" (it says {one_line(str(value[name]), 80)!r})"
    return ""
