import gc

import numpy as np
import pytest

from stoptrail.rules.timeframes import LineMemory
from stoptrail.strategies.signals.mtf_cycle import mtf_cycle
from tests.strategies.market import random_market


class Maker:
    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return np.full(3, float(self.calls))


def test_a_line_is_made_once_for_the_same_candles():
    memory, candles, make = LineMemory(4), random_market(1, 1), Maker()
    first = memory.line(candles, "a", make)
    assert memory.line(candles, "a", make) is first
    assert make.calls == 1


def test_another_name_interval_or_column_makes_another_line():
    memory, candles, make = LineMemory(9), random_market(1, 1), Maker()
    memory.line(candles, "a", make)
    memory.line(candles, "b", make)
    memory.line(candles._replace(interval=2 * candles.interval), "a", make)
    for column in ("time", "open", "high", "low", "close"):
        other = candles._replace(**{column: getattr(candles, column).copy()})
        memory.line(other, "a", make)
    assert make.calls == 8


def test_candles_that_are_gone_are_never_mistaken_for_new_ones_at_their_address():
    memory, make = LineMemory(500), Maker()
    gc.collect()
    gc.freeze()  # what other tests have left is looked through once, not at every turn
    try:
        for seed in range(50):
            candles = random_market(seed, 1)
            memory.line(candles, "a", make)
            del candles
            gc.collect()
    finally:
        gc.unfreeze()
    assert make.calls == 50


def test_the_lines_used_longest_ago_go_first():
    memory, candles, make = LineMemory(2), random_market(1, 1), Maker()
    for name in "abac":
        memory.line(candles, name, make)
    assert make.calls == 3
    memory.line(candles, "a", make)
    assert make.calls == 3
    memory.line(candles, "b", make)
    assert make.calls == 4


def test_no_more_bytes_are_kept_than_may_be_but_the_newest_line():
    """A line of the maker's takes 24 bytes."""
    memory, candles, make = LineMemory(9, 60), random_market(1, 1), Maker()
    for name in "abc":
        memory.line(candles, name, make)
    memory.line(candles, "c", make)
    memory.line(candles, "b", make)
    assert make.calls == 3
    memory.line(candles, "a", make)
    assert make.calls == 4
    tight = LineMemory(9, 10)
    for name in "aab":
        tight.line(candles, name, make)
    assert make.calls == 6


def test_tuples_of_arrays_are_kept_and_counted_too():
    memory, candles = LineMemory(9, 60), random_market(1, 1)
    for name in "ab":
        memory.line(candles, name, lambda: (np.zeros(3), np.zeros(2), np.int64(7)))
    found = memory.line(candles, "b", lambda: None)
    assert found[2] == 7
    with pytest.raises(ValueError, match="read-only"):
        found[1][0] = 1.0
    assert memory.line(candles, "a", lambda: None) is None


def test_a_kept_line_cannot_be_written_into():
    line = LineMemory(1).line(random_market(1, 1), "a", Maker())
    with pytest.raises(ValueError, match="read-only"):
        line[0] = 1.0


def test_a_signal_over_kept_lines_equals_one_over_new_ones():
    candles = random_market(2)
    parameters = {"trend": "price_ema", "trend_period": 6, "cycle_period": 8.0}
    again = [mtf_cycle(candles, **parameters) for _ in range(2)]
    copies = candles._replace(close=candles.close.copy())
    again.append(mtf_cycle(copies, **parameters))
    for signals in again[1:]:
        np.testing.assert_array_equal(signals.zone, again[0].zone)
    assert again[0].zone.any()
