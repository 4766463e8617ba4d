"""Times a moment behind the beginning of a candle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stoptrail.core.errors import DataError
from stoptrail.feeds.files import load_file
from stoptrail.feeds.layouts.recognise import Reading
from tests.feeds.candle_files import QUARTER, same
from tests.feeds.test_refusals import refusal, walk
from tests.feeds.written import PLAIN, rows_of, table

GIVEN = walk(120)


def late(path: Path, by: np.ndarray, header: str = PLAIN, early: int = 0) -> Path:
    given = zip(rows_of(GIVEN), by.tolist(), strict=True)
    rows = [[row[0] - early + ms, *row[1:]] for row, ms in given]
    return table(path, header, rows)


@pytest.mark.parametrize("every", [120, 50, 3])
@pytest.mark.parametrize("by", [1000, 400, 8999])
def test_a_few_late_times_are_those_of_their_candles_and_that_is_said(
    tmp_path: Path, every: int, by: int
) -> None:
    path = late(tmp_path / "a.csv", np.where(np.arange(120) % every == 0, by, 0))
    loaded = load_file(path, QUARTER)
    assert same(loaded.candles, GIVEN)
    (said,) = loaded.notes
    assert f"{-(-120 // every)} of 120 times are up to {by / 1000:g} s behind the beginning" in said


@pytest.mark.parametrize("by", [np.full(120, 1000), 1 + np.arange(120) * 7919 % 4999])
def test_times_that_are_all_late_may_be_seen_closes_and_are_asked_about(
    tmp_path: Path, by: np.ndarray
) -> None:
    path = late(tmp_path / "a.csv", by)
    for interval in (QUARTER, None):
        with pytest.raises(DataError, match=r'set data\.stamp to "open" or "close"'):
            load_file(path, interval)
    assert same(load_file(path, QUARTER, Reading(stamp="open")).candles, GIVEN)
    closes = late(tmp_path / "b.csv", by, early=-QUARTER)
    assert same(load_file(closes, QUARTER, Reading(stamp="close")).candles, GIVEN)
    named = late(tmp_path / "c.csv", by, PLAIN.replace("timestamp", "open_time"))
    assert same(load_file(named, QUARTER).candles, GIVEN)


def test_a_time_far_behind_is_named_as_before(tmp_path: Path) -> None:
    path = late(tmp_path / "a.csv", np.where(np.arange(120) == 7, 60_000, 0))
    assert "row 8 (line 9): time = " in (said := refusal(path))
    assert "does not open on a 15m boundary" in said
