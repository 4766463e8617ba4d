"""The paper broker by ticks (C14), on markets written by hand.

Candles are hours; each warm candle spans 10, so that the ATR (period 1) at the signal is
10 and the stop of 2 ATRs lies 20 below the fill. A volume of 7 marks a long signal, 8 a
short one.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pytest

from stoptrail.backtest.plan import Plan
from stoptrail.live.engine import Engine, EngineOptions
from stoptrail.live.gate import Gate
from stoptrail.live.journal import (
    Entered,
    Happening,
    Ignored,
    Left,
    Moved,
    Ordered,
)
from stoptrail.live.ledger.records import Counters
from stoptrail.live.market.events import CandleClosed, Tick
from stoptrail.live.market.recorded import RecordedFeed
from stoptrail.live.origin import Origin
from stoptrail.live.step import Step
from stoptrail.rules.candles import Candles, Signals
from stoptrail.rules.costs import Costs, fill_price
from stoptrail.rules.manage import STAYS
from stoptrail.rules.market import Market
from stoptrail.rules.paths import CANDLE
from stoptrail.rules.protections import Protections, guard_start
from stoptrail.rules.sizing import by_risk
from stoptrail.rules.stops import (
    BREAKEVEN,
    INITIAL,
    MANUAL,
    TRAIL,
    StopRules,
    breakeven_level,
)
from stoptrail.rules.trade import COOLDOWN, GAP, IGNORED, TradeRules
from stoptrail.rules.types import BOTH, STOP_TRAIL, Checkpoint, RunRules

HOUR = 3_600_000
T0 = 1_609_459_200_000
NAN = math.nan
CENTS = Market(100.0, 1.0, 100_000.0, 1.0, 0.0, 0.0)
FREE = Costs(0.0, 0.0, 0.0)
COSTLY = Costs(0.001, 0.01, 0.0)


def marked(candles: Candles) -> Signals:
    """Zones from the volume."""
    zone = np.where(candles.volume == 7.0, 1, np.where(candles.volume == 8.0, -1, 0))
    return Signals(zone.astype(np.int8), np.zeros(len(zone), np.int8), 0)


def plan(costs: Costs = FREE, trigger: float = 0.0, delay: int = 0) -> Plan:
    trade_rules = TradeRules(
        StopRules(2.0, trigger, 0.0002, False), by_risk(0.01, 10.0, False), costs, CENTS
    )
    run_rules = RunRules(
        trade_rules, STOP_TRAIL, CANDLE, 0, delay, 100_000.0, Protections(0.0, 0.0, 0, 0)
    )
    return Plan(marked, {}, BOTH, HOUR, 1, run_rules)


def candle(at: int, *values: float, volume: float = 1.0) -> CandleClosed:
    return CandleClosed(T0 + at * HOUR, *values, volume)


WARM = candle(0, 100.0, 105.0, 95.0, 100.0)
LONG = candle(1, 100.0, 105.0, 95.0, 100.0, volume=7.0)
SHORT = candle(1, 100.0, 105.0, 95.0, 100.0, volume=8.0)


def tick(at: int, minute: float, price: float, bid: float = NAN, ask: float = NAN) -> Tick:
    return Tick(T0 + at * HOUR + int(minute * 60_000), price, bid, ask)


class Leave:
    """A person asks to leave."""


class LeaveAt(NamedTuple):
    """A person leaves at a price."""

    price: float
    time: int


def asked(engine: Engine, event: Any) -> None:
    """What a person asks."""
    if isinstance(event, LeaveAt):
        engine.leave_at(*event)
    else:
        engine.leave_at_market()


def run(events: list[Any], chosen: Plan | None = None, *, ticks: bool = True) -> list[Step]:
    """The steps of a session in which `events` come after one known candle."""
    chosen = chosen or plan()
    steps: list[Step] = []
    cash = chosen.run_rules.cash
    checkpoint = Checkpoint(cash, None, None, None, None, guard_start(cash), 0)
    origin = Origin(1, T0, T0, 0, checkpoint, Counters(0, 0, 0), STAYS)
    gate = Gate("full", lambda: False)
    engine = Engine(chosen, origin, EngineOptions(ticks, 1, gate, steps.append, lambda time: False))
    feed = RecordedFeed(  # type: ignore[call-arg]  # Backtrader's parameters
        events=[WARM, *events],
        interval=HOUR,
        on_tick=engine.on_tick,
        on_event=lambda event: asked(engine, event),
    )
    engine.run(feed)
    return steps


def happened(steps: list[Step], kind: type[Any]) -> list[Any]:
    events: list[Happening] = [event for step in steps for event in step.events]
    return [event for event in events if isinstance(event, kind)]


def the(steps: list[Step], kind: type[Any]) -> Any:
    (found,) = happened(steps, kind)
    return found


@pytest.mark.parametrize(
    ("signal", "bid", "ask", "fill"), [(LONG, 99.5, 101.5, 101.5), (SHORT, 99.5, 101.5, 99.5)]
)
def test_an_entry_fills_at_the_other_sides_quote(
    signal: CandleClosed, bid: float, ask: float, fill: float
) -> None:
    steps = run([signal, tick(2, 1, 100.0, bid, ask)], plan(COSTLY))
    entered = the(steps, Entered)
    assert entered.position.held.fill == fill
    assert entered.position.held.time == tick(2, 1, 0.0).time


@pytest.mark.parametrize(("signal", "direction"), [(LONG, 1), (SHORT, -1)])
def test_without_a_quote_an_entry_fills_at_the_last_price_with_slippage(
    signal: CandleClosed, direction: int
) -> None:
    steps = run([signal, tick(2, 1, 100.0)], plan(COSTLY))
    fill = fill_price(direction, 100.0, COSTLY, CENTS)
    assert fill != 100.0
    assert the(steps, Entered).position.held.fill == fill


def test_the_initial_stop_lies_n_atr_from_the_tick_that_filled() -> None:
    steps = run([LONG, tick(2, 1, 100.0, 99.0, 103.0)])
    assert the(steps, Entered).stop.level == 103.0 - 2.0 * 10.0


def test_the_tick_that_enters_does_not_test_the_stop() -> None:
    steps = run([LONG, tick(2, 1, 50.0, 49.0, 103.0), tick(2, 2, 101.0)])
    assert happened(steps, Entered)
    assert not happened(steps, Left)


def test_a_tick_at_the_level_fills_at_the_level_with_slippage() -> None:
    steps = run([LONG, tick(2, 1, 100.0, 99.0, 100.0), tick(2, 2, 80.0)], plan(COSTLY))
    left = the(steps, Left)
    assert left.end.price == fill_price(-1, 80.0, COSTLY, CENTS)
    assert (left.reason, left.time) == (INITIAL, tick(2, 2, 0.0).time)


def test_a_tick_beyond_the_level_fills_at_the_tick() -> None:
    steps = run([LONG, tick(2, 1, 100.0, 99.0, 100.0), tick(2, 2, 71.0)])
    assert the(steps, Left).end.price == 71.0


def test_a_short_is_the_mirror() -> None:
    steps = run([SHORT, tick(2, 1, 100.0, 100.0, 101.0), tick(2, 2, 90.0), tick(2, 3, 115.0)])
    assert the(steps, Moved).after.level == 90.0 + 20.0
    assert the(steps, Left).end.price == 115.0


def test_every_tick_moves_the_trail_with_the_atr_of_the_last_close() -> None:
    events = [LONG, tick(2, 1, 100.0, 99.0, 100.0), tick(2, 2, 104.0), tick(2, 3, 102.0)]
    steps = run([*events, tick(2, 4, 109.0)])
    levels = [(move.before.level, move.after.level, move.time) for move in happened(steps, Moved)]
    assert levels == [
        (80.0, 84.0, tick(2, 2, 0.0).time),
        (84.0, 89.0, tick(2, 4, 0.0).time),
    ]
    assert steps[-1].checkpoint.stop is not None
    assert steps[-1].checkpoint.stop.extreme == 109.0


def test_a_tick_that_changes_nothing_is_no_step() -> None:
    first = [LONG, tick(2, 1, 100.0, 99.0, 100.0), tick(2, 2, 104.0)]
    assert len(run([*first, tick(2, 3, 103.0), tick(2, 4, 104.0)])) == len(run(first))


def test_breakeven_is_placed_at_the_first_tick_above_it() -> None:
    chosen = plan(COSTLY, trigger=0.5)
    steps = run(
        [LONG, tick(2, 1, 100.0, 99.0, 100.0), tick(2, 2, 101.0), tick(2, 3, 106.0)], chosen
    )
    held = the(steps, Entered).position.held
    trade_rules = chosen.run_rules.trade_rules
    even = breakeven_level(held, 0, trade_rules.stop, trade_rules.costs, trade_rules.market)
    assert 101.0 < even < 106.0
    moves = happened(steps, Moved)
    assert [move.after.reason for move in moves] == [TRAIL, BREAKEVEN]
    assert moves[-1].after.level == even


def test_an_entry_that_meets_no_tick_fills_at_the_open_as_on_candles() -> None:
    later = candle(2, 101.0, 104.0, 99.0, 103.0)
    assert the(run([LONG, later]), Entered) == the(run([LONG, later], ticks=False), Entered)


def test_an_entry_after_missing_candles_is_cancelled_as_gap() -> None:
    steps = run([LONG, tick(3, 1, 100.0)])
    assert the(steps, Ignored).reason == GAP
    assert IGNORED[GAP] == "gap"
    assert not happened(steps, Entered)


def test_with_a_delay_an_entry_waits_for_a_late_tick() -> None:
    steps = run([LONG, tick(3, 1, 100.0)], plan(delay=HOUR))
    assert the(steps, Entered).position.held.time == tick(3, 1, 0.0).time


def test_a_tick_ahead_of_missing_candles_does_not_enter() -> None:
    ahead = tick(2, 1, 100.0)._replace(ahead=True)
    assert run([LONG, ahead]) == run([LONG])


def test_a_tick_ahead_of_missing_candles_tests_the_stop_but_does_not_move_it() -> None:
    entered = [LONG, tick(2, 1, 100.0, 99.0, 100.0)]
    high = tick(4, 1, 130.0)._replace(ahead=True)
    low = tick(4, 2, 75.0)._replace(ahead=True)
    steps = run([*entered, high, low])
    assert not happened(steps, Moved)
    assert the(steps, Left).end.price == 75.0


def test_after_a_stop_by_a_tick_ahead_earlier_candles_send_no_order() -> None:
    """The stop is hit in candle 4, of which the closes of 2 and 3 come later: at those the
    position was held, and the first signal that counts is one of candle 4 (C10)."""
    entered = [LONG, tick(2, 1, 100.0, 99.0, 100.0)]
    hit = tick(4, 2, 75.0)._replace(ahead=True)
    missing = [
        candle(2, 100.0, 104.0, 98.0, 101.0),
        candle(3, 101.0, 102.0, 90.0, 95.0, volume=8.0),
    ]
    after = candle(4, 95.0, 96.0, 70.0, 75.0, volume=7.0)
    steps = run([*entered, hit, *missing, after])
    assert the(steps, Left).time == hit.time
    ignored = the(steps, Ignored)
    assert (ignored.time, ignored.reason) == (missing[1].time, COOLDOWN)
    assert [order.entry_order.signal for order in happened(steps, Ordered)] == [
        LONG.time,
        after.time,
    ]


def test_the_closed_candle_fills_a_stop_whose_tick_was_missed() -> None:
    entered = [LONG, tick(2, 1, 100.0, 99.0, 100.0), candle(2, 100.0, 104.0, 98.0, 101.0)]
    steps = run([*entered, candle(3, 101.0, 102.0, 70.0, 95.0)])
    level = steps[-2].checkpoint.stop
    assert level is not None
    assert the(steps, Left).end.price == level.level
    assert the(steps, Left).time == candle(3, 0.0, 0.0, 0.0, 0.0).time


def test_a_missed_gap_fills_at_the_open() -> None:
    entered = [LONG, tick(2, 1, 100.0, 99.0, 100.0), candle(2, 100.0, 104.0, 98.0, 101.0)]
    steps = run([*entered, candle(3, 72.0, 75.0, 70.0, 74.0)])
    assert the(steps, Left).end.price == 72.0


def test_a_low_before_the_rise_is_not_tested_against_the_risen_level() -> None:
    """Ticks have raised the stop to 104 within the candle; its low of 99 came before."""
    entered = [LONG, tick(2, 1, 100.0, 99.0, 100.0), candle(2, 100.0, 101.0, 99.0, 100.0)]
    rise = [tick(3, 1, 99.0), tick(3, 2, 107.0)]
    steps = run([*entered, *rise, candle(3, 100.0, 107.0, 99.0, 106.0)])
    level = happened(steps, Moved)[-1].after.level
    assert level > 99.0
    assert not happened(steps, Left)


def test_a_close_beyond_the_risen_level_is_a_missed_tick() -> None:
    entered = [LONG, tick(2, 1, 100.0, 99.0, 100.0), candle(2, 100.0, 101.0, 99.0, 100.0)]
    steps = run([*entered, tick(3, 2, 107.0), candle(3, 100.0, 107.0, 99.0, 99.5)])
    left = the(steps, Left)
    moved = [move for move in happened(steps, Moved) if move.time == tick(3, 2, 0.0).time]
    assert moved[0].after.level == 107.0 - 2.0 * 2.0
    assert left.end.price == 99.5
    assert candle(3, 0, 0, 0, 0).time < left.time < candle(4, 0, 0, 0, 0).time


def test_the_entry_candles_open_is_no_fill_of_a_missed_stop() -> None:
    """It was before the trade: a missed tick fills at the level."""
    steps = run([LONG, tick(2, 1, 100.0, 99.0, 100.0), candle(2, 79.0, 101.0, 78.0, 100.0)])
    assert the(steps, Left).end.price == 80.0


def test_a_candle_without_volume_settles_nothing() -> None:
    entered = [LONG, tick(2, 1, 100.0, 99.0, 100.0), candle(2, 100.0, 104.0, 98.0, 101.0)]
    steps = run([*entered, candle(3, 70.0, 70.0, 70.0, 70.0, volume=0.0)])
    assert not happened(steps, Left)


def test_the_closed_candle_moves_the_stop_for_missed_ticks() -> None:
    steps = run([LONG, tick(2, 1, 100.0, 99.0, 100.0), candle(2, 100.0, 109.0, 99.0, 108.0)])
    moved = the(steps, Moved)
    assert moved.after.level == 109.0 - 2.0 * (109.0 - 99.0)
    assert moved.time == T0 + 3 * HOUR


def test_no_signal_is_taken_twice_and_an_exit_within_a_candle_frees_its_close() -> None:
    """C10: the first signal that counts is one at the close of the exit's candle."""
    again = candle(2, 100.0, 101.0, 79.0, 85.0, volume=8.0)
    events = [LONG, tick(2, 1, 100.0, 99.0, 100.0), tick(2, 2, 80.0), again, tick(3, 1, 85.0)]
    steps = run(events)
    assert [event.position.held.side for event in happened(steps, Entered)] == [1, -1]


