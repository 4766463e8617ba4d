from datetime import UTC, datetime

import backtrader as bt
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.rules.dates import EPOCH_DAY, date_number, milliseconds

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
