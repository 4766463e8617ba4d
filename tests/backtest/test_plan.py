"""Records as bytes and back."""

from __future__ import annotations

import numpy as np

from stoptrail.backtest.plan import Record, pack, pack_record, unpack, unpack_record
from stoptrail.rules.trade import IGNORED
from stoptrail.rules.types import FillLog, StopLog
from tests.rules.runs import TWO


def test_named_arrays_come_back_with_shape_type_and_order() -> None:
    given = {
        "one": np.arange(6, dtype=np.int8).reshape(2, 3).T,
        "other": np.array([0.1, np.nan]),
        "none": np.empty(0, np.uint64),
    }
    found = unpack(pack(given))
    assert list(found) == list(given)
    for name, array in given.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert pack(found) == pack(given)


def test_a_record_comes_back_field_by_field() -> None:
    whole = np.arange(3, dtype=np.int64)
    stops = StopLog(whole, whole + 1, whole * 0.5, whole.astype(np.int8), whole + 2, whole * 0.25)
    fills = FillLog(
        whole, whole + 1, whole + 3, whole * 0.5, whole * 2.0, whole * 0.1, whole, whole * -0.2
    )
    given = Record(TWO, stops, np.arange(len(IGNORED), dtype=np.int64), fills)
    found = unpack_record(pack_record(given))
    for ours, theirs in zip(
        (*given.trades, *given.stops, *given.fills),
        (*found.trades, *found.stops, *found.fills),
        strict=True,
    ):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    assert found.ignored.tolist() == given.ignored.tolist()
