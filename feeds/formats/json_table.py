"""JSON as exchanges and programs write candles: rows, records, columns, and what wraps them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stoptrail.core.errors import DataError
from stoptrail.feeds.formats.clickhouse import in_rows
from stoptrail.feeds.formats.json_text import complaint, parsed, respelled
from stoptrail.feeds.formats.levels import levels_of
from stoptrail.feeds.formats.messages import of_messages
from stoptrail.feeds.formats.structured import has_levels, table_sheet
from stoptrail.feeds.layouts.markets import market_in_name
from stoptrail.feeds.layouts.orders import MOST, possible
from stoptrail.feeds.layouts.signatures import GECKOTERMINAL
from stoptrail.feeds.tables.columns import PRICES
from stoptrail.feeds.tables.convert import number, one_line
from stoptrail.feeds.tables.names import SYMBOLS, field_of, plain_name
from stoptrail.feeds.tables.sheets import Sheet

if TYPE_CHECKING:
    import pyarrow as pa


def json_sheet(label: str, content: bytes) -> Sheet:
    """The largest table of candles in a JSON text, those of other markets beside it included;
    DataError where there is none."""
    import pyarrow as pa

    whole, typed = in_rows(parsed(content))
    value, notes = of_messages(whole)
    if has_levels(value):
        names, rows = _from_columns(value)
        cells = map(_array, zip(*rows, strict=True))
        return table_sheet(label, "JSON", pa.table(dict(zip(names, cells, strict=True))))
    every = list(_tables(value, ()))
    tables = [found for found in every if _size(found.table)] or _of_other_names(every)
    if not tables:
        raise DataError("not a candle file: no list of candles in the JSON" + complaint(value))
    names, rows = _beside(tables)
    largest = max(tables, key=lambda found: _size(found.table))
    layout = "" if names or not _by_seconds(largest.keys, rows) else CRYPTOWATCH
    layout = GECKOTERMINAL if "ohlcv_list" in largest.keys else layout
    arrays = [_array(column) for column in zip(*rows, strict=True)]
    if any(levels_of(name)[1:] for name in names):
        return table_sheet(label, "JSON", pa.table(dict(zip(names, arrays, strict=True))))
    zone = typed or next(_zones(value), "")
    sheet = table_sheet(label, "JSON", pa.table({str(i): a for i, a in enumerate(arrays)}))
    return sheet._replace(names=tuple(names), zone=zone, layout=layout, notes=tuple(notes))


CRYPTOWATCH = "rows under the seconds of their timeframe, as Cryptowatch writes them"


def _by_seconds(keys: tuple[str, ...], rows: list[list[Any]]) -> bool:
    """Whether the key above rows is their distance in seconds."""
    if not keys or not keys[-1].isdigit() or len(rows) < 3:
        return False
    first, second, third = (number(row[0]) for row in rows[:3])
    return int(keys[-1]) in (second - first, third - second)


def _of_other_names(found: list[_Found]) -> list[_Found]:
    """The longest list of records with five numbers or more, whatever these are called: their
    numbers may tell what they are."""
    records = [each for each in found if isinstance(each.table, list) and _may_be(each.table)]
    return [max(records, key=lambda each: len(each.table))] if records else []


def _may_be(table: list[Any]) -> bool:
    first = _flat(table[0]) if isinstance(table[0], dict) else {}
    values = [number(cell) for cell in first.values() if not isinstance(cell, (bool, list))]
    return len(table) > 1 and sum(value == value for value in values) > len(PRICES)


class _Found(NamedTuple):
    """A table, and the keys that lead to it; of a record in a list, the market that it names."""

    table: Any
    keys: tuple[str, ...]


def _beside(tables: list[_Found]) -> tuple[list[str], list[list[Any]]]:
    """Names and rows of the largest table; of all that are like it, with the key that tells
    them apart in a column of its own. DataError where such tables have no names."""
    largest = max(tables, key=lambda found: _size(found.table))
    names, rows = _rows(largest.table)
    alike = [found for found in tables if len(found.keys) == len(largest.keys)]
    same = [(found.keys, *_rows(found.table)) for found in alike]
    same = [told for told in same if told[1] == names]
    differ = [part for part in zip(*(keys for keys, *_ in same), strict=True) if len({*part}) > 1]
    if len(same) < 2 or not differ:
        return names, rows
    parts = [part for part in differ if part[0][:1] != _PLACE]
    if not parts or any(plain_name(name) in SYMBOLS for name in names):
        return names, [row for _, _, part in same for row in part]
    keys = parts[0]
    counted = all(key.isdigit() for key in keys)  # seconds of timeframes, perhaps
    if not names and (counted or not (names := _plain_names(same))):
        told = one_line(", ".join(keys), 120)
        raise DataError(f"holds {len(same)} tables without names of columns ({told}); give one")
    markets = any(map(market_in_name, largest.keys))
    keys_of = list(zip(*parts, strict=True))
    return [*names, *(_what(part, markets) for part in parts)], [
        [*row, *words] for words, (_, _, table) in zip(keys_of, same, strict=True) for row in table
    ]


def _what(keys: Sequence[str], markets: bool) -> str:
    """What keys tell apart; `markets` is whether some of a table's keys is a pair."""
    if all(map(_TIMEFRAME.fullmatch, keys)):
        return "timeframe"
    return "exchange" if markets and not any(map(market_in_name, keys)) else "symbol"


