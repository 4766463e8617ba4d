"""Periods and intervals of pandas in Parquet and Arrow files, which are types of its own there."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_OURS = ("pandas.period", "pandas.interval")
_FREQUENCY = re.compile(r"\d*(?P<unit>min|h|D)")
_UNITS = {"min": 60_000, "h": 3_600_000, "D": 86_400_000}
"""Milliseconds of what a period counts since 1970; shorter ones are epochs as they stand."""


def extension_of(field: pa.Field) -> tuple[str, ...]:
    """A type of pandas with what it says of itself, () for another. Arrow knows the type itself
    once pandas has been imported, else the field's metadata tell it."""
    import pyarrow as pa

    if isinstance(field.type, pa.BaseExtensionType):
        name, told = field.type.extension_name, field.type.__arrow_ext_serialize__()
    else:
        metadata = field.metadata or {}
        name = metadata.get(b"ARROW:extension:name", b"").decode()
        told = metadata.get(b"ARROW:extension:metadata", b"")
    return (name, told.decode()) if name in _OURS else ()


def without_extensions(table: pa.Table) -> pa.Table:
    """A table whose periods and intervals are the times at which they begin."""
    import pyarrow as pa

    for i, field in enumerate(table.schema):
        if told := extension_of(field):
            chunks = [getattr(chunk, "storage", chunk) for chunk in table.column(i).chunks]
            begins = [_begin(chunk, *told) for chunk in chunks]
            if begins:
                table = table.set_column(i, field.name, pa.chunked_array(begins))
    return table


def _begin(cells: pa.Array, name: str, told: str) -> pa.Array:
    """The times at which stored periods or intervals begin."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if name == "pandas.interval":
        return pc.struct_field(cells, "left")
    frequency = ""
    with suppress(ValueError):
        frequency = str(json.loads(told).get("freq"))
    if not (match := _FREQUENCY.fullmatch(frequency)):
        return cells
    return pc.multiply(cells, _UNITS[match["unit"]]).cast(pa.timestamp("ms"))
