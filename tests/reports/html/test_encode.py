from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.reports.html.encode import (
    minutes,
    packed,
    packed_integers,
    script_json,
)

CODES = {"i1": "<i1", "i2": "<i2", "i4": "<i4", "f4": "<f4", "f8": "<f8"}


def unpacked(column: dict[str, str]) -> list[float]:
    dtype = np.dtype(CODES[column["type"]])
    values: list[float] = np.frombuffer(base64.b64decode(column["data"]), dtype).tolist()
    return values


@given(st.lists(st.floats(allow_nan=False)))
def test_packed_numbers_come_back_exactly(values: list[float]) -> None:
    assert unpacked(packed(values, "float64")) == values


@given(st.lists(st.integers(-(2**31) + 1, 2**31 - 1)))
def test_packed_integers_come_back_whatever_their_width(values: list[int]) -> None:
    assert unpacked(packed_integers(np.array(values, np.int64))) == values


def test_small_integers_take_two_bytes_and_large_ones_four() -> None:
    assert packed_integers(np.array([32767, -32767]))["type"] == "i2"
    assert packed_integers(np.array([32768]))["type"] == "i4"


def test_an_integer_beyond_32_bits_is_refused() -> None:
    with pytest.raises(OverflowError):
        packed_integers(np.array([2**31]))


def test_times_become_minutes() -> None:
    assert unpacked(minutes([0, 60_000, 900_000])) == [0, 1, 15]


@given(st.text())
def test_no_text_can_end_the_script_that_carries_it(text: str) -> None:
    hostile = f"{text}</script><!--<script>{text}"
    carried = script_json({"symbol": hostile})
    assert "<" not in carried
    assert ">" not in carried
    assert json.loads(carried) == {"symbol": hostile}