def _plain_names(tables: list[tuple[tuple[str, ...], list[str], list[list[Any]]]]) -> list[str]:
    """Names of six columns that have none, where the prices of all tables fit the usual order;
    none elsewhere."""
    usual = ("time", *PRICES, "volume")
    for _, _, rows in tables:
        columns = [np.array([number(cell) for cell in cells]) for cells in zip(*rows, strict=True)]
        if len(columns) != len(usual) or possible(*columns[1:5]) < MOST:
            return []
    return list(usual)


_TIMEFRAME = re.compile(r"\d+ ?[a-zA-Z]{1,6}|\d+")


def _zones(value: Any) -> Iterator[str]:
    """What the text says of the zone of its times, outside of tables."""
    if isinstance(value, dict):
        for name, part in value.items():
            if isinstance(part, str) and plain_name(name).endswith("timezone"):
                yield part
            elif isinstance(part, dict) and len(part) < _MOST_KEYS:
                yield from _zones(part)


def _tables(value: Any, keys: tuple[str, ...]) -> Iterator[_Found]:
    """Everything inside `value` that may be a table: rows, records, or columns by name."""
    if isinstance(value, list):
        value = respelled(value)
        if _is_rows(value):
            yield _Found(value, keys)
            if _size(value):
                return
        inner = [(_market_of(part, i), part) for i, part in enumerate(value)]
    elif isinstance(value, dict):
        if (split := _with_times_beside(value)) is not None:
            yield _Found(split, keys)
            return
        if (table := _table_of(value)) is not None:
            yield _Found(table, keys)
        inner = list(value.items())
    else:
        return
    for key, part in inner:
        if isinstance(part, (dict, list)):
            yield from _tables(part, (*keys, str(key)))


def _table_of(value: dict[str, Any]) -> Any:
    """An object as a table: columns by name, or records or rows by their times; None for others."""
    if _columnar(value):
        return value
    if (named := _with_names_beside(value)) is not None:
        return named
    if len(value) > 1 and all(isinstance(row, dict) for row in value.values()):
        return [{"": name, **row} for name, row in value.items()]
    if len(value) > 1 and all(_is_row(row) for row in value.values()):
        return [[name, *row] for name, row in value.items()]
    return None


def _with_names_beside(value: dict[str, Any]) -> dict[str, Any] | None:
    """Rows (or columns) and their names under keys of one object, as databases answer: columns
    and data, fields and rows, meta and data, schema and values."""
    inner = [part.values() if isinstance(part, dict) else (part,) for part in value.values()]
    lists = [part for parts in inner for part in parts if isinstance(part, list) and part]
    names = next((n for n in map(_listed_names, lists) if _prices(n) == len(PRICES)), [])
    for part in lists:
        if not all(isinstance(row, list) for row in part) or not names:
            continue
        if len(part[0]) == len(names):
            return {"columns": names, "data": part, "index": value.get("index")}
        if len(part) == len(names):
            return dict(zip(names, part, strict=True))
    return None


