"""Values as strict JSON: NaN and infinities become null, NumPy's numbers and arrays plain ones."""

from __future__ import annotations

import re
from typing import Any

import orjson

_CONTROL = re.compile(r"[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""Those that orjson leaves as they are."""
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def json_bytes(value: Any, *, indent: bool = False) -> bytes:
    """`value` as UTF-8. Raises TypeError for what JSON does not know."""
    return orjson.dumps(value, _listed, _OPTIONS | (orjson.OPT_INDENT_2 if indent else 0))


def json_text(value: Any) -> str:
    """`value` in one line, control characters as JSON's escapes: it may go to a terminal."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", json_bytes(value).decode())


def json_value(value: Any) -> Any:
    """`value` as a reader of its JSON gets it: dicts, lists, text, numbers and None."""
    return orjson.loads(json_bytes(value))


def _listed(value: Any) -> Any:
    """What orjson leaves to its caller: named tuples, and arrays that are not contiguous."""
    if isinstance(value, tuple):
        return list(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")
