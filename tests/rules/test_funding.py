"""Funding: minutes, prices, accruals and running sums, from tables written by hand (C19)."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.rules.candles import Candles
from stoptrail.rules.costs import DAY
from stoptrail.rules.funding import (
    NO_FUNDING,
    NO_ROWS,
    booked_funding,
    first_candles,
    funding_of,
    funding_rows,
    on_the_minute,
    paid_since,
    payments_of,
    sum_by,
    sum_closed,
    sum_held,
    sum_opened,
)

MIDNIGHT = 20_000 * DAY
QUARTER = 900_000
HOUR = 3_600_000


def candles(*closes: float, start: int = MIDNIGHT, interval: int = QUARTER) -> Candles:
    """Candles that follow each other, of their closes alone."""
    price = np.array(closes)
    time = start + interval * np.arange(len(closes), dtype=np.int64)
    return Candles(time, price, price, price, price, np.ones(len(closes)), interval)


def paid(rows: Any, market: Candles, entry: int, leave: int) -> float:
    """By one long unit from the open of candle `entry` to an exit within candle `leave`."""
    sums = funding_of(rows, market)
    return paid_since(sum_held(sums, leave), sum_opened(sums, entry), 1.0)


@pytest.mark.parametrize(
    ("late", "minute"), [(0, 0), (11, 0), (18, 0), (29_999, 0), (30_000, 60_000), (-18, 0)]
)
def test_times_are_rounded_to_the_nearest_minute(late: int, minute: int) -> None:
    assert on_the_minute(MIDNIGHT + late) == MIDNIGHT + minute


def test_eleven_milliseconds_late_is_the_row_of_that_minute() -> None:
    market = candles(100.0, 101.0, 102.0)
    late = funding_rows([MIDNIGHT + QUARTER + 11], [0.001])
    assert paid(late, market, 0, 1) == pytest.approx(0.1)
    assert paid(late, market, 1, 2) == 0.0


def test_the_price_is_the_close_of_the_last_candle_that_closed_at_t_or_the_rows_own() -> None:
    market = candles(100.0, 200.0, 400.0)
    inside = funding_rows([MIDNIGHT + QUARTER + 60_000], [0.01])
    assert payments_of(inside, market).amount.tolist() == [100.0 * 0.01]
    assert payments_of(funding_rows([MIDNIGHT + 2 * QUARTER], [0.01]), market).amount == [2.0]
    own = funding_rows([MIDNIGHT + 2 * QUARTER], [0.01], [150.0])
    assert payments_of(own, market).amount == [1.5]


def test_a_part_of_a_row_that_accrues_takes_the_mark_that_closes_with_it() -> None:
    """Which is known when it is paid; one that is missing, or whose candle is, leaves the close."""
    market, marks = candles(100.0, 200.0, 400.0), candles(110.0, 220.0, 440.0)
    marks = marks._replace(open=marks.open + 1.0)
    rows = funding_rows([MIDNIGHT], [0.03], hours=[0.75])
    amounts = payments_of(rows, market, marks).amount
    assert amounts.tolist() == pytest.approx([1.1, 2.2, 4.4], rel=1e-12)
    rest = Candles._make([column[[0, 2]] for column in marks[:6]] + [QUARTER])
    assert payments_of(rows, market, rest).amount.tolist() == pytest.approx([1.1, 2.0, 4.4])
    gap = Candles._make([column[[0, 2]] for column in market[:6]] + [QUARTER])
    assert payments_of(rows, gap, marks).amount.tolist() == pytest.approx([1.1, 1.0, 4.4])
    whole = funding_rows([MIDNIGHT + QUARTER], [0.01])
    assert payments_of(whole, market, marks).amount.tolist() == pytest.approx([2.21])


def test_a_part_takes_the_shorter_mark_that_closes_with_it_whatever_else_is_missing() -> None:
    """The base candle's other mark is not there: what it reached is not known, its end is."""
    market = candles(100.0, 200.0)
    half = QUARTER // 2
    times = MIDNIGHT + half * np.array([1, 2, 3])
    ends = np.array([110.0, 210.0, 220.0])
    marks = Candles(times, ends, ends, ends, ends, ends, half)
    rows = funding_rows([MIDNIGHT], [0.02], hours=[0.5])
    assert payments_of(rows, market, marks).amount.tolist() == pytest.approx([1.1, 2.2])


def test_a_missing_candle_leaves_the_close_before_it() -> None:
    market = candles(100.0, 101.0, 102.0, 103.0)
    gap = Candles._make([column[[0, 3]] for column in market[:6]] + [QUARTER])
    rows = funding_rows([MIDNIGHT + 2 * QUARTER], [0.01])
    assert payments_of(rows, gap).amount == [1.0]
    assert paid(rows, gap, 0, 1) == 1.0  # held over the gap
    assert paid(rows, gap, 1, 1) == 0.0  # entered after it


