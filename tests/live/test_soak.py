"""What the soak of benchmarks/ measures."""

from __future__ import annotations

import pytest

from benchmarks.soak import Plan, calm_latency
from benchmarks.soak_clock import latencies

MS = 1_000_000


def test_a_candle_is_timed_to_its_own_commit_and_not_to_the_ticks_after_it() -> None:
    over = {100: 5 * MS, 200: 50 * MS}
    notes = [(100, 1 * MS, 0), (100, 8 * MS, 1), (100, 40 * MS, 1), (200, 57 * MS, 1)]
    assert latencies(notes, over) == [3.0, 7.0]


@pytest.mark.slow
def test_candles_of_a_short_sample_are_timed_by_ticks_too() -> None:
    """The session is not ended before it has stored what it was to be timed by; on a machine with
    other things to do it may decide two candles in one step, of which one is timed."""
    plan = Plan(
        days=1, kills=0, faults=0, ratchet="tick", transport="auto", seed=1, exchange="binance"
    )
    assert 1 <= len(calm_latency(plan, 3)) <= 3
