"""C18: targets, parts, time, where a trail begins, and exits of the user's own.

Longs are written, both sides are run where prices mirror. N * ATR is 8 at the signal, which is
R; 1 % of 10,000 at risk makes 12.5 units. The stop does not trail unless a test says so.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from stoptrail.config.own_code import own_errors
from stoptrail.core.errors import ConfigError
from stoptrail.core.time import iso
from stoptrail.rules.market import Market
from stoptrail.rules.own_exit import (
    LEAVE,
    RuleCandle,
    RulePosition,
    RuleStop,
)
from stoptrail.rules.stops import ATR_TRAIL, CHANDELIER, NO_TRAIL, PERCENT
from tests.contract.seen import Engine, Seen
from tests.contract.tables import table

SIGNAL = """
    .  100 101  99 100  10
    L  100 102  98 100  10   range 4: the stop is 8 away, at 92
"""
WHOLE_UNITS = Market(100.0, 1.0, 1.0, 1.0, 0.0, 0.0)
"""Lot 1: 12 units."""


def run(engine: Engine, rows: str, **numbers: Any) -> Seen:
    """The signal, then these rows; the stop stays where it is."""
    return engine.run(table(SIGNAL + rows), **{"trail": NO_TRAIL, **numbers})


def test_touching_a_target_is_not_enough(either: Engine) -> None:
    seen = run(either, ".  100 108 97 100  10\n.  100 108 97 100  10", target=1.0)
    assert seen.one.exit is None


def test_beyond_a_target_it_fills_at_its_level(either: Engine) -> None:
    seen = run(either, ".  100 101 97 100  10\n.  100 108.01 97 100  10", target=1.0)
    assert (seen.one.exit, seen.one.price, seen.one.reason) == (3, 108.0, "target")
    assert seen.one.pnl == pytest.approx(12.5 * 8.0)


def test_a_gap_beyond_a_target_fills_at_its_level_never_better(either: Engine) -> None:
    seen = run(either, ".  100 101 97 100  10\n.  112 113 111 112  10", target=1.0)
    assert (seen.one.exit, seen.one.price, seen.one.reason) == (3, 108.0, "target")


def test_a_target_can_fill_on_the_candle_of_the_entry(either: Engine) -> None:
    seen = run(either, ".  100 109 97 100  10", target=1.0)
    assert (seen.one.entry, seen.one.exit, seen.one.price) == (2, 2, 108.0)


def test_the_stop_comes_before_a_target_within_a_candle(either: Engine) -> None:
    seen = run(either, ".  100 109 92 100  10", target=1.0)
    assert (seen.one.exit, seen.one.price, seen.one.reason) == (2, 92.0, "initial")


def test_a_target_that_the_open_passes_comes_before_the_stop(either: Engine) -> None:
    seen = run(either, ".  100 101 97 100  10\n.  109 110 90 91  10", target=1.0)
    assert (seen.one.exit, seen.one.price, seen.one.reason) == (3, 108.0, "target")


def test_a_stop_that_the_open_passes_comes_before_a_target(either: Engine) -> None:
    seen = run(either, ".  100 101 97 100  10\n.  91 115 90 91  10", target=1.0)
    assert (seen.one.exit, seen.one.price, seen.one.reason) == (3, 91.0, "initial")


def test_a_target_counts_in_r_or_in_atrs(either: Engine) -> None:
    rows = ".  100 104.01 97 100  10"
    assert run(either, rows, target=1.0).one.exit is None
    assert run(either, rows, target=1.0, in_atrs=True).one.price == 104.0
    assert run(either, rows, target=0.5).one.price == 104.0


def test_a_target_lies_on_the_tick_away_from_the_market(either: Engine) -> None:
    """0.1234 * 8 = 0.9872: 100.9872 becomes 100.99."""
    assert run(either, ".  100 100.99 97 100  10", target=0.1234).one.exit is None
    assert run(either, ".  100 101 97 100  10", target=0.1234).one.price == 100.99


def test_a_target_pays_the_makers_fee_and_no_slippage(engine: Engine) -> None:
    rows = ".  100 120 99 100  10"
    costs = {"taker_fee": 0.001, "slippage": 0.01, "maker_fee": 0.0002}
    trade = run(engine, rows, target=1.0, **costs).one
    assert (trade.fill, trade.price, trade.units) == (101.0, 109.0, 12.5)
    assert trade.fees == pytest.approx(12.5 * (101.0 * 0.001 + 109.0 * 0.0002))
    del costs["maker_fee"]
    alike = run(engine, rows, target=1.0, **costs).one
    assert alike.fees == pytest.approx(12.5 * (101.0 + 109.0) * 0.001)


def test_without_volume_no_target_fills(either: Engine) -> None:
    seen = run(either, ".  100 101 97 100  10\n.  100 120 97 100  0", target=1.0)
    assert seen.one.exit is None


def test_a_stop_that_has_passed_the_target_is_hit_between_the_two(either: Engine) -> None:
    """130 without volume fills nothing and puts the stop at 123.5, beyond the target at 108."""
    rows = ".  100 101 97 100  10\n.  125 130 124 126  0\n.  115 118 112 113  10"
    seen = run(either, rows, target=1.0, trail=PERCENT, trail_percent=0.05)
    assert (seen.one.exit, seen.one.price, seen.one.reason) == (4, 115.0, "trail")


def test_a_part_leaves_at_its_target_and_the_rest_at_the_stop(either: Engine) -> None:
    rows = ".  100 101 97 100  10\n.  100 109 97 100  10\n.  100 101 92 100  10"
    seen = run(either, rows, scale_out=[(1.0, 0.5)])
    trade = seen.one
    assert (trade.exit, trade.reason, trade.units) == (4, "initial", 12.5)
    assert trade.price == pytest.approx((108.0 + 92.0) / 2.0)
    assert trade.pnl == pytest.approx(6.25 * 8.0 - 6.25 * 8.0)
    seen.expect_exits((3, 6.25, 108.0, "target"), (4, 6.25, 92.0, "initial"))


def test_parts_on_one_candle_leave_from_the_nearest(either: Engine) -> None:
    rows = ".  100 101 97 100  10\n.  100 117 97 100  10\n.  100 125 97 100  10"
    seen = run(either, rows, scale_out=[(1.0, 0.25), (2.0, 0.25)], target=3.0)
    seen.expect_exits(
        (3, 3.125, 108.0, "target"), (3, 3.125, 116.0, "target"), (4, 6.25, 124.0, "target")
    )
    assert (seen.one.exit, seen.one.reason) == (4, "target")


def test_after_a_part_at_the_open_the_stop_takes_the_rest(either: Engine) -> None:
    rows = ".  100 101 97 100  10\n.  109 110 90 91  10"
    seen = run(either, rows, scale_out=[(1.0, 0.5), (2.0, 0.25)])
    seen.expect_exits((3, 6.25, 108.0, "target"), (3, 6.25, 92.0, "initial"))


def test_a_scale_out_beyond_the_target_is_never_reached(either: Engine) -> None:
    rows = ".  100 101 97 100  10\n.  100 130 97 100  10"
    seen = run(either, rows, scale_out=[(1.0, 0.5), (3.0, 0.25)], target=2.0)
    seen.expect_exits((3, 6.25, 108.0, "target"), (3, 6.25, 116.0, "target"))


def test_a_part_is_a_whole_number_of_lots(either: Engine) -> None:
    """12 units: 0.3 of them are 3.6, so 3 leave."""
    rows = ".  100 101 97 100  10\n.  100 109 97 100  10\n.  100 101 92 100  10"
    seen = run(either, rows, scale_out=[(1.0, 0.3)], market=WHOLE_UNITS)
    seen.expect_exits((3, 3.0, 108.0, "target"), (4, 9.0, 92.0, "initial"))


def test_a_part_below_a_minimum_joins_the_next_target(either: Engine) -> None:
    rows = ".  100 101 97 100  10\n.  100 117 97 100  10\n.  100 101 92 100  10"
    least = WHOLE_UNITS._replace(min_quantity=4.0)
    seen = run(either, rows, scale_out=[(1.0, 0.3), (2.0, 0.3)], market=least)
    seen.expect_exits((3, 6.0, 116.0, "target"), (4, 6.0, 92.0, "initial"))


def test_a_part_below_a_minimum_with_no_next_target_stays(either: Engine) -> None:
    rows = ".  100 101 97 100  10\n.  100 117 97 100  10\n.  100 101 92 100  10"
    least = WHOLE_UNITS._replace(min_quantity=4.0)
    seen = run(either, rows, scale_out=[(1.0, 0.3)], market=least)
    seen.expect_exits((4, 12.0, 92.0, "initial"))


def test_a_rest_below_a_minimum_leaves_with_the_part(either: Engine) -> None:
    rows = ".  100 101 97 100  10\n.  100 109 97 100  10"
    least = WHOLE_UNITS._replace(min_quantity=5.0)
    seen = run(either, rows, scale_out=[(1.0, 0.75)], market=least)
    seen.expect_exits((3, 12.0, 108.0, "target"))
    assert (seen.one.exit, seen.one.reason) == (3, "target")


def test_minimums_count_at_the_price_of_the_target(engine: Engine) -> None:
    """3 of 12 units are 324 of the quote currency at 108, 348 at 116."""
    rows = ".  100 101 97 100  10\n.  100 117 97 100  10\n.  100 101 92 100  10"
    least = WHOLE_UNITS._replace(min_notional=330.0)
    seen = run(engine, rows, scale_out=[(1.0, 0.3), (2.0, 0.3)], market=least)
    seen.expect_exits((3, 6.0, 116.0, "target"), (4, 6.0, 92.0, "initial"))


def test_fractions_that_add_up_to_one_leave_nothing(either: Engine) -> None:
    """13 units at a lot of 1: halves of 6, and 1 more that would be left."""
    rows = ".  100 101 97 100  10\n.  100 117 97 100  10"
    parts = [(1.0, 0.5), (2.0, 0.5)]
    seen = run(either, rows, scale_out=parts, market=WHOLE_UNITS, risk_per_trade=0.0104)
    seen.expect_exits((3, 6.0, 108.0, "target"), (3, 7.0, 116.0, "target"))
    assert seen.one.units == 13.0


def test_the_trail_of_the_rest_goes_on(either: Engine) -> None:
    rows = """
    .  100 109 107 108  10   a part at 108; range 9: 109 - 18 = 91 stays behind 92
    .  108 110 109 110  10   range 2: 110 - 4 = 106
    .  110 110 106 108  10
    """
    seen = run(either, rows, scale_out=[(1.0, 0.5)], trail=ATR_TRAIL)
    seen.expect_exits((2, 6.25, 108.0, "target"), (4, 6.25, 106.0, "trail"))
    seen.expect_levels((2, 92.0, "initial"), (4, 106.0, "trail"))


def test_breakeven_of_the_rest_holds(either: Engine) -> None:
    rows = ".  100 109 97 105  10\n.  105 106 99 100  10"
    seen = run(either, rows, scale_out=[(1.0, 0.5)], breakeven_trigger=1.0)
    seen.expect_exits((2, 6.25, 108.0, "target"), (3, 6.25, 100.0, "breakeven"))


def test_a_trade_that_is_open_keeps_what_its_parts_made(either: Engine) -> None:
    seen = run(either, ".  100 109 97 104  10", scale_out=[(1.0, 0.5)])
    assert (seen.one.exit, seen.one.price) == (None, 104.0)
    assert seen.one.pnl == pytest.approx(6.25 * 8.0 + 6.25 * 4.0)


def test_borrow_of_a_part_ends_with_it(engine: Engine) -> None:
    """A short of 12.5 at 100: half of it for one candle, the rest for two."""
    rows = """
    .  100 101  99 100  10
    S  100 102  98 100  10
    .  100 103  99 100  10
    .  100 103  91 100  10   a part at 92
    .  100 108  99 100  10   the stop at 108
    """
    numbers = {"trail": NO_TRAIL, "scale_out": [(1.0, 0.5)], "borrow_daily": 0.0096}
    trade = engine.run(table(rows), **numbers).one
    candle = 100.0 * 0.0096 / 96.0
    assert trade.borrow == pytest.approx(6.25 * candle + 6.25 * 2 * candle)


QUIET = ".  100 101 97 100  10\n"


def test_time_is_tested_at_the_first_close_at_or_after_its_hours(either: Engine) -> None:
    """Two candles are half an hour: left at the open of the third."""
    seen = run(either, QUIET * 2 + ".  101 103 100 102  10", time_hours=0.5)
    assert (seen.one.exit, seen.one.price, seen.one.reason) == (4, 101.0, "time")
    late = run(either, QUIET * 2 + ".  101 103 100 102  10", time_hours=0.51)
    assert late.one.exit is None


def test_time_leaves_below_its_r_only_and_is_tested_again(either: Engine) -> None:
    rows = """
    .  100 103  99 102  10
    .  102 105 101 104  10   half of R: not below it
    .  104 105 102 103.9 10  below
    .  103 104 102 103  10
    """
    seen = run(either, rows, time_hours=0.5, time_below=0.5)
    assert (seen.one.exit, seen.one.price, seen.one.reason) == (5, 103.0, "time")


def test_time_waits_for_an_open_with_volume(either: Engine) -> None:
    rows = QUIET * 2 + ".  101 103 100 102  0\n-\n.  103 104 102 103  10"
    seen = run(either, rows, time_hours=0.5)
    assert (seen.one.exit, seen.one.price, seen.one.reason) == (6, 103.0, "time")


def test_the_stop_holds_until_then_and_gives_the_reason(either: Engine) -> None:
    seen = run(either, QUIET * 2 + ".  90 91 89 90  10", time_hours=0.5)
    assert (seen.one.exit, seen.one.price, seen.one.reason) == (4, 90.0, "initial")


def test_a_target_that_the_open_passes_comes_before_leaving(either: Engine) -> None:
    rows = QUIET * 2 + ".  110 111 109 110  10"
    seen = run(either, rows, time_hours=0.5, scale_out=[(1.0, 0.5)])
    seen.expect_exits((4, 6.25, 108.0, "target"), (4, 6.25, 110.0, "time"))


def test_an_order_to_leave_pays_slippage_and_the_takers_fee(engine: Engine) -> None:
    costs = {"taker_fee": 0.001, "slippage": 0.01, "maker_fee": 0.0002}
    trade = run(engine, QUIET * 3, time_hours=0.25, **costs).one
    assert (trade.exit, trade.price) == (3, 99.0)
    assert trade.fees == pytest.approx(12.5 * (101.0 + 99.0) * 0.001)


def test_a_trail_begins_where_the_extreme_has_reached_its_r(either: Engine) -> None:
    rows = """
    .  100 103 102 103  10   range 3: the trail would be 97, but 108 was not reached
    .  103 107.99 106 107  10  107.99 - 2 * 4.99
    .  107 108 107 108  10   reached: range 1, 108 - 2 = 106
    """
    seen = run(either, rows, trail=ATR_TRAIL, trail_from=1.0)
    seen.expect_levels((2, 92.0, "initial"), (5, 106.0, "trail"))


def test_no_trail_leaves_the_first_stop_and_breakeven(either: Engine) -> None:
    rows = ".  100 103 100 103  10\n.  103 105 103 105  10\n.  105 106 105 106  10"
    run(either, rows).expect_levels((2, 92.0, "initial"))
    seen = run(either, rows, breakeven_trigger=1.0)
    seen.expect_levels((2, 92.0, "initial"), (4, 100.0, "breakeven"))


def test_a_chandelier_hangs_from_the_best_price_of_its_candles(either: Engine) -> None:
    """Two candles: the high of the signal, 102, is among them at the first close."""
    rows = """
    .  100 101 100 101  10   range 1: 102 - 2 = 100, above 101 - 2
    .  101 101 100.5 101 10  range 0.5: 101 - 1 = 100 is not tighter
    .  101 103 102 103  10   range 2: 103 - 4 = 99 would loosen
    .  103 103.5 103 103 10  range 0.5: 103.5 - 1 = 102.5
    """
    seen = run(either, rows, trail=CHANDELIER, trail_candles=2)
    seen.expect_levels((2, 92.0, "initial"), (3, 100.0, "trail"), (6, 102.5, "trail"))


def test_a_percent_trail_is_a_share_of_the_extreme(engine: Engine) -> None:
    rows = ".  100 110 105 108  10\n.  108 120 108 119  10\n.  119 119 100 110  10"
    seen = run(engine, rows, trail=PERCENT, trail_percent=0.1)
    seen.expect_levels((2, 92.0, "initial"), (3, 99.0, "trail"), (4, 108.0, "trail"))
    assert (seen.one.exit, seen.one.price) == (4, 108.0)


def test_a_trail_begins_at_a_decimal_that_doubles_miss(either: Engine) -> None:
    """1 R is twice 101.2 - 97.1: 108.2 reaches 100 + 8.2, from where the trail is 8.2 away."""
    rows = """
    .  100 101.2  97.1 100  10
    L  100 101.2  97.1 100  10
    .  100 108.2 100   105  10   range 8.2: 108.2 - 16.4 = 91.8
    .  105 108.2 105   106  10   range 3.2: 108.2 - 6.4
    """
    levels = either.run(table(rows), trail_from=1.0)
    levels.expect_levels((2, 91.8, "initial"), (4, 101.8, "trail"))


def test_a_percent_trail_of_a_short_lies_above(engine: Engine) -> None:
    rows = SIGNAL.replace("L", "S") + ".  100 101 90 93  10\n.  93 94 80 82  10"
    seen = engine.run(table(rows), trail=PERCENT, trail_percent=0.05)
    seen.expect_levels((2, 108.0, "initial"), (3, 94.5, "trail"), (4, 84.0, "trail"))


def one_behind(position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float) -> float:
    """One point behind the close."""
    return candle.close - position.side


def test_a_rule_of_ones_own_stands_for_the_trail(either: Engine) -> None:
    rows = """
    .  100 103  99 102  10   102 - 1 = 101
    .  102 104 101.5 101.8 10  100.8 would loosen
    .  102 105 103 104  10   103
    .  104 104 103 104  10   out
    """
    seen = run(either, rows, exit_rule=one_behind, trail=ATR_TRAIL)
    seen.expect_levels((2, 92.0, "initial"), (3, 101.0, "rule"), (5, 103.0, "rule"))
    assert (seen.one.exit, seen.one.price, seen.one.reason) == (5, 103.0, "rule")


def after_two(position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float) -> float:
    """Leave at the third close."""
    return LEAVE if position.candles >= 3 else stop.level


def test_a_rule_can_leave_at_the_next_open(either: Engine) -> None:
    seen = run(either, QUIET * 3 + ".  103 104 102 103  10", exit_rule=after_two)
    assert (seen.one.exit, seen.one.price, seen.one.reason) == (5, 103.0, "rule")


def by_news(position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float) -> float:
    """The number of closes with a better price, as a distance from the fill."""
    return position.fill + position.side * (position.extremes - 5.0)


def test_a_rule_is_told_how_often_the_price_bettered_itself(either: Engine) -> None:
    rows = """
    .  100 103 101 102  10   first: 96
    .  102 103 101 102  10   touches it: no better
    .  102 104 101 102  10   second: 97
    """
    seen = run(either, rows, exit_rule=by_news)
    seen.expect_levels((2, 92.0, "initial"), (3, 96.0, "rule"), (5, 97.0, "rule"))


def no_level(position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float) -> float:
    """Not a number once the trade is two candles old."""
    return math.nan if position.candles > 1 else stop.level


def test_a_rule_that_answers_with_no_level_ends_the_run(engine: Engine) -> None:
    market = table(SIGNAL + QUIET * 3)
    with pytest.raises(ConfigError) as caught, own_errors(no_level):
        engine.run(market, exit_rule=no_level)
    assert str(caught.value) == (
        f"strategy.exits {__name__}:no_level returned nan at the close of the candle of "
        f"{iso(int(market.candles.time[3]))}: it has to return a level above 0, or LEAVE"
    )


def fails_late(position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float) -> float:
    """Nothing is left to divide by at the second close."""
    if position.candles > 1:
        raise ValueError("too late")
    return stop.level


def test_a_rule_that_raises_ends_the_run_with_its_error_alone(
    engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    market = table(SIGNAL + QUIET * 3)
    with pytest.raises(ConfigError) as caught, own_errors(after_two, fails_late):
        engine.run(market, exit_rule=fails_late)
    said = f"{__name__}:fails_late failed (ValueError: too late) at the close of the candle of "
    assert said + iso(int(market.candles.time[3])) in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_breakeven_is_tried_before_a_rule(either: Engine) -> None:
    rows = ".  100 105 99 104  10"
    seen = run(either, rows, exit_rule=after_two, breakeven_trigger=1.0)
    seen.expect_levels((2, 92.0, "initial"), (3, 100.0, "breakeven"))


def test_a_trade_of_several_parts_counts_once(either: Engine) -> None:
    """It loses as a whole, at its last fill: with two losses in a row entries pause then."""
    rows = """
    .  100 109  97 100  10
    L  100 101  91 100  10   the rest is out at 92, and this signal is the first that counts
    .  100 101  97 100  10
    """
    parts = {"scale_out": [(1.0, 0.25)], "losses": 2, "cooldown": 10}
    seen = run(either, rows, **parts)
    assert [trade.exit for trade in seen.trades] == [3, None]
    once = run(either, rows, **{**parts, "losses": 1})
    assert len(once.trades) == 1
    assert once.ignored["protection"] == 1
