import json
import math
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.core.json import json_bytes, json_text, json_value

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class Point(NamedTuple):
    x: float
    y: float


def without_nan(value):
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: without_nan(inner) for key, inner in value.items()}
    return [without_nan(inner) for inner in value] if isinstance(value, list) else value


@given(values)
def test_what_json_does_not_know_is_null_and_the_rest_comes_back(value) -> None:
    expected = without_nan(value)
    assert json_value(value) == expected
    assert json.loads(json_text(value)) == expected
    assert json.loads(json_bytes(value, indent=True)) == expected


def test_numpy_s_numbers_and_arrays_are_plain_ones() -> None:
    table = np.array([[1.0, np.nan], [np.inf, 2.0]])
    value = {"a": np.float64("nan"), "b": np.int64(3), "c": table, "d": table.T, "e": np.True_}
    assert json_value(value) == {
        "a": None,
        "b": 3,
        "c": [[1.0, None], [None, 2.0]],
        "d": [[1.0, None], [None, 2.0]],
        "e": True,
    }


def test_a_named_tuple_is_a_list() -> None:
    assert json_value({"at": Point(1.0, math.inf)}) == {"at": [1.0, None]}


def test_what_is_no_value_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        json_bytes({"a": object()})
