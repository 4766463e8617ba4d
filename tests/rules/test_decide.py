import itertools
from math import nan

import pytest

from stoptrail.rules.decide import (
    NO_OBSTACLE,
    expired,
    obstacle,
    order_for,
    quiet_after,
    sized_units,
)
from stoptrail.rules.jit import compiled
from stoptrail.rules.protections import guard_start
from stoptrail.rules.sizing import ALL_IN, NO_CLOSED_TRADES
from stoptrail.rules.trade import COOLDOWN, PENDING, POSITION, PROTECTION
from tests.rules.runs import FREE

STOPPED = FREE._replace(protections=FREE.protections._replace(drawdown=0.1))
"""No entries below 900 of 1000."""


@pytest.mark.parametrize("function", [obstacle, compiled(obstacle)])
def test_the_first_of_several_obstacles_is_the_one_that_counts(function) -> None:
    order = (POSITION, PENDING, COOLDOWN, PROTECTION)
    for stands in itertools.product((False, True), repeat=4):
        is_open, is_pending, is_quiet, is_stopped = stands
        equity = 900.0 if is_stopped else 900.1
        quiet_until = 8 if is_quiet else 7
        found = function(is_open, is_pending, 7, quiet_until, guard_start(1000.0), equity, STOPPED)
        first = next((code for code, there in zip(order, stands, strict=True) if there), None)
        assert found == (NO_OBSTACLE if first is None else first)


def test_the_units_risk_a_share_of_the_equity_down_to_the_stop() -> None:
    """A hundredth of 1000 over twice an ATR of 4; all the cash where all-in."""
    assert (
        sized_units(1, 1000.0, 50.0, 4.0, nan, NO_CLOSED_TRADES, FREE.trade_rules)
        == 1000.0 * 0.01 / 8.0
    )
    sizing = FREE.trade_rules.sizing._replace(kind=ALL_IN)
    all_in = FREE.trade_rules._replace(sizing=sizing)
    assert sized_units(-1, 1000.0, 50.0, 4.0, nan, NO_CLOSED_TRADES, all_in) == 20.0


@pytest.mark.parametrize("atr", [0.0, -1.0, float("nan")])
def test_without_a_distance_there_is_nothing_to_buy(atr: float) -> None:
    assert sized_units(1, 1000.0, 50.0, atr, nan, NO_CLOSED_TRADES, FREE.trade_rules) == 0.0


def test_an_order_is_good_until_the_delay_after_the_close_has_passed() -> None:
    late = FREE._replace(delay=300)
    entry_order = order_for(-1, 2.0, 1000.0, 4.0, 5000, 6000, late)
    assert entry_order._asdict() == {
        "side": -1,
        "units": 2.0,
        "equity": 1000.0,
        "atr": 4.0,
        "signal": 5000,
        "latest": 6300,
    }
    assert not expired(entry_order, 6300)
    assert expired(entry_order, 6301)


def test_signals_count_again_a_cool_down_after_the_candle_of_the_exit() -> None:
    assert quiet_after(10, FREE) == 10
    assert quiet_after(10, FREE._replace(cooldown=3)) == 13
