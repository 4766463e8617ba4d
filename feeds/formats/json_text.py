"""JSON texts: one value, or one on each line."""

from __future__ import annotations

import json
import re
from typing import Any

from stoptrail.core.errors import DataError
from stoptrail.feeds.formats.encodings import zero_bytes
from stoptrail.feeds.tables.columns import PRICES
from stoptrail.feeds.tables.convert import one_line


def parsed(content: bytes) -> Any:
    """What a JSON text holds, or a list of what each of its lines does. Raises DataError with the
    line that cannot be read."""
    text = content.decode("utf-8-sig", "replace")
    try:
        return json.loads(text)
    except ValueError as whole:
        if zeros := zero_bytes(content):
            raise DataError(zeros) from None
        if isinstance(found := _without_last_commas(text), (list, dict)):
            return found
        if answers := _one_behind_the_other(text):
            return answers
        return _by_line(text.splitlines(), one_line(str(whole), 120))


def _without_last_commas(text: str) -> Any:
    """What a text holds whose only fault are commas before closing brackets; None of others."""
    try:
        return json.loads(_LAST_COMMA.sub("", text))
    except ValueError:
        return None


_LAST_COMMA = re.compile(r",(?=\s*[\]}])")


def _one_behind_the_other(text: str) -> list[Any]:
    """The lists or objects of a text that holds several with nothing but blanks between, as where
    answers were appended to one file; empty for any other text."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError:
            return []
        if not isinstance(value, (list, dict)):
            return []
        found.append(value)
    return found


def _by_line(lines: list[str], whole: str) -> list[Any]:
    """An object on each line; `whole` is what is wrong with the text as one."""
    found = []
    for i, line in enumerate(lines, 1):
        try:
            found += [json.loads(line.rstrip(" ,"))] if line.strip() else []
        except ValueError as error:
            reason = whole if len(found) < 2 else f"line {i}: {one_line(str(error), 80)}"
            more = "; fetch the file again where it was cut off" if i == len(lines) else ""
            raise DataError(f"not a readable JSON file ({reason}){more}") from None
    return found


def complaint(value: Any) -> str:
    """What an exchange that was asked wrongly says instead of candles."""
    if isinstance(value, dict):
        for name in ("message", "msg", "error", "retMsg"):
            if value.get(name):
                return f" (it says {one_line(str(value[name]), 80)!r})"
        pairs = [name for name, part in value.items() if _is_pairs(part)]
        if pairs:
            return f"; {one_line(', '.join(pairs), 80)} hold single values by time: give candles"
    return ""


def _is_pairs(value: Any) -> bool:
    """Whether a value is a list of times and values, as CoinGecko's market_chart has them."""
    rows = value[:_FIRST] if isinstance(value, list) else []
    return bool(rows) and all(isinstance(row, list) and len(row) == 2 for row in rows)


_FIRST = 50
"""Rows by which a list is known."""


def respelled(rows: list[Any]) -> list[Any]:
    """Records that are written in another way than by name."""
    if rows and all(isinstance(p, list) and [*map(type, p)][1:] == [dict] for p in rows):
        return [{"": time, **record} for time, record in rows]  # Zonda
    if rows and all(isinstance(p, dict) and _is_bar(p.get("y")) and "x" in p for p in rows):
        return [dict(zip(_BAR, [p["x"], *p["y"]], strict=False)) for p in rows]  # ApexCharts
    return rows


_BAR = ("time", *PRICES, "volume")


def _is_bar(value: Any) -> bool:
    """Whether a value holds the four prices of a candle, perhaps with its volume."""
    return isinstance(value, list) and len(value) in (4, 5)
