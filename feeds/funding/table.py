"""Which files hold the funding that is meant, and one of them as columns, whatever wraps them."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stoptrail.core.errors import DataError
from stoptrail.feeds.formats.archive import Member
from stoptrail.feeds.formats.encodings import HEAD_BYTES, decoded
from stoptrail.feeds.formats.structured import feather_sheet
from stoptrail.feeds.layouts.markets import market_in_name, same_market
from stoptrail.feeds.layouts.strangers import is_ticker_of_a_swap
from stoptrail.feeds.tables.columns import PRICES
from stoptrail.feeds.tables.convert import number, one_line
from stoptrail.feeds.tables.names import field_of

if TYPE_CHECKING:
    import pyarrow as pa


def of_funding(members: Sequence[Member], on_notice: Callable[[str], None]) -> Sequence[Member]:
    """Of files some of whose names say funding those: freqtrade's lie beside candles."""
    named = [member for member in members if "funding" in member.name.rpartition("/")[2].lower()]
    if not named or len(named) == len(members):
        return members
    left = len(members) - len(named)
    on_notice(f"of {len(members)} files {left} are left out, whose names do not say funding")
    return named


def named_alike(
    members: Sequence[Member], symbol: str, on_notice: Callable[[str], None]
) -> Sequence[Member]:
    """Of files whose names tell several markets those of `symbol`, where there are any, and
    those whose names tell none."""
    named = [market_in_name(member.name.rpartition("/")[2]) for member in members]
    mine = [bool(symbol and name and same_market(name, symbol)) for name in named]
    kept = [m for m, name, own in zip(members, named, mine, strict=True) if own or not name]
    if not any(mine) or len(kept) == len(members):
        return members
    left = len(members) - len(kept)
    on_notice(f"of {len(members)} files {left} are left out, whose names tell no {symbol}")
    return kept


def funding_table(member: Member) -> pa.Table:
    """The columns of a CSV, Parquet, Feather or JSON file, those of a CSV as text.
    Raises DataError."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    whole = member.source.read_bytes() if isinstance(member.source, Path) else member.source
    try:
        if whole[:4] == b"PAR1":
            return pq.read_table(pa.BufferReader(whole))
        if whole.startswith((b"ARROW1", b"FEA1")):
            sheet = feather_sheet(member.label, whole)
            return sheet.read(range(sheet.width)).rename_columns(list(sheet.names))
        whole = _in_utf_8(whole)
        if whole.lstrip()[:1] in (b"[", b"{"):
            return pa.Table.from_pylist(_records(json.loads(whole)))
        first = whole.split(b"\n", 1)[0].decode("utf-8-sig").strip()
        separator = max(",;\t|", key=first.count)
        names = next(csv.reader([first], delimiter=separator), [])
        bare = _without_header(names)
        text = pa.csv.ConvertOptions(column_types=dict.fromkeys(bare or names, pa.string()))
        split = pa.csv.ParseOptions(delimiter=separator)
        named = pa.csv.ReadOptions(column_names=bare or None)
        return pa.csv.read_csv(pa.BufferReader(whole), named, split, text)
    except (pa.ArrowException, ValueError, OSError) as error:
        reason = one_line(str(error), 200)
        raise DataError(
            f"{member.label}: no file of funding ({reason}); give CSV or Parquet with time and rate"
        ) from None


def _in_utf_8(content: bytes) -> bytes:
    """A text of any encoding in UTF-8. Raises ValueError."""
    try:
        text, _ = decoded(content, content[:HEAD_BYTES])
    except DataError:
        raise ValueError("it is no text") from None
    assert isinstance(text, bytes)
    return text


def refuse_tickers(member: Member, names: Sequence[str]) -> None:
    """DataError for a swap's tickers, by the plain names of their columns."""
    if is_ticker_of_a_swap(names):
        raise DataError(
            f"{member.label}: holds tickers, whose rates are foretold until they are paid; give a "
            "file with the time and the rate of each payment"
        )


def _without_header(cells: Sequence[str]) -> list[str]:
    """Names for the columns of Gate's archive, and of Binance's where its header was left out, by
    the cells of the first row; [] of others."""
    if not all(map(_is_number, cells)):
        return []
    if len(cells) == 3 and cells[1].strip() in ("1", "2", "4", "8"):
        return ["calc_time", "funding_interval_hours", "last_funding_rate"]
    return ["time", "rate"] if len(cells) == 2 else []


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\s*-?[\d.]+(e-?\d+)?\s*", text, re.IGNORECASE) is not None


_BARE = {2: ("time", "rate"), 6: ("time", "open", "high", "low", "close", "volume")}
"""Rows of freqtrade's JSON, whose older ones are candles."""


def _bare_rows(value: Any) -> list[list[float]]:
    """Lists of numbers of one length, [] where a value is something else."""
    rows = value if isinstance(value, list) and all(isinstance(row, list) for row in value) else []
    widths = {len(row) for row in rows}
    numbers = all(isinstance(cell, int | float) for row in rows for cell in row)
    return rows if len(widths) == 1 and widths <= _BARE.keys() and numbers else []


def rate_in_open(table: pa.Table, names: Sequence[str]) -> bool:
    """Whether rates stand as the opens of candles whose other prices are 0, as freqtrade kept them.
    Raises DataError for other candles."""
    if not set(PRICES) <= {field_of(name) for name in names}:
        return False
    others = [i for i, name in enumerate(names) if name in ("high", "low", "close", "volume")]
    if names.count("open") == 1 and len(others) == len(PRICES):
        filled = [cell for i in others for cell in table.column(i).to_pylist()]
        if filled and not any(map(_number, filled)):
            return True
    raise DataError(
        "holds candles (of prices, or of a rate as it was foretold), not what was paid; give a "
        "file with the time and the rate of each payment"
    )


def _number(cell: object) -> float:
    return number(cell) if cell not in (None, "") else 0.0


def _records(value: Any) -> list[dict[str, Any]]:
    """The longest list of records in a JSON text, whatever wraps it; of rows without names that
    of times and rates."""
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return (_records([*value[0].values()]) if len(value) == 1 else []) or value
    if rows := _bare_rows(value):
        return [dict(zip(_BARE[len(row)], row, strict=True)) for row in rows]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max((_records(part) for part in inner), key=len, default=[])
