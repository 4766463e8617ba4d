"""Positions that do more than trail an ATR on whole candles: the baseline's exits, paths within
candles, and every exit of C18.

Compiled only where a row of the table asks for them, and skipping no candle of a position.
"""

from __future__ import annotations

import math

import numpy as np

from stoptrail.rules.candles import Candles, Floats, Sides
from stoptrail.rules.exits import MOST_SCALE_OUTS, Target, no_target, target_passed
from stoptrail.rules.funding import paid_since, sum_held, sum_opened
from stoptrail.rules.jit import inner_rule, rule
from stoptrail.rules.manage import STAYS, Managed, manage_close, managed_from
from stoptrail.rules.margin import Mark, mark_of
from stoptrail.rules.own_exit import ExitCall
from stoptrail.rules.paths import (
    CANDLE,
    CLOSED_OUT,
    LEFT,
    NOTHING,
    TARGETED,
    Walk,
    adverse_event,
    danger_of,
    walk_candle,
)
from stoptrail.rules.stops import (
    CYCLE,
    LIQUIDATED,
    TARGET,
    Stop,
)
from stoptrail.rules.trade import (
    Position,
    TradeRules,
    closing,
    without_part,
    working_target,
)
from stoptrail.rules.types import CYCLE_EXIT, OPEN, RunRules
from stoptrail.sweep.kernel.calm import STIRRED, Calm, calm_after, first_stirred, followed
from stoptrail.sweep.kernel.ending import Ending
from stoptrail.sweep.kernel.flow import Flow, net_closes

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
    ask: ExitCall | None,
    entry: int,
    position: Position,
    stop: Stop,
    parts: Floats,
    flow: Flow,
    balance: float,
) -> Ending:
    """Follow a position, entered on candle `entry`, that leaves at the cycle's turn, along a
    path in each candle, or by C18; reach: rules.window.reaches; parts: takes those that leave
    before it; balance: cash before the entry."""
    if run_rules.exits == CYCLE_EXIT:
        rules = run_rules.trade_rules
        return hold_until_turn(candles, turn, entry, position, stop, rules, flow, balance)
    of = run_rules, ask, entry, position, stop, parts, flow, balance
    return hold_managed(candles, atr, reach, *of)


@rule
def hold_managed(
    candles: Candles,
    atr: Floats,
    reach: tuple[Floats, Floats],
    run_rules: RunRules,
    ask: ExitCall | None,
    entry: int,
    position: Position,
    stop: Stop,
    parts: Floats,
    flow: Flow,
    balance: float,
) -> Ending:
    """Follow a position from candle to candle, but for those whose close changes nothing."""
    held, path, trade_rules = position.held, run_rules.path, run_rules.trade_rules
    side, interval, count = held.side, candles.interval, len(candles.time)
    hangs, (sums, marks) = reach[0] if side > 0 else reach[1], (flow.sums.held, flow.sums.marks)
    managed, target = managed_from(held, stop), working_target(position, trade_rules)
    before, scale = sum_opened(flow.sums, entry), trade_rules.costs.funding
    passes, calm, total, done, i = path == CANDLE and ask is None, STIRRED, 0.0, 0, entry - 1
    while i + 1 < count:
        first, columns = i + 1, (candles, atr, hangs, sums, marks)
        i = first_stirred(calm, *columns, total, side, trade_rules.stop, first)
        managed = after_calm(calm, managed, position, candles, first, i, trade_rules)
        if i == count:
            break
        high, low, close, time = candles.high[i], candles.low[i], candles.close[i], candles.time[i]
        prices, volume = (candles.open[i], high, low, close), candles.volume[i]
        total = sum_held(flow.sums, i)
        paid = paid_since(total, before, scale)
        danger = danger_price(position, balance, time, trade_rules, paid, flow)
        mark, reached = mark_of(marks, i, Mark(*prices)), (high, low, danger)
        quiet = path == CANDLE and hits_nothing(managed, side, *reached, mark, target.level)
        opened, step = paid_since(sum_opened(flow.sums, i), before, scale), 0
        while volume > 0.0 and not quiet:
            orders = managed.stop, target.level, managed.leaving != STAYS
            ends = *prices, atr[i - 1]
            walk = walk_candle(
                path, *orders, step, held, *ends, time, trade_rules, opened, danger, mark
            )
            managed = Managed(walk.stop, managed.leaving, managed.seen)
            if walk.event == NOTHING:
                break
            if walk.event == TARGETED and target.units < position.units:
                write_part(parts[done], i, target)
                position = after_part(position, parts[done], time, paid, trade_rules)
                done, target, step = done + 1, working_target(position, trade_rules), walk.step
                danger = danger_price(position, balance, time, trade_rules, paid, flow)
                continue
            stop = Stop(walk.stop.level, walk.stop.extreme, reason_of(walk, managed.leaving))
            return ended(net_closes(flow, candles), side, entry, i, i, walk.price, stop, done)
        known, told = (atr[i], hangs[i], time + interval), (trade_rules, ask, paid)
        managed = manage_close(managed, position, time, *prices, volume, *known, *told)
        calm = STIRRED
        if passes and managed.leaving == STAYS:
            now = close, time + interval, interval, atr[i], paid, hangs[i]
            of = managed.stop, target.level, position, balance
            calm = calm_after(*of, *now, trade_rules, flow.sums)
    return ended(net_closes(flow, candles), side, entry, count, OPEN, 0.0, managed.stop, done)


