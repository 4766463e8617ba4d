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


def packed_stream(values: NDArray[np.int64]) -> dict[str, str]:
    """`values` in as few bytes each as they need: zigzag (0, -1, 1, -2 are 0, 1, 2, 3) in
    groups of seven bits, the lowest first, all but the last with the high bit set (LEB128).
    """
    rest = np.where(values < 0, -2 * values - 1, 2 * values).astype(np.uint64)
    length = np.ones(len(rest), np.int64)
    for bits in range(7, 64, 7):
        length += rest >= np.uint64(1) << np.uint64(bits)
    last = np.cumsum(length)
    out = np.zeros(int(last[-1]) if len(last) else 0, np.uint8)
    for group in range(int(length.max(initial=0))):
        here = length > group
        part = (rest[here] & np.uint64(0x7F)).astype(np.uint8)
        more = (length[here] > group + 1).astype(np.uint8) << 7
        out[last[here] - length[here] + group] = part | more
        rest >>= np.uint64(7)
    return {"type": "v", "data": base64.b64encode(out.tobytes()).decode()}


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
