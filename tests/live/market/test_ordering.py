from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stoptrail.exchange.rows import Row
from stoptrail.live.market.events import CandleClosed, Event, Tick
from stoptrail.live.market.ordering import Sequence
from stoptrail.live.market.warnings import Redaction, WarningLog
from stoptrail.rules.quotes import NO_QUOTE

LENGTH = 60_000
NAN = float("nan")


def row(at: int, volume: float = 1.0, close: float = 10.0) -> Row:
    return at * LENGTH, 10.0, max(close, 11.0), min(close, 9.0), close, volume


def sequence(delivered: int = 0) -> Sequence:
    return Sequence(LENGTH, delivered * LENGTH, WarningLog(Redaction({})))


def times(events: list[Event]) -> list[int]:
    return [event.time // LENGTH for event in events if isinstance(event, CandleClosed)]


def moment(event: Event) -> int:
    assert isinstance(event, CandleClosed | Tick)
    return event.time


def test_the_newest_candle_of_the_record_is_not_closed() -> None:
    assert times(sequence().confirm([row(1), row(2), row(3)])) == [1, 2]


def test_a_candle_is_due_once_a_later_event_time_is_seen() -> None:
    one = sequence()
    one.confirm([row(1)])
    assert not one.due
    one.stream_candle(row(1, 2.0))
    one.tick(2 * LENGTH - 1, 10.0, NO_QUOTE, "a")
    assert not one.due
    one.tick(2 * LENGTH, 10.0, NO_QUOTE, "b")
    assert one.due


def test_ticks_wait_for_the_close_before_them_and_come_in_between() -> None:
    one = sequence()
    one.confirm([row(1)])
    now = [*one.tick(LENGTH + 5, 10.0, NO_QUOTE, "a"), *one.tick(2 * LENGTH, 11.0, NO_QUOTE, "b")]
    now += one.tick(3 * LENGTH, 12.0, NO_QUOTE, "c")
    now += one.confirm([row(1), row(2), row(3)])
    assert [(type(event), moment(event)) for event in now] == [
        (Tick, LENGTH + 5),
        (CandleClosed, LENGTH),
        (Tick, 2 * LENGTH),
        (CandleClosed, 2 * LENGTH),
        (Tick, 3 * LENGTH),
    ]


def test_a_tick_of_a_closed_candle_is_left_out() -> None:
    one = sequence()
    one.confirm([row(1), row(2)])
    assert one.tick(LENGTH + 5, 10.0, NO_QUOTE, "a") == []


def test_a_trade_that_a_reconnect_brings_after_newer_ones_is_left_out() -> None:
    one = sequence()
    one.confirm([row(1)])
    told = [one.tick(LENGTH + at, 10.0, NO_QUOTE, str(at)) for at in (5, 9, 7, 9 - 1)]
    told.append(one.tick(LENGTH + 9, 10.0, NO_QUOTE, "at the same time"))
    assert [[moment(event) - LENGTH for event in events] for events in told] == [
        [5], [9], [], [], [9],
    ]  # fmt: skip
    for at in (30, 20):  # those that wait for a close as well
        assert one.tick(2 * LENGTH + at, 10.0, NO_QUOTE, f"later {at}") == []
    released = one.confirm([row(1), row(2)])
    assert [moment(event) for event in released] == [LENGTH, 2 * LENGTH + 30]


def test_nothing_behind_a_hole_is_told_before_somebody_has_looked_into_it() -> None:
    one = sequence()
    one.confirm([row(1)])
    one.stream_candle(row(5))
    assert times(one.confirm([row(1), row(4), row(5)])) == [1]
    assert one.hole == 4 * LENGTH
    assert times(one.confirm([row(4), row(5)])) == []
    assert times(one.confirm([row(4), row(5)], passed=3 * LENGTH)) == []
    assert times(one.confirm([row(4), row(5)], passed=4 * LENGTH)) == [4]
    assert one.hole is None


def test_a_hole_that_fills_on_the_second_reading_was_none() -> None:
    one = sequence()
    one.confirm([row(1)])
    one.stream_candle(row(4))
    one.confirm([row(1), row(3), row(4)])
    assert times(one.confirm([row(2), row(3), row(4)])) == [2, 3]


def test_a_record_behind_the_stream_is_read_again() -> None:
    one = sequence()
    one.confirm([row(1)])
    one.stream_candle(row(1, 5.0))
    one.stream_candle(row(2))
    assert one.confirm([row(1, 4.0), row(2)]) == []
    assert one.confirm([row(1, 5.0), row(2)]) == [CandleClosed(*row(1, 5.0))]


def test_a_time_that_the_record_never_shows_is_given_up() -> None:
    one = sequence()
    one.confirm([row(1)])
    one.tick(10**15, 10.0, NO_QUOTE, "a")
    readings = 0
    while one.due:
        readings += 1
        assert one.confirm([row(1)]) == []
        assert readings < 100
    assert not one.waiting


def test_waiting_ticks_can_be_released_marked() -> None:
    one = sequence()
    one.confirm([row(1)])
    assert one.tick(2 * LENGTH, 10.0, NO_QUOTE, "a") == []
    assert one.release_ahead() == [Tick(2 * LENGTH, 10.0, NO_QUOTE.bid, NO_QUOTE.ask, True)]


faults = st.lists(
    st.one_of(
        st.tuples(st.just("candle"), st.integers(0, 12), st.floats(0.0, 3.0)),
        st.tuples(st.just("tick"), st.integers(0, 12 * LENGTH), st.floats(1.0, 99.0)),
        st.tuples(st.just("record"), st.integers(1, 12), st.just(0.0)),
    ),
    max_size=60,
)


@given(faults)
def test_whatever_the_stream_says_candles_are_the_record_s_and_ticks_in_order(
    said: list[tuple[str, int, float]],
) -> None:
    one = sequence()
    told: list[Event] = []
    newest = 1
    for number, (kind, at, value) in enumerate(said):
        if kind == "candle":
            one.stream_candle(row(at, value))
        elif kind == "tick":
            told += one.tick(at, value, NO_QUOTE, str(number))
        else:
            newest = max(newest, at)
            told += one.confirm([row(k) for k in range(one.since // LENGTH, newest + 1)])
    for _ in range(60):  # a record that lags in each candle is believed in the end
        told += one.confirm([row(k) for k in range(one.since // LENGTH, newest + 1)])
    assert [event for event in told if isinstance(event, CandleClosed)] == [
        CandleClosed(*row(k)) for k in range(1, newest)
    ]
    under_way = 1
    for event in told:
        if isinstance(event, CandleClosed):
            under_way = event.time // LENGTH + 1
        else:
            assert isinstance(event, Tick)
            assert event.time // LENGTH == under_way


def test_what_waits_for_its_trades_is_not_missing() -> None:
    one = sequence()
    told = one.confirm([row(1), row(2), row(3)], heard=2 * LENGTH + 5)
    assert times(told) == [1]
    assert one.settled


def test_what_came_after_the_last_trade_heard_may_be_missing() -> None:
    one = sequence(5)
    assert times(one.confirm([row(6), row(7), row(8)], heard=5 * LENGTH + 5)) == []
    assert not one.settled