@inner_rule
def hits_nothing(
    managed: Managed,
    side: int,
    high: float,
    low: float,
    danger: float,
    mark: Mark,
    target: float,
) -> bool:
    """Whether a candle reaches neither the stop nor the target, its mark not the liquidation at
    `danger`, and nothing leaves at its open."""
    level = managed.stop.level
    event = adverse_event(side, high, low, level, danger, mark.high, mark.low)
    stays = managed.leaving == STAYS and event == NOTHING
    return stays and not target_passed(side, high, low, target)


@inner_rule
def reason_of(walk: Walk, leaving: int) -> int:
    """Why a position ended with `walk`, which order to leave was out before."""
    if walk.event == TARGETED:
        return TARGET
    if walk.event == LEFT:
        return leaving
    return LIQUIDATED if walk.event == CLOSED_OUT else walk.stop.reason


@inner_rule
def after_calm(
    calm: Calm,
    managed: Managed,
    position: Position,
    candles: Candles,
    first: int,
    end: int,
    trade_rules: TradeRules,
) -> Managed:
    """The trade after the candles [first, end), which `calm` passes."""
    if not calm.follows or end == first:
        return managed
    closes = candles.time[end - 1] + candles.interval
    stop = followed(managed.stop, position, closes, calm.paid, trade_rules)
    return Managed(stop, managed.leaving, managed.seen)


@inner_rule
def danger_price(
    position: Position, balance: float, time: int, trade_rules: TradeRules, paid: float, flow: Flow
) -> float:
    """The price at which `position` is liquidated in the candle that opened at `time`; NaN where
    it is at none (C20)."""
    if not trade_rules.margin.liquidates:
        return math.nan
    return danger_of(position, balance, time, trade_rules, paid, flow.sums.tiers).price


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
    candles: Candles,
    turn: Sides,
    entry: int,
    position: Position,
    stop: Stop,
    trade_rules: TradeRules,
    flow: Flow,
    balance: float,
) -> Ending:
    """The baseline: out at the first traded open after the cycle turned against the side, unless
    it is liquidated before."""
    n, held, leaving = len(turn), position.held, False
    side, before, scale = held.side, sum_opened(flow.sums, entry), trade_rules.costs.funding
    far, target = Stop(-side * math.inf, held.fill, stop.reason), no_target(side).level
    for i in range(entry, n):
        if candles.volume[i] > 0.0 and (leaving or trade_rules.margin.liquidates):
            paid, time = paid_since(sum_held(flow.sums, i), before, scale), candles.time[i]
            danger = danger_price(position, balance, time, trade_rules, paid, flow)
            ends = candles.open[i], candles.high[i], candles.low[i], candles.close[i]
            none, mark = math.nan, mark_of(flow.sums.marks, i, Mark(*ends))
            given = target, leaving, 0, held, *ends, none, time, trade_rules, 0.0, danger, mark
            walk = walk_candle(CANDLE, far, *given)
            if walk.event != NOTHING:
                reason = CYCLE if walk.event == LEFT else LIQUIDATED
                last = Stop(stop.level, stop.extreme, reason)
                return ended(net_closes(flow, candles), side, entry, i, i, walk.price, last, 0)
        leaving = leaving or turn[i] == -side
    return ended(net_closes(flow, candles), side, entry, n, OPEN, 0.0, stop, 0)


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
    """An end with `stop` as told, with the bounds of the `closes`, net of funding, of the candles
    [first, last)."""
    best, worst = -np.inf, np.inf
    for i in range(first, last):
        best = max(best, side * closes[i])
        worst = min(worst, side * closes[i])
    return Ending(leave, price, stop.reason, best, worst, parts)