def test_who_pays_at_t() -> None:
    """entry_time < T <= exit_time, times being opens; T is the open of candle 2."""
    market = candles(100.0, 100.0, 100.0, 100.0)
    rows = funding_rows([MIDNIGHT + 2 * QUARTER], [0.001])
    expected = {(0, 1): 0.0, (1, 1): 0.0, (1, 2): 0.1, (0, 3): 0.1, (2, 2): 0.0, (2, 3): 0.0}
    assert {pair: paid(rows, market, *pair) for pair in expected} == pytest.approx(expected)


def test_a_row_inside_a_candle_belongs_to_what_was_open_at_its_open() -> None:
    market = candles(100.0, 100.0, 100.0, interval=4 * HOUR)
    rows = funding_rows([MIDNIGHT + 5 * HOUR], [0.001])  # inside candle 1
    assert paid(rows, market, 1, 1) == pytest.approx(0.1)
    assert paid(rows, market, 0, 0) == 0.0
    assert paid(rows, market, 2, 2) == 0.0


def test_the_mark_at_a_close_has_the_row_of_that_moment_and_the_stop_has_not() -> None:
    market = candles(100.0, 100.0, 100.0)
    sums = funding_of(funding_rows([MIDNIGHT + 2 * QUARTER], [0.001]), market)
    assert sum_closed(sums, 1) == pytest.approx(0.1)
    assert sum_held(sums, 1) == 0.0
    assert sum_by(sums, MIDNIGHT + 2 * QUARTER) == pytest.approx(0.1)
    assert sum_by(sums, MIDNIGHT + 2 * QUARTER - 1) == 0.0


def test_intervals_may_change_as_no_grid_is_assumed() -> None:
    market = candles(*[100.0] * 12, interval=HOUR)
    hours = [8, 9, 10, 11]  # every eight hours until 8:00, then every hour
    rows = funding_rows([MIDNIGHT + h * HOUR for h in hours], [0.008, 0.001, 0.001, 0.001])
    assert paid(rows, market, 1, 11) == pytest.approx(100.0 * 0.011)
    assert paid(rows, market, 8, 10) == pytest.approx(100.0 * 0.002)


def test_an_accruing_row_is_paid_in_proportion_at_each_close_within_it() -> None:
    market = candles(*[100.0] * 8, start=MIDNIGHT + 10 * HOUR)
    rows = funding_rows([MIDNIGHT + 10 * HOUR], [0.004], hours=[1.0])
    assert paid(rows, market, 1, 3) == pytest.approx(100.0 * 0.004 * 30 / 60)  # 10:15 to 10:45
    assert paid(rows, market, 1, 2) == pytest.approx(100.0 * 0.004 * 15 / 60)
    assert paid(rows, market, 0, 7) == pytest.approx(100.0 * 0.004)
    assert paid(rows, market, 4, 7) == 0.0  # entered at 11:00


@given(st.integers(0, 300), st.integers(1, 500))
def test_the_parts_of_an_accruing_row_add_up_to_it(minute: int, minutes: int) -> None:
    market = candles(*[100.0] * 100)
    begin = MIDNIGHT + QUARTER + minute * 60_000
    rows = funding_rows([begin], [0.01], hours=[minutes / 60])
    assert paid(rows, market, 0, 99) == pytest.approx(1.0)


def test_a_long_pays_a_positive_rate_and_a_short_receives_it() -> None:
    assert booked_funding(1, 2.0, 0.5) == -1.0
    assert booked_funding(-1, 2.0, 0.5) == 1.0
    assert booked_funding(-1, 2.0, -0.5) == -1.0
    assert str(booked_funding(1, 2.0, 0.0)) == "0.0"


def test_rows_beyond_the_candles_are_ignored_and_a_first_part_knows_its_own() -> None:
    market = candles(100.0, 100.0, 100.0, 100.0)
    times = [MIDNIGHT, MIDNIGHT + QUARTER, MIDNIGHT + 3 * QUARTER, MIDNIGHT + 9 * QUARTER]
    whole = funding_of(funding_rows(times, [0.01] * 4), market)
    assert len(whole.time) == 2  # before the first close there is no price
    part = first_candles(whole, 2)
    assert part.closed.tolist() == whole.closed[:2].tolist()


def test_without_rows_nothing_is_paid() -> None:
    market = candles(100.0, 100.0)
    sums = funding_of(NO_ROWS, market)
    assert sums is NO_FUNDING
    assert [f(sums, 1) for f in (sum_opened, sum_held, sum_closed, sum_by)] == [0.0] * 4
