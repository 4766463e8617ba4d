"""Types that ClickHouse writes beside the names of columns, and columns that it writes as lists."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_TYPE = re.compile(
    r"((Nullable|LowCardinality|SimpleAggregateFunction)\()*"
    r"(U?Int\d+|B?Float\d+|Decimal\d*|Date(32|Time|Time64)?|Fixed?String|String|Bool|UUID|Enum\d+)"
    r"(\(.*\))?\)*"
)
_ZONED = re.compile(r"DateTime(?:64)?\((?:\d+, ?)?\\?['\"](?P<zone>[^'\"\\]+)\\?['\"]\)")
_LONG = 20
"""Cells of a row of candles at most: longer ones are columns."""


def are_types(cells: Sequence[Any]) -> bool:
    """Whether cells are the types of columns, as a second line of names has them."""
    return bool(cells) and all(isinstance(c, str) and _TYPE.fullmatch(c.strip()) for c in cells)


def zone_of_types(text: str) -> str:
    """The zone in which times are written, as the type of their column tells it; "local" where
    types tell several, "" where none does."""
    zones = set(_ZONED.findall(text))
    return zones.pop() if len(zones) == 1 else "local" if zones else ""


def in_rows(value: Any) -> tuple[Any, str]:
    """JSON whose columns are lists without names (JSONCompactColumns) as rows, and rows whose
    second one tells types (JSONCompactEachRowWithNamesAndTypes) without it; other JSON as it is.
    Beside it the zone that such types tell, in `meta` too."""
    if isinstance(value, dict) and isinstance(value.get("meta"), list):
        return value, zone_of_types(str(value["meta"]))
    if not isinstance(value, list) or not all(isinstance(part, list) for part in value):
        return value, ""
    if len(value) > 2 and are_types(value[1]):
        return [value[0], *value[2:]], zone_of_types(" ".join(value[1]))
    widths = {len(part) for part in value}
    if 4 < len(value) <= _LONG and len(widths) == 1 and min(widths) > _LONG:
        return [list(row) for row in zip(*value, strict=True)], ""
    return value, ""
