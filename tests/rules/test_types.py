import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.rules.candles import Candles, Signals
from stoptrail.rules.costs import DAY
from stoptrail.rules.types import (
    BOTH,
    CYCLE_EXIT,
    EXITS,
    OPEN,
    SIDES,
    STOP_TRAIL,
    beginnings,
    day_marks,
    setups,
    stop_log,
    trade_log,
)

HOUR = 3_600_000


def signals(zone: list[int]) -> Signals:
    return Signals(np.array(zone, np.int8), np.zeros(len(zone), np.int8), 0)


def candles_at(hours: list[int]) -> Candles:
    price = np.full(len(hours), 100.0)
    return Candles(np.array(hours, np.int64) * HOUR, price, price, price, price, price, HOUR)


def test_the_first_candle_of_each_zone_is_an_event() -> None:
    found = setups(signals([1, 1, 0, 1, -1, -1, 0, 0, -1]), BOTH, 0)
    assert found.candle.tolist() == [0, 3, 4, 8]
    assert found.side.tolist() == [1, 1, -1, -1]


def test_events_before_the_first_candle_are_left_out_and_zones_not_begun_anew() -> None:
    assert setups(signals([0, 1, 1, 1, 0, -1]), BOTH, 2).candle.tolist() == [5]


def test_one_side_only_leaves_the_zones_as_they_are() -> None:
    zone = [1, -1, 1, 0, 1]
    assert setups(signals(zone), SIDES["long"], 0).candle.tolist() == [0, 2, 4]
    assert setups(signals(zone), SIDES["short"], 0).candle.tolist() == [1]


@given(st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=60), st.integers(0, 60))
def test_every_event_is_a_change_into_a_zone(zone: list[int], first: int) -> None:
    found = setups(signals(zone), BOTH, first)
    for i in range(len(zone)):
        begins = zone[i] != 0 and (i == 0 or zone[i - 1] != zone[i])
        assert (i in found.candle) == (begins and i >= first)


def test_days_are_marked_at_the_start_each_midnight_and_the_end() -> None:
    marks = day_marks(candles_at(list(range(5, 60))), 2)
    assert (marks.time // HOUR).tolist() == [7, 24, 48, 60]
    # Candle k opens at hour 5 + k, so midnight is the close of candle 18.
    assert marks.candle.tolist() == [1, 18, 42, 54]


def test_a_midnight_among_missing_candles_has_the_last_close_before_it() -> None:
    marks = day_marks(candles_at([0, 1, 2, 50, 51]), 0)
    assert (marks.time // HOUR).tolist() == [0, 24, 48, 52]
    assert marks.candle.tolist() == [-1, 2, 2, 4]


def test_an_end_at_midnight_is_marked_once() -> None:
    marks = day_marks(candles_at(list(range(24))), 0)
    assert marks.time.tolist() == [0, DAY]


def test_logs_have_room_and_fixed_types() -> None:
    trades, stops = trade_log(3), stop_log(4)
    assert {len(column) for column in trades} == {3}
    assert {len(column) for column in stops} == {4}
    assert trades.side.dtype == trades.reason.dtype == stops.reason.dtype == np.int8


def test_codes_lead_to_the_names_that_settings_have() -> None:
    assert (EXITS[STOP_TRAIL], EXITS[CYCLE_EXIT]) == ("stop_trail", "cycle")
    assert SIDES == {"both": BOTH, "long": 1, "short": -1}
    assert BOTH not in (1, -1)
    assert OPEN < 0


def test_beginnings_belong_to_all_candles() -> None:
    found = beginnings(signals([0, 1, -1]))
    assert (found.candle.tolist(), found.first) == ([1, 2], 0)
