"""C18 by ticks: targets, parts, time and own rules between closed candles (C14).

N * ATR is 20, which is R, and 50 units are held; the stop does not trail.
"""

from __future__ import annotations

from typing import Any

import pytest

from stoptrail.backtest.plan import Plan
from stoptrail.live.journal import Leaving, Left, Moved, Reduced
from stoptrail.rules.costs import fill_price
from stoptrail.rules.exits import NO_EXITS, ScaleOut
from stoptrail.rules.own_exit import LEAVE, RuleCandle, RulePosition, RuleStop
from stoptrail.rules.stops import INITIAL, NO_TRAIL, RULE, TARGET, TIME
from tests.brokers.test_paper import (
    CENTS,
    COSTLY,
    FREE,
    LONG,
    SHORT,
    candle,
    happened,
    plan,
    run,
    the,
    tick,
)

ENTRY = tick(2, 1, 100.0, 99.0, 100.0)
HALF = {"first": ScaleOut(1.0, 0.5)}


def exits(costs: Any = FREE, rule: Any = None, **fields: Any) -> Plan:
    """The plan of the ticks' tests with these exits and no trail."""
    chosen = plan(costs)
    rules = chosen.run_rules.trade_rules
    stop = rules.stop._replace(trail=NO_TRAIL, ruled=rule is not None)
    rules = rules._replace(stop=stop, exits=NO_EXITS._replace(**fields))
    return chosen._replace(run_rules=chosen.run_rules._replace(trade_rules=rules), exit_rule=rule)


def test_a_tick_at_a_target_fills_nothing_and_one_beyond_it_fills_its_level() -> None:
    steps = run([LONG, ENTRY, tick(2, 2, 120.0)], exits(target=1.0))
    assert not happened(steps, Left)
    steps = run([LONG, ENTRY, tick(2, 2, 120.0), tick(2, 3, 120.01)], exits(target=1.0))
    left = the(steps, Left)
    assert (left.end.price, left.reason, left.time) == (120.0, TARGET, tick(2, 3, 0.0).time)


def test_a_tick_far_beyond_a_target_fills_no_better() -> None:
    steps = run([LONG, ENTRY, tick(2, 2, 150.0, 149.0, 151.0)], exits(target=1.0))
    assert the(steps, Left).end.price == 120.0


def test_a_shorts_target_is_the_mirror() -> None:
    events = [SHORT, tick(2, 1, 100.0, 100.0, 101.0), tick(2, 2, 79.99)]
    assert the(run(events, exits(target=1.0)), Left).end.price == 80.0


def test_a_target_pays_the_makers_fee_without_slippage() -> None:
    costs = COSTLY._replace(maker_fee=0.0002)
    steps = run([LONG, ENTRY, tick(2, 2, 125.0)], exits(costs, target=1.0))
    left = the(steps, Left)
    assert left.end.price == 120.0
    assert left.end.last.fee == pytest.approx(left.position.units * 120.0 * 0.0002)


def test_one_tick_takes_every_part_that_it_lies_beyond() -> None:
    parts = {**HALF, "second": ScaleOut(1.5, 0.25)}
    steps = run([LONG, ENTRY, tick(2, 2, 131.0)], exits(**parts))
    found = [(part.part.price, part.part.units) for part in happened(steps, Reduced)]
    assert found == [(120.0, 25.0), (130.0, 12.5)]
    position = steps[-1].checkpoint.position
    assert position is not None
    assert (position.units, position.parts.number) == (12.5, 2)


def test_the_stop_takes_the_rest_and_the_profit_is_of_all_parts() -> None:
    steps = run([LONG, ENTRY, tick(2, 2, 121.0), tick(2, 3, 79.0)], exits(**HALF))
    left = the(steps, Left)
    assert (left.reason, left.end.last.price, left.end.last.units) == (INITIAL, 79.0, 25.0)
    assert left.end.price == (120.0 + 79.0) / 2.0
    assert left.end.pnl == pytest.approx(25.0 * 20.0 - 25.0 * 21.0)
    assert steps[-1].checkpoint.balance == pytest.approx(100_000.0 + left.end.pnl)


