"""C5 to C7 and C9: initial stop, trigger, trail, and their order within a candle.

Longs are written, both sides are run. The ATR has a period of 1, so it is the true range
of the candle; the stop is two ATRs away; nothing costs anything.
"""

import pytest

from tests.contract.seen import Engine
from tests.contract.tables import table

SIGNAL = """
    .  100 101  99 100  10
    L  100 102  98 100  10   true range 4, so N * ATR = 8
"""


def test_a_stop_is_hit_where_the_low_touches_it(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 101  97 100  10   entry at 100, stop 100 - 8 = 92; candidate 101 - 8 = 93
    .   99  99  93  98  10   the low is exactly 93
            """
        )
    )
    trade = seen.one
    assert (trade.signal, trade.entry, trade.exit) == (1, 2, 3)
    assert (trade.fill, trade.price, trade.reason) == (100.0, 93.0, "trail")
    seen.expect_levels((2, 92.0, "initial"), (3, 93.0, "trail"))


def test_a_stop_one_tick_below_the_low_is_not_hit(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 101  97 100  10   stop 93 from here on
    .   99  99  93.01 98 10  a tick above it
            """
        )
    )
    assert seen.one.exit is None


def test_a_gap_through_the_stop_fills_at_the_open(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 100  96 100  10   stop 92; candidate 100 - 8 = 92 is not tighter
    .   90  91  88  89  10   opens two below the level
            """
        )
    )
    assert (seen.one.exit, seen.one.price, seen.one.reason) == (3, 90.0, "initial")
    assert seen.one.pnl == pytest.approx((90.0 - 100.0) * seen.one.units)


def test_the_initial_stop_holds_on_the_entry_candle(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 103  91  99  10   entry at 100, then down through 92
    .   99 100  98  99  10
            """
        )
    )
    trade = seen.one
    assert (trade.entry, trade.exit) == (2, 2)
    assert (trade.price, trade.reason) == (92.0, "initial")
    seen.expect_levels((2, 92.0, "initial"))


def test_the_distance_is_the_atr_of_the_signal_from_the_fill(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  101 103 100 102  10   entry a point above the signal's close: 101 - 8 = 93
            """
        )
    )
    assert (seen.one.fill, seen.one.initial, seen.one.atr) == (101.0, 93.0, 4.0)


def test_the_level_in_force_is_tested_before_the_candle_moves_it(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 102  98 101  10   stop 92; candidate 102 - 8 = 94
    .  101 105 101 105  10   range 4: candidate 105 - 8 = 97, though the low was 101
    .  105 110  96 104  10   a new high on the way, but 97 is the level in force: out
            """
        )
    )
    assert (seen.one.exit, seen.one.price) == (4, 97.0)
    seen.expect_levels((2, 92.0, "initial"), (3, 94.0, "trail"), (4, 97.0, "trail"))


def test_the_trail_breathes_with_the_atr_and_never_loosens(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 103 100 103  10   range 3: 103 - 6 = 97
    .  103 104  99 103  10   range 5: 104 - 10 = 94 would loosen, 97 stays
    .  103 104 103 104  10   range 1: 104 - 2 = 102, tighter though no new high
    .  104 104 103.5 104 10  range 0.5: 104 - 1 = 103
    .  104 104  98 100  10   out at 103
            """
        )
    )
    seen.expect_levels(
        (2, 92.0, "initial"), (3, 97.0, "trail"), (5, 102.0, "trail"), (6, 103.0, "trail")
    )
    assert (seen.one.exit, seen.one.price) == (6, 103.0)


def test_the_true_range_of_a_gap_counts_from_the_last_close(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 101  99 101  10   range 2: 101 - 4 = 97
    .  106 107 105 106  10   true range 107 - 101 = 6: 107 - 12 = 95, 97 stays
    .  106 106 104 105  10   range 2: 107 - 4 = 103, from the extreme of a candle ago
            """
        )
    )
    seen.expect_levels((2, 92.0, "initial"), (3, 97.0, "trail"), (5, 103.0, "trail"))


def test_the_extreme_starts_at_the_fill(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 100  99 99.5 10   no high above the fill: 100 - 2 * 1 = 98
            """
        )
    )
    seen.expect_levels((2, 92.0, "initial"), (3, 98.0, "trail"))


def test_a_fill_above_the_high_is_the_extreme(engine: Engine) -> None:
    """Slippage of 1 %: the entry at 101 is worse than any price of its candle."""
    seen = engine.run(
        table(
            SIGNAL
            + """
    .  100 100  99 99.5 10   range 1: 101 - 2 * 1 = 99
            """
        ),
        slippage=0.01,
    )
    assert seen.one.fill == 101.0
    seen.expect_levels((2, 93.0, "initial"), (3, 99.0, "trail"))


def test_a_longer_atr_is_the_mean_and_then_wilders_average(either: Engine) -> None:
    seen = either.run(
        table(
            """
    .  100 101  99 100  10   2 (the first true range is high - low)
    .  100 102  98 100  10   4
    L  100 101  98 100  10   3: ATR(3) = (2 + 4 + 3) / 3 = 3
    .  100 103  97 102  10   6: (3 * 2 + 6) / 3 = 4; 103 - 2 * 4 = 95
            """
        ),
        atr_period=3,
    )
    assert seen.one.atr == 3.0
    seen.expect_levels((3, 94.0, "initial"), (4, 95.0, "trail"))


def test_a_fixed_trail_keeps_the_atr_of_the_signal(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 103 102 103  10   103 - 8 = 95 whatever the range of this candle
    .  103 104 103 104  10   104 - 8 = 96
            """
        ),
        frozen=True,
    )
    seen.expect_levels((2, 92.0, "initial"), (3, 95.0, "trail"), (4, 96.0, "trail"))


def test_a_candle_without_volume_tests_nothing_but_moves_the_stop(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 102  98 101  10   stop 94
    .  101 101  90 101   0   through the stop, but nothing traded; range 11: 94 stays
    .  101 103 101 103   0   range 2: 103 - 4 = 99
    .  103 103  99 100  10   out at 99
            """
        )
    )
    seen.expect_levels((2, 92.0, "initial"), (3, 94.0, "trail"), (5, 99.0, "trail"))
    assert (seen.one.exit, seen.one.price) == (5, 99.0)


def test_a_stop_is_tested_on_the_first_candle_after_a_gap_in_the_data(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 102  98 101  10   stop 94
    -
    -
    .   97  98  93  95  10   out at 94
            """
        )
    )
    assert (seen.one.exit, seen.one.price) == (5, 94.0)


def test_an_open_position_is_marked_at_the_last_close(either: Engine) -> None:
    seen = either.run(
        table(
            SIGNAL
            + """
    .  100 102  98 101  10   stop 94 for a candle that is not there
            """
        )
    )
    trade = seen.one
    assert (trade.exit, trade.price, trade.reason) == (None, 101.0, "trail")
    assert trade.pnl == pytest.approx((101.0 - 100.0) * trade.units)
    seen.expect_levels((2, 92.0, "initial"), (3, 94.0, "trail"))


@pytest.mark.parametrize("low", [92.0, 91.99, 85.0])
def test_a_stop_out_without_a_gap_fills_at_the_level(either: Engine, low: float) -> None:
    seen = either.run(
        table(
            SIGNAL
            + f"""
    .  100 100 {low} 99  10
            """
        )
    )
    assert (seen.one.exit, seen.one.price) == (2, 92.0)
