"""Positions that do more than trail an ATR on whole candles: the baseline's exits, paths within
candles, and every exit of C18.

Compiled only where a row of the table asks for them, and skipping no candle of a position.
"""

from __future__ import annotations

import numpy as np

from stoptrail.rules.candles import Candles, Floats, Sides
from stoptrail.rules.costs import fill_price
from stoptrail.rules.exits import MOST_SCALE_OUTS, Target, target_passed
from stoptrail.rules.funding import paid_since, sum_held, sum_opened
from stoptrail.rules.jit import inner_rule, rule
from stoptrail.rules.manage import STAYS, Managed, manage_close, managed_from
from stoptrail.rules.own_exit import Asked
from stoptrail.rules.paths import CANDLE, LEFT, NOTHING, TARGETED, walk_candle
from stoptrail.rules.stops import (
    CYCLE,
    TARGET,
    Entry,
    Stop,
    stop_hit,
)
from stoptrail.rules.trade import (
    Position,
    TradeRules,
    closing,
    without_part,
    working_target,
)
from stoptrail.rules.types import CYCLE_EXIT, OPEN, RunRules
from stoptrail.sweep.kernel.ending import Ending
from stoptrail.sweep.kernel.flow import Flow

PART_CANDLE, PART_UNITS, PART_PRICE = range(3)
"""Columns of what is known of a part."""


@rule
def room_for_parts() -> Floats:
    """Room for the parts of one position, shape (MOST_SCALE_OUTS, columns)."""
    return np.empty((MOST_SCALE_OUTS, 3))


@rule
def hold_candle_by_candle(
    candles: Candles,
    atr: Floats,
    reach: tuple[Floats, Floats],
    turn: Sides,
    run_rules: RunRules,
    ask: Asked | None,
    entry: int,
    position: Position,
    stop: Stop,
    parts: Floats,
    flow: Flow,
) -> Ending:
    """Follow a position, entered on candle `entry`, that leaves at the cycle's turn, along a
    path in each candle, or by C18; reach: rules.window.reaches; parts: takes those that leave
    before it."""
    if run_rules.exits == CYCLE_EXIT:
        return hold_until_turn(candles, turn, entry, position.held, stop, run_rules.trade_rules)
    return hold_managed(candles, atr, reach, run_rules, ask, entry, position, stop, parts, flow)


@rule
def hold_managed(
    candles: Candles,
    atr: Floats,
    reach: tuple[Floats, Floats],
    run_rules: RunRules,
    ask: Asked | None,
    entry: int,
    position: Position,
    stop: Stop,
    parts: Floats,
    flow: Flow,
) -> Ending:
    """Follow a position from candle to candle, with nothing skipped."""
    held, path, trade_rules = position.held, run_rules.path, run_rules.trade_rules
    side, interval = held.side, candles.interval
    hangs = reach[0] if side > 0 else reach[1]
    managed, target = managed_from(held, stop), working_target(position, trade_rules)
    before, scale = sum_opened(flow.sums, entry), trade_rules.costs.funding
    for i in range(entry, len(candles.time)):
        high, low, close, time = candles.high[i], candles.low[i], candles.close[i], candles.time[i]
        prices, volume = (candles.open[i], high, low, close), candles.volume[i]
        paid = paid_since(sum_held(flow.sums, i), before, scale)
        quiet = (
            path == CANDLE
            and managed.leaving == STAYS
            and not stop_hit(side, high, low, managed.stop.level)
            and not target_passed(side, high, low, target.level)
        )
        opened = paid_since(sum_opened(flow.sums, i), before, scale)
        step = 0
        while volume > 0.0 and not quiet:
            orders = managed.stop, target.level, managed.leaving != STAYS
            ends = *prices, atr[i - 1]
            walk = walk_candle(path, *orders, step, held, *ends, time, trade_rules, opened)
            managed = Managed(walk.stop, managed.leaving, managed.seen)
            if walk.event == NOTHING:
                break
            count = position.parts.number
            if walk.event == TARGETED and target.units < position.units:
                write_part(parts[count], i, target)
                position = after_part(position, parts[count], time, paid, trade_rules)
                target, step = working_target(position, trade_rules), walk.step
                continue
            reason = walk.stop.reason
            if walk.event == TARGETED:
                reason = TARGET
            elif walk.event == LEFT:
                reason = managed.leaving
            stop = Stop(walk.stop.level, walk.stop.extreme, reason)
            return ended(candles.close, side, entry, i, i, walk.price, stop, count)
        known, told = (atr[i], hangs[i], time + interval), (trade_rules, ask, paid)
        managed = manage_close(managed, position, time, *prices, volume, *known, *told)
    last, count = len(candles.time), position.parts.number
    return ended(candles.close, side, entry, last, OPEN, 0.0, managed.stop, count)


@inner_rule
def write_part(row: Floats, candle: int, target: Target) -> None:
    """A row of parts: `target` filled in `candle`."""
    row[PART_CANDLE] = candle
    row[PART_UNITS] = target.units
    row[PART_PRICE] = target.level


@rule
def after_part(
    position: Position, part: Floats, time: int, paid: float, trade_rules: TradeRules
) -> Position:
    """`position` after a row of parts, in the candle that opened at `time`; `paid` is the funding
    of one unit held long until then."""
    units, price = part[PART_UNITS], part[PART_PRICE]
    fill = closing(position, units, price, TARGET, time, trade_rules.costs, paid)
    return without_part(position, fill, trade_rules.market)


@rule
def hold_until_turn(
    candles: Candles, turn: Sides, entry: int, held: Entry, stop: Stop, trade_rules: TradeRules
) -> Ending:
    """The baseline: out at the first traded open after the cycle turned against the side."""
    n = len(turn)
    side = held.side
    i = entry
    while i < n and turn[i] != -side:
        i += 1
    i += 1
    while i < n and not candles.volume[i] > 0.0:
        i += 1
    if i >= n:
        return ended(candles.close, side, entry, n, OPEN, 0.0, stop, 0)
    price = fill_price(-side, candles.open[i], trade_rules.costs, trade_rules.market)
    return ended(candles.close, side, entry, i, i, price, Stop(stop.level, stop.extreme, CYCLE), 0)


@rule
def ended(
    closes: Floats,
    side: int,
    first: int,
    last: int,
    leave: int,
    price: float,
    stop: Stop,
    parts: int,
) -> Ending:
    """An end with `stop` as told, with the bounds of the closes of the candles [first, last)."""
    best, worst = -np.inf, np.inf
    for i in range(first, last):
        best = max(best, side * closes[i])
        worst = min(worst, side * closes[i])
    return Ending(leave, price, stop.level, stop.reason, best, worst, parts)