def test_a_closed_candle_fills_a_target_that_its_ticks_missed() -> None:
    events = [LONG, ENTRY, candle(2, 100.0, 101.0, 99.0, 100.0)]
    steps = run([*events, candle(3, 100.0, 122.0, 99.0, 100.0)], exits(target=1.0))
    left = the(steps, Left)
    assert (left.end.price, left.reason, left.time) == (120.0, TARGET, candle(3, 0, 0, 0, 0).time)


def test_of_missed_ticks_the_stop_comes_before_a_target() -> None:
    events = [LONG, ENTRY, candle(2, 100.0, 101.0, 99.0, 100.0)]
    steps = run([*events, candle(3, 100.0, 122.0, 80.0, 100.0)], exits(target=1.0))
    assert the(steps, Left).reason == INITIAL


def test_of_a_candle_in_which_a_tick_entered_late_the_close_alone_counts() -> None:
    late = tick(2, 30, 100.0, 99.0, 100.0)
    high = candle(2, 100.0, 125.0, 99.0, 100.0)
    assert not happened(run([LONG, late, high], exits(target=1.0)), Left)
    closed = candle(2, 100.0, 125.0, 99.0, 121.0)
    assert the(run([LONG, late, closed], exits(target=1.0)), Left).end.price == 120.0


def test_a_tick_ahead_of_a_missing_candle_fills_no_target() -> None:
    ahead = tick(4, 1, 125.0)._replace(ahead=True)
    events = [LONG, ENTRY, candle(2, 100.0, 101.0, 99.0, 100.0)]
    assert not happened(run([*events, ahead], exits(target=1.0)), Left)


def test_time_leaves_at_the_quote_of_the_next_tick() -> None:
    quiet = candle(2, 100.0, 101.0, 99.0, 100.0)
    steps = run([LONG, ENTRY, quiet, tick(3, 1, 101.0, 100.5, 101.5)], exits(time_hours=0.9))
    assert the(steps, Leaving).reason == TIME
    left = the(steps, Left)
    assert (left.end.price, left.reason) == (100.5, TIME)


def test_without_a_quote_time_leaves_at_the_tick_with_slippage() -> None:
    quiet = candle(2, 100.0, 101.0, 99.0, 100.0)
    steps = run([LONG, ENTRY, quiet, tick(3, 1, 101.0)], exits(COSTLY, time_hours=0.9))
    assert the(steps, Left).end.price == fill_price(-1, 101.0, COSTLY, CENTS)


def test_a_stop_that_the_next_tick_passes_gives_the_reason() -> None:
    quiet = candle(2, 100.0, 101.0, 99.0, 100.0)
    steps = run([LONG, ENTRY, quiet, tick(3, 1, 79.0, 78.0, 80.0)], exits(time_hours=0.9))
    left = the(steps, Left)
    assert (left.end.price, left.reason) == (79.0, INITIAL)


def follow(position: RulePosition, stop: RuleStop, candle: RuleCandle, atr: float) -> float:
    """Five points behind the close; out at the second."""
    return LEAVE if position.candles > 1 else candle.close - 5.0


def test_a_rule_is_asked_at_closes_and_not_by_ticks() -> None:
    events = [LONG, ENTRY, tick(2, 2, 110.0), candle(2, 100.0, 111.0, 99.0, 104.0)]
    more = [tick(3, 1, 108.0), candle(3, 104.0, 109.0, 103.0, 108.0), tick(4, 1, 107.0)]
    steps = run([*events, *more], exits(rule=follow))
    moves = [
        (move.before.level, move.after.level, move.after.reason) for move in happened(steps, Moved)
    ]
    assert moves == [(80.0, 99.0, RULE)]
    left = the(steps, Left)
    assert (left.end.price, left.reason) == (107.0, RULE)
