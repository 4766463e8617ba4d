from __future__ import annotations

import base64
import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.reports.html.markup import (
    minutes,
    packed,
    packed_stream,
    script_json,
)

CODES = {"u1": "<u1", "i1": "<i1", "i2": "<i2", "i4": "<i4", "f4": "<f4", "f8": "<f8"}


def unpacked(column: dict[str, str]) -> list[float]:
    dtype = np.dtype(CODES[column["type"]])
    values: list[float] = np.frombuffer(base64.b64decode(column["data"]), dtype).tolist()
    return values


@given(st.lists(st.floats(allow_nan=False)))
def test_packed_numbers_come_back_exactly(values: list[float]) -> None:
    assert unpacked(packed(values, "float64")) == values


def streamed(column: dict[str, str]) -> list[int]:
    """The numbers of a stream, read byte by byte as the definition of LEB128 says."""
    assert column["type"] == "v"
    values, value, shift = [], 0, 0
    for byte in base64.b64decode(column["data"]):
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            values.append((value >> 1) ^ -(value & 1))
            value, shift = 0, 0
    return values


@given(st.lists(st.integers(-(2**50), 2**50)))
def test_a_stream_of_integers_comes_back(values: list[int]) -> None:
    assert streamed(packed_stream(np.array(values, np.int64))) == values


def test_small_integers_take_one_byte_of_a_stream() -> None:
    small, large = (packed_stream(np.array(x))["data"] for x in ([0, -1, 1, -64, 63], [64, -65]))
    assert base64.b64decode(small) == b"\0\1\2\x7f\x7e"
    assert len(base64.b64decode(large)) == 4


def test_times_become_minutes() -> None:
    assert unpacked(minutes([0, 60_000, 900_000])) == [0, 1, 15]


@given(st.text())
def test_no_text_can_end_the_script_that_carries_it(text: str) -> None:
    hostile = f"{text}</script><!--<script>{text}"
    carried = script_json({"symbol": hostile})
    assert "<" not in carried
    assert ">" not in carried
    assert json.loads(carried) == {"symbol": hostile}
