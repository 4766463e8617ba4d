"""What becomes of a signal that was not heard at once."""

from __future__ import annotations

import pytest

from stoptrail.live.gate import MISSED, PAUSED, STALE, Gate

SIGNAL, NEXT = 1_000_000, 1_900_000


class World:
    """A gate with the data and the clock in the test's hands."""

    def __init__(self, catch_up: str) -> None:
        self.stale = False
        self.in_time = True
        self.gate = Gate(catch_up, lambda: self.stale, lambda _: self.in_time)


@pytest.mark.parametrize("catch_up", ["stops_only", "full"])
def test_a_break_across_the_close_loses_nothing_if_the_data_is_complete_soon(catch_up: str) -> None:
    world = World(catch_up)
    world.stale = True
    assert world.gate.signal(SIGNAL) is None
    assert not world.gate.tick(), "nothing fills while data may be missing"
    world.stale = False
    world.gate.completed()
    assert world.gate.tick()
    assert world.gate.fill(NEXT) is None
    assert not world.gate.caught_up(SIGNAL)
    assert not world.gate.caught_up(NEXT)


@pytest.mark.parametrize("catch_up", ["stops_only", "full"])
def test_a_restart_soon_after_the_close_loses_nothing(catch_up: str) -> None:
    world = World(catch_up)
    world.gate.live_from = NEXT
    assert world.gate.signal(SIGNAL) is None
    assert world.gate.tick()
    assert world.gate.fill(NEXT) is None


def test_a_signal_heard_too_late_is_missed_with_its_reason() -> None:
    world = World("stops_only")
    world.in_time = False
    world.stale = True
    assert world.gate.signal(SIGNAL) == STALE
    world.stale, world.gate.live_from = False, NEXT
    assert world.gate.signal(SIGNAL) == MISSED


@pytest.mark.parametrize("why", ["down", "stale"])
def test_with_full_catch_up_it_is_simulated_at_the_open_and_never_at_a_quote(why: str) -> None:
    world = World("full")
    world.in_time = False
    world.stale, world.gate.live_from = why == "stale", NEXT if why == "down" else 0
    assert world.gate.signal(SIGNAL) is None
    world.stale = False
    world.gate.completed()
    assert not world.gate.tick()
    assert world.gate.fill(NEXT) is None
    assert world.gate.caught_up(SIGNAL)
    assert world.gate.caught_up(NEXT)
    assert not world.gate.caught_up(NEXT + 900_000)


def test_data_that_is_complete_only_later_makes_the_order_late() -> None:
    world = World("stops_only")
    world.stale = True
    assert world.gate.signal(SIGNAL) is None
    world.in_time = world.stale = False
    assert not world.gate.tick()
    assert world.gate.fill(NEXT) == STALE


def test_data_that_stays_incomplete_until_the_next_close_cancels_the_order() -> None:
    world = World("stops_only")
    world.stale = True
    assert world.gate.signal(SIGNAL) is None
    assert world.gate.fill(NEXT) == STALE


def test_an_order_of_an_earlier_process_fills_only_soon_after_its_signal() -> None:
    world = World("stops_only")
    world.gate.begin(SIGNAL)
    assert world.gate.tick()
    world.in_time = False
    world.gate.begin(SIGNAL)
    assert not world.gate.tick()
    assert world.gate.fill(NEXT) == MISSED


def test_a_pause_goes_before_everything() -> None:
    world = World("full")
    world.stale = world.gate.paused = True
    assert world.gate.signal(SIGNAL) == PAUSED
