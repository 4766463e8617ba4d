"""C8: when breakeven is armed, where it lies and when it is placed.

The ATR has a period of 1, the stop is N = 4 of them away so that the trail stays behind,
and breakeven is armed one ATR of the signal above the fill.
"""

import math

import pytest

from stoptrail.rules.costs import DAY
from tests.contract.seen import Engine
from tests.contract.tables import QUARTER_HOUR, table

SIGNAL = """
    .  100 101  99 100  10
    L  100 102  98 100  10   ATR 4: stop 100 - 16 = 84, armed from 104 on
"""
QUIET = {"multiplier": 4.0, "breakeven_trigger": 1.0}


def test_armed_at_equality_and_placed_at_a_close_above(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 104 100 103  10   the high is exactly 104: at no cost breakeven is the fill
    .  103 103 100 101  10   out there, at 100
            """
        ),
        **QUIET,
    )
    seen.expect_levels((2, 84.0, "initial"), (3, 100.0, "breakeven"))
    assert (seen.one.exit, seen.one.price, seen.one.reason) == (3, 100.0, "breakeven")
    assert seen.one.pnl == 0.0


def test_armed_at_a_decimal_that_doubles_miss(either: Engine) -> None:
    """101.2 - 97.1 is a little more than 4.1, and 104.1 reaches 100 + 4.1 all the same."""
    rows = """
    .  100 101.2  97.1 100  10
    L  100 101.2  97.1 100  10   ATR 4.1: the stop is 16.4 away
    .  100 104.1 100   103  10
    """
    levels = either.run(table(rows), **QUIET)
    levels.expect_levels((2, 83.6, "initial"), (3, 100.0, "breakeven"))


def test_not_armed_a_tick_earlier(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 103.99 99.99 103 10   range 4: 103.99 - 16 = 87.99
            """
        ),
        **QUIET,
    )
    seen.expect_levels((2, 84.0, "initial"), (3, 87.99, "trail"))


def test_armed_but_not_above_waits_for_the_first_close_above(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 104  99  99  10   armed, but the close is below the fill; 104 - 20 = 84
    .   99 101  98 100  10   a close at the level is not above it; 104 - 12 = 92
    .  100 102  97 100.01 10 104 - 20 is behind; now breakeven
            """
        ),
        **QUIET,
    )
    seen.expect_levels((2, 84.0, "initial"), (4, 92.0, "trail"), (5, 100.0, "breakeven"))


def test_breakeven_comes_before_the_trail_in_one_candle(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 106 105.9 106 10  armed; range 6 (from the last close): 106 - 24 = 82
    .  106 107 106 106  10   range 1: 107 - 4 = 103, tighter than 100
            """
        ),
        **QUIET,
    )
    seen.expect_levels((2, 84.0, "initial"), (3, 100.0, "breakeven"), (4, 103.0, "trail"))


def test_the_trail_moves_only_if_strictly_tighter_than_breakeven(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 104 103 104  10   range 4: 104 - 4 = 100 is just the breakeven level
            """
        ),
        multiplier=1.0,
        breakeven_trigger=1.0,
    )
    seen.expect_levels((2, 96.0, "initial"), (3, 100.0, "breakeven"))


def test_both_in_one_candle_are_one_move(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 105 103 104  10   breakeven 100; range 5: 105 - 2.5 = 102.5 is tighter
            """
        ),
        multiplier=0.5,
        breakeven_trigger=1.0,
    )
    seen.expect_levels((2, 98.0, "initial"), (3, 102.5, "trail"))


def test_zero_switches_it_off(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 120 100 120  10   20 above the fill, range 20: 120 - 80 = 40
            """
        ),
        multiplier=4.0,
        breakeven_trigger=0.0,
    )
    seen.expect_levels((2, 84.0, "initial"))


def test_the_arming_distance_is_the_atr_of_the_signal(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 102 101 102  10   ATR now 2, which 102 has reached; but 4 were asked for
    .  102 103.5 99 103 10   4.5: 103.5 is not 104
            """
        ),
        **QUIET,
    )
    assert "breakeven" not in {reason for _, _, reason in seen.one.levels}


def test_a_gap_can_still_lose(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 104 100 103  10   breakeven at 100
    .   97  98  95  96  10   opens below it
            """
        ),
        **QUIET,
    )
    assert (seen.one.price, seen.one.reason) == (97.0, "breakeven")
    assert seen.one.pnl == pytest.approx(-3.0 * seen.one.units)


COSTS = {"taker_fee": 0.001, "slippage": 0.0002, "breakeven_margin": 0.0002}


def test_the_level_pays_both_fees_slippage_and_margin(engine: Engine) -> None:
    seen = engine.run(
        table(
            SIGNAL
            + """
    .  100 105 100.5 105 10  armed: fill 100 * 1.0002 = 100.02, 104.02 needed
    .  105 105 100  101  10   out at breakeven
            """
        ),
        **QUIET,
        **COSTS,
    )
    fill = 100.02
    exact = fill * 1.001 / (0.999 * 0.9998) * 1.0002
    level = math.ceil(exact * 100) / 100
    price = math.floor(level * 0.9998 * 100) / 100
    assert (level, price) == (100.27, 100.24)
    seen.expect_levels((2, 84.02, "initial"), (3, level, "breakeven"))
    trade = seen.one
    assert (trade.fill, trade.price) == (fill, price)
    assert trade.pnl == pytest.approx(trade.units * (price * 0.999 - fill * 1.001))
    assert trade.pnl > 0.0


def test_the_level_of_a_short_pays_its_borrow_too(engine: Engine) -> None:
    seen = engine.run(
        table(
            """
    .  100 101  99 100  10
    S  100 102  98 100  10   ATR 4: armed from 4 below the fill on
    .  100 100  95  95  10   armed
    .   95 100  95  99  10   out at breakeven, one candle after the entry
            """
        ),
        borrow_daily=0.02,
        **QUIET,
        **COSTS,
    )
    fill = math.floor(100 * 0.9998 * 100 + 1e-9) / 100
    interest = fill * 0.02 * QUARTER_HOUR / DAY
    exact = (fill * 0.999 - interest) / (1.001 * 1.0002) * 0.9998
    level = math.floor(exact * 100) / 100
    price = math.ceil(level * 1.0002 * 100) / 100
    seen.expect_levels((2, 115.98, "initial"), (3, level, "breakeven"))
    trade = seen.one
    assert (trade.fill, trade.price) == (fill, price)
    assert trade.borrow == pytest.approx(trade.units * interest)
    assert trade.pnl == pytest.approx(trade.units * (fill * 0.999 - price * 1.001 - interest))
    assert trade.pnl > 0.0


def test_the_level_of_a_short_creeps_on_with_the_borrow(engine: Engine) -> None:
    seen = engine.run(
        table(
            """
    .  100 101  99 100  10
    S  100 102  98 100  10   ATR 4
    .  100 100  95  95  10   armed; 15 minutes at 96 % a day are 1 % of the fill: 99
    .   95  97  93  95  10   30 minutes: 98
    .   95  99  94  99  10   the level of 98 is hit: 30 minutes have been charged
            """
        ),
        borrow_daily=0.96,
        **QUIET,
    )
    seen.expect_levels((2, 116.0, "initial"), (3, 99.0, "breakeven"), (4, 98.0, "breakeven"))
    assert seen.one.price == 98.0
    assert seen.one.pnl == pytest.approx(0.0, abs=1e-9)
