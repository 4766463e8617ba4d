"""Numbers and text on their way into a page: compact, exact, and never read as markup."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stoptrail.core.json import json_text

_NAMES = {
    "int8": "i1",
    "uint8": "u1",
    "int16": "i2",
    "int32": "i4",
    "float32": "f4",
    "float64": "f8",
}
_MARKUP = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def packed(values: ArrayLike, dtype: str) -> dict[str, str]:
    """`values` as little-endian base64: {"type": code, "data": text}; a script unpacks it."""
    array = np.ascontiguousarray(values, np.dtype(dtype).newbyteorder("<"))
    return {"type": _NAMES[dtype], "data": base64.b64encode(array.tobytes()).decode()}


def packed_integers(values: NDArray[np.int64]) -> dict[str, str]:
    """`values` in the narrower of 16 and 32 bits that holds them all.

    Raises OverflowError where 32 bits are not enough.
    """
    largest = int(np.abs(values).max(initial=0))
    if largest > np.iinfo(np.int32).max:
        raise OverflowError(f"{largest} does not fit 32 bits")
    return packed(values, "int16" if largest <= np.iinfo(np.int16).max else "int32")


def minutes(times: ArrayLike) -> dict[str, str]:
    """Times in milliseconds as packed minutes since the epoch."""
    return packed(np.asarray(times, np.int64) // 60_000, "int32")


def script_json(data: Any) -> str:
    """`data` as JSON that may stand inside a script element: it can neither close it nor
    open a comment in it."""
    text = json_text(data)
    for character, escape in _MARKUP.items():
        text = text.replace(character, escape)
    return text
