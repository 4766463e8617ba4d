from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.config.trading import Strategy
from stoptrail.core.time import (
    DAY_MS,
    iso_time,
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