def test_leaving_by_hand_fills_at_the_quote_of_the_next_tick() -> None:
    steps = run([LONG, tick(2, 1, 100.0, 99.0, 100.0), Leave(), tick(2, 3, 101.0, 100.5, 101.5)])
    left = the(steps, Left)
    assert (left.end.price, left.reason) == (100.5, MANUAL)


def test_leaving_by_hand_on_candles_fills_at_the_next_open() -> None:
    events = [LONG, candle(2, 100.0, 104.0, 98.0, 101.0), Leave()]
    steps = run([*events, candle(3, 102.0, 103.0, 101.0, 102.5)], ticks=False)
    left = the(steps, Left)
    assert (left.end.price, left.reason) == (102.0, MANUAL)


def test_leaving_by_hand_without_a_tick_fills_at_the_close() -> None:
    events = [LONG, tick(2, 1, 100.0, 99.0, 100.0), Leave()]
    steps = run([*events, candle(2, 100.0, 103.0, 99.0, 102.5)])
    assert the(steps, Left).end.price == 102.5


def test_a_stop_that_is_hit_comes_before_leaving_by_hand() -> None:
    steps = run([LONG, tick(2, 1, 100.0, 99.0, 100.0), Leave(), tick(2, 3, 79.0, 78.0, 79.5)])
    assert the(steps, Left).reason == INITIAL


