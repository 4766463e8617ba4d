import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.rules.candles import Candles
from stoptrail.rules.jit import compiled
from stoptrail.rules.timeframes import (
    NO_BUCKET,
    NONE,
    Held,
    bucket_step,
    higher_candles,
    next_change,
    spread,
)

STEP, LONG = 900_000, 3_600_000
slots = st.sets(st.integers(0, 60), min_size=1).map(sorted)


def candles_at(places: list[int], start: int = 0) -> Candles:
    """A candle in each of the numbered quarters of an hour; prices tell them apart."""
    place = np.array(places, np.int64)
    price = 100.0 + place
    return Candles(start + place * STEP, price, price + 0.5, price - 0.5, price + 0.25, price, STEP)


@given(slots)
def test_buckets_hold_their_own_candles_and_appear_when_they_are_over(places: list[int]) -> None:
    candles = candles_at(places)
    bars = compiled(higher_candles)(candles, LONG)
    starts = candles.time - candles.time % LONG
    closes = candles.time + STEP
    for k, start in enumerate(bars.start):
        inside = starts == start
        assert start > starts[0] or candles.time[0] == start
        assert bars.open[k] == candles.open[inside][0]
        assert bars.high[k] == candles.high[inside].max()
        assert bars.low[k] == candles.low[inside].min()
        assert bars.close[k] == candles.close[inside][-1]
        assert bars.visible[k] == np.flatnonzero(closes >= start + LONG)[0]


@given(slots)
def test_every_finished_bucket_with_a_candle_is_there_once(places: list[int]) -> None:
    candles = candles_at(places)
    bars = compiled(higher_candles)(candles, LONG)
    starts = np.unique(candles.time - candles.time % LONG)
    finished = starts[starts + LONG <= candles.time[-1] + STEP]
    if candles.time[0] % LONG:
        finished = finished[finished != candles.time[0] - candles.time[0] % LONG]
    assert bars.start.tolist() == finished.tolist()


def test_a_first_bucket_that_the_data_enters_late_is_dropped() -> None:
    bars = higher_candles(candles_at([1, 2, 3, 4, 5, 6, 7]), LONG)
    assert bars.start.tolist() == [LONG]


def test_a_missing_last_candle_ends_its_bucket_at_the_next_close() -> None:
    bars = higher_candles(candles_at([0, 1, 2, 9, 10]), LONG)
    assert (bars.start.tolist(), bars.visible.tolist()) == ([0], [3])


def test_one_candle_can_end_an_old_bucket_and_complete_its_own() -> None:
    bars = higher_candles(candles_at([0, 1, 2, 7]), LONG)
    assert (bars.start.tolist(), bars.visible.tolist()) == ([0, LONG], [3, 3])


def test_base_candles_as_long_as_the_bucket_are_the_buckets() -> None:
    candles = candles_at([0, 1, 2])
    bars = higher_candles(candles, STEP)
    assert bars.visible.tolist() == [0, 1, 2]
    assert bars.close.tolist() == candles.close.tolist()


@given(slots)
def test_steps_give_the_same_buckets(places: list[int]) -> None:
    candles = candles_at(places)
    current, found = NO_BUCKET, []
    for i, time in enumerate(candles.time.tolist()):
        prices = (float(column[i]) for column in candles[1:5])
        current, late, done = bucket_step(current, i == 0, time, *prices, STEP, LONG)
        found += [(bar.start, bar.close, i) for bar in (late, done) if bar.start != NONE]
    bars = compiled(higher_candles)(candles, LONG)
    vector = zip(bars.start.tolist(), bars.close.tolist(), bars.visible.tolist(), strict=True)
    assert found == list(vector)


def test_values_hold_until_the_next_bucket() -> None:
    values, visible = np.array([1.0, 2.0, 3.0]), np.array([1, 3, 3])
    line = spread(values, visible, 5)
    np.testing.assert_array_equal(line, [np.nan, 1.0, 1.0, 3.0, 3.0])


def test_a_change_is_a_value_of_another_sign_or_a_first_or_no_known_one() -> None:
    values = [1.0, 2.0, 0.0, 0.0, -1.0, -2.0, np.nan, np.nan, 3.0, 1.0]
    sees = 10 * np.arange(1, len(values) + 1)
    signs = [str(np.sign(value)) for value in values]
    n = 1000
    for last in range(-1, len(values)):
        later = [k for k in range(last + 1, len(values)) if k == 0 or signs[k] != signs[k - 1]]
        expected = sees[later[0]] if later else n
        assert next_change(Held(np.array(values), sees), last, n) == expected
