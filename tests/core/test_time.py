"""None"""

from __future__ import annotations

from datetime import UTC, datetime

import backtrader as bt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.config.trading import Strategy
from stoptrail.core.time import (
    DAY_MS,
    EPOCH_DAY,
    date_number,
    iso_time,
    milliseconds,
    time_ms,
    timeframe_ms,
)
from tests.config.files import SIGNAL


@pytest.mark.parametrize(
    ("text", "minutes"), [("1m", 1), ("15m", 15), ("90m", 90), ("4h", 240), ("1d", 1440)]
)
def test_a_timeframe_is_its_length(text: str, minutes: int) -> None:
    assert timeframe_ms(text) == minutes * 60_000


@pytest.mark.parametrize(
    "text", ["", "m", "15", "0m", "7h", "2d", "1w", "-1h", "1.5h", "15 m", "٣m"]
)
def test_what_does_not_divide_the_day_is_no_timeframe(text: str) -> None:
    with pytest.raises(ValueError, match="divides the day"):
        timeframe_ms(text)


@given(st.integers(0, 4_000_000_000_000))
def test_a_time_survives_being_written(milliseconds: int) -> None:
    assert time_ms(iso_time(milliseconds)) == milliseconds


def test_a_time_without_an_offset_is_utc() -> None:
    assert time_ms("2021-06-22") == time_ms("2021-06-22T00:00:00Z")
    assert time_ms("2021-06-22T02:00:00+02:00") == time_ms("2021-06-22")


def test_midnight_is_written_as_a_date() -> None:
    assert iso_time(DAY_MS) == "1970-01-02"
    assert iso_time(DAY_MS + 1000) == "1970-01-02T00:00:01Z"


@pytest.mark.parametrize(
    ("written", "minutes"), [(0, 0), (45, 45), ("0m", 0), ("2h", 120), ("1d", 1440)]
)
def test_a_delay_is_minutes(written: int | str, minutes: int) -> None:
    strategy = Strategy.model_validate({"signal": SIGNAL, "entry_max_delay": written})
    assert strategy.entry_max_delay == minutes
    assert strategy.entry_max_delay_ms == minutes * 60_000


FIFTY_YEARS = 50 * 365 * 86_400_000


def test_the_epoch_is_its_ordinal() -> None:
    assert datetime(1970, 1, 1, tzinfo=UTC).toordinal() == EPOCH_DAY


@given(st.integers(0, 2 * FIFTY_YEARS))
def test_milliseconds_survive_the_way_through_a_date_number(time: int) -> None:
    assert milliseconds(date_number(time)) == time


@given(st.integers(0, FIFTY_YEARS // 60_000))
def test_it_is_backtraders_own_number(minute: int) -> None:
    moment = datetime.fromtimestamp(minute * 60, UTC)
    assert abs(date_number(minute * 60_000) - bt.date2num(moment.replace(tzinfo=None))) < 1e-9