ENTERED = [LONG, tick(2, 0, 100.0), candle(2, 100.0, 104.0, 98.0, 101.0)]
"""The stop is at 80."""
HIT = candle(3, 100.0, 104.0, 79.0, 90.0)


@pytest.mark.parametrize(
    ("events", "ticks", "until"),
    [
        ([tick(3, 0, 79.0)], True, 3 * HOUR + 1),  # at the very open
        ([tick(3, 7, 79.0)], True, 3 * HOUR + 7 * 60_000 + 1),
        ([tick(3, 0, 102.0), HIT], True, 4 * HOUR),  # its tick was missed
        ([HIT], True, 4 * HOUR),
        ([HIT], False, 4 * HOUR),
        ([Leave(), candle(3, 100.0, 104.0, 95.0, 99.0)], False, 4 * HOUR),
        ([Leave(), tick(3, 0, 99.0)], True, 3 * HOUR + 1),
        ([LeaveAt(99.0, T0 + 3 * HOUR)], True, 3 * HOUR + 1),
        ([LeaveAt(99.0, T0 + 3 * HOUR + 9)], False, 3 * HOUR + 10),
    ],
)
def test_what_leaves_has_the_rows_up_to_its_moment_or_those_of_its_candle(
    events: list[Any], ticks: bool, until: int
) -> None:
    """Of funding (C19): a tick and a person have a moment, what a candle fills has none."""
    assert the(run([*ENTERED, *events], ticks=ticks), Left).until == T0 + until


def test_on_candles_alone_ticks_change_nothing() -> None:
    events: list[Any] = [LONG, candle(2, 100.0, 104.0, 98.0, 101.0), tick(3, 1, 10.0)]
    later = candle(3, 101.0, 102.0, 100.0, 101.0)
    quiet = [event for event in events if not isinstance(event, Tick)]
    assert run([*events, later], ticks=False) == run([*quiet, later], ticks=False)


def test_what_a_candle_reached_before_a_late_entry_is_not_the_trade_s() -> None:
    # Entered at 100 half an hour into the candle: its low of 70 lies below the stop at 80,
    # its high of 200 would put the trail far above; both may have come before.
    late = candle(2, 100.0, 200.0, 70.0, 101.0)
    steps = run([LONG, tick(2, 30, 100.0), late])
    assert the(steps, Entered).stop.level == 80.0
    assert happened(steps, Left) == []
    assert all(moved.after.extreme == 101.0 for moved in happened(steps, Moved))


def test_a_candle_that_was_entered_at_its_open_counts_whole() -> None:
    whole = candle(2, 100.0, 102.0, 79.0, 101.0)
    steps = run([LONG, tick(2, 0.05, 100.0), whole])
    assert the(steps, Left).reason == INITIAL
