from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.core.errors import DataError
from stoptrail.feeds.span import cut_span
from tests.feeds.candle_files import QUARTER, START, candles

DAY = 86_400_000


def at(*moment: int) -> int:
    year, month, day, hour = (*moment, 0)[:4]
    return round(datetime(year, month, day, hour, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize("last_open", [at(2026, 6, 22) - DAY, at(2026, 6, 22), at(2026, 6, 22, 8)])
def test_an_open_span_is_the_last_five_years_up_to_the_last_midnight(last_open: int) -> None:
    first = at(2020, 8, 1)
    daily = candles((last_open - first) // (8 * 3_600_000) + 1, first, 8 * 3_600_000)
    cut = cut_span(daily, None, None)
    midnight = (last_open + 8 * 3_600_000) // DAY * DAY
    assert cut.end_time == midnight
    assert cut.start_time == midnight - (at(2026, 6, 22) - at(2021, 6, 22))
    assert cut.candles.time[cut.start] == cut.start_time
    assert cut.candles.time[-1] < cut.end_time


def test_what_lies_before_the_span_stays_as_warm_up() -> None:
    data = candles(1000)
    cut = cut_span(data, START + 100 * QUARTER, START + 200 * QUARTER)
    assert cut.start == 100
    assert np.array_equal(cut.candles.time, data.time[:200])


def test_less_than_five_years_are_taken_as_they_are() -> None:
    data = candles(3 * 96 + 5)
    cut = cut_span(data)
    assert (cut.start, cut.start_time, cut.end_time) == (0, START, START + 3 * DAY)


def test_less_than_a_day_reaches_to_its_own_end() -> None:
    data = candles(10)
    cut = cut_span(data)
    assert (len(cut.candles.time), cut.end_time) == (10, START + 10 * QUARTER)


def test_a_span_within_a_gap_is_empty() -> None:
    data = candles(30, missing=range(10, 20))
    with pytest.raises(DataError, match="holds no candle"):
        cut_span(data, START + 10 * QUARTER, START + 20 * QUARTER)


@pytest.mark.parametrize(("start", "end"), [(500, None), (None, -5), (20, 20), (20, 10)])
def test_a_span_without_candles_is_refused(start: int | None, end: int | None) -> None:
    first, last = (None if x is None else START + x * QUARTER for x in (start, end))
    with pytest.raises(DataError, match=r"the span .* holds no candle: x\.csv has 2021-06-22T00"):
        cut_span(candles(200), first, last, source="x.csv")


@given(st.integers(0, 299), st.integers(1, 300), st.sets(st.integers(1, 298)))
def test_the_cut_holds_exactly_the_candles_of_the_span(
    first: int, length: int, missing: set[int]
) -> None:
    data = candles(300, missing=sorted(missing))
    start, end = START + first * QUARTER, START + (first + length) * QUARTER
    inside = data.time[(data.time >= start) & (data.time < end)]
    if not len(inside):
        with pytest.raises(DataError):
            cut_span(data, start, end)
        return
    cut = cut_span(data, start, end)
    assert np.array_equal(cut.candles.time[cut.start :], inside)
    assert np.array_equal(cut.candles.time[: cut.start], data.time[data.time < start])