def _listed_names(value: Any) -> list[str]:
    """Names of columns as a list of texts, or of objects that have a name."""
    if not isinstance(value, list):
        return []
    named = [part.get("name") if isinstance(part, dict) else part for part in value]
    return [name for name in named if isinstance(name, str)]


def _market_of(part: Any, place: int) -> str:
    """What a record around a table says of its market, else its place."""
    if isinstance(part, dict):
        for name, value in part.items():
            if plain_name(name) in SYMBOLS and isinstance(value, str):
                return value
    return f"{_PLACE}{place}"


_PLACE = "#"  # which no key begins with


def _with_times_beside(value: dict[str, Any]) -> dict[str, Any] | None:
    """Yahoo's chart: a list of times, and the prices as columns one floor below."""
    times = value.get("timestamp")
    if not isinstance(times, list):
        return None
    for found in _tables({k: v for k, v in value.items() if k != "timestamp"}, ()):
        table = found.table
        if isinstance(table, dict) and _columnar(table) and _size(table) == len(times):
            return {"timestamp": times, **table}
    return None


def _is_rows(value: list[Any]) -> bool:
    """Rows of at least five cells, or records."""
    if value and isinstance(value[0], list):
        return all(isinstance(row, list) and len(row) > 4 for row in value) and _is_row(value[0])
    return bool(value) and all(isinstance(row, dict) for row in value)


def _is_row(value: Any) -> bool:
    """Four to a dozen cells, none of which holds others."""
    if not isinstance(value, list) or not 4 <= len(value) <= _WIDEST:
        return False
    return not any(isinstance(cell, (list, dict)) for cell in value)


_WIDEST = 20
_MOST_KEYS = 50  # more are rows of a table


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
    if isinstance(table[0], dict):
        cells = _flat(table[0]).items()
        fields = [cell for name, cell in cells if field_of(_SIDE.sub("", str(name)))]
        if len(fields) < len(PRICES) or isinstance(fields[0], list):
            return 0
    return len(table)


_SIDE = re.compile("^(bid|ask|mid)(?=[ohlc]$|open|high|low|close)")


def _rows(table: Any) -> tuple[list[str], list[list[Any]]]:
    """Names (none for plain rows) and rows of equal length."""
    if isinstance(table, list) and isinstance(table[0], list):
        width = len(table[0])
        if _prices(_listed_names(table[0])) == len(PRICES):  # a sheet with its header
            return _rows({"columns": _listed_names(table[0]), "data": table[1:]})
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
    """A record whose inner records stand beside its values; prices of bid, ask or mid keep that
    in their names (OANDA)."""
    out: dict[str, Any] = {}
    for name, value in record.items():
        value = _unwrapped(value)
        if isinstance(value, dict):
            side = name if name in _SIDES else ""
            if field_of(name) and value.keys() <= _SIDES:  # {"openPrice": {"bid": 1, "ask": 2}}
                value = {inner + name: part for inner, part in value.items()}
            inside = _flat(value).items()
            out |= {side + inner: part for inner, part in inside if side + inner not in out}
        else:
            out[str(name)] = value
    return out


_SIDES = {"bid", "ask", "mid", "lastTraded"}


def _unwrapped(value: Any) -> Any:
    """What MongoDB ({"$date": ...}) and DynamoDB ({"N": ...}) wrap with its type."""
    while isinstance(value, dict) and len(value) == 1:
        ((kind, inner),) = value.items()
        if not kind.startswith("$") and kind not in ("N", "S"):
            break
        value = inner
    return value


def _array(column: tuple[Any, ...]) -> pa.Array:
    """A column of one type; a mixed one as text, so that a bad cell can be named."""
    import pyarrow as pa

    try:
        return pa.array(column)
    except (pa.ArrowException, OverflowError):
        pass
    return pa.array([None if cell is None else str(cell) for cell in column], pa.string())
