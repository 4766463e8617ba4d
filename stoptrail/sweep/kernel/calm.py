"""Candles whose close changes nothing about a position, so that they are passed."""

from __future__ import annotations

import math
from typing import NamedTuple

from stoptrail.rules.candles import Candles, Floats
from stoptrail.rules.costs import HOUR
from stoptrail.rules.funding import Funding
from stoptrail.rules.jit import inner_rule, rule
from stoptrail.rules.paths import barrier, danger_of
from stoptrail.rules.stops import (
    ATR_TRAIL,
    BREAKEVEN,
    CHANDELIER,
    Stop,
    StopRules,
    breakeven_armed,
    breakeven_level,
    stop_hit,
    tighter,
)
from stoptrail.rules.trade import Position, TradeRules

_SPAN = 256
"""Candles for which a calm holds, at most: borrow moves breakeven and the liquidation."""


class Calm(NamedTuple):
    """While closes are no later than `until`, the ATR, what was paid and what a chandelier hangs
    from stay, and prices stay between two bounds, nothing fills and no stop moves, unless
    breakeven `follows`."""

    until: int
    """Time of a close, ms."""
    adverse: float
    """No price reaches it, no mark price either; touching is reaching."""
    favourable: float
    """No price goes beyond it."""
    atr: float
    paid: float
    reach: float
    follows: bool
    """Whether borrow moves breakeven at every close, and with it the stop: see `followed`."""


STIRRED = Calm(-1, 0.0, 0.0, 0.0, 0.0, 0.0, False)
"""None is passed."""


@inner_rule
def calm_after(
    stop: Stop,
    target: float,
    position: Position,
    balance: float,
    close: float,
    closes: int,
    interval: int,
    atr: float,
    paid: float,
    reach: float,
    trade_rules: TradeRules,
    sums: Funding,
) -> Calm:
    """What holds after the close at `closes` (ms) that left `stop`, with no order to leave; target:
    of the working limit order; the others as rules.manage.manage_close takes them."""
    held, rules, hours = position.held, trade_rules.stop, trade_rules.exits.time_hours
    side, until = held.side, closes + _SPAN * interval
    if hours > 0.0:
        until = min(until, held.time + math.ceil(hours * HOUR) - 1)
    best = min(stop.extreme, target) if side > 0 else max(stop.extreme, target)
    level, follows = stop.level, False
    if breakeven_armed(held, stop.extreme, rules):
        costs, market = trade_rules.costs, trade_rules.market
        # The level only gets tighter: what the last one does not want, none does, and a price
        # that is not beyond the first one is beyond none.
        late = breakeven_level(held, until, rules, costs, market, paid)
        if tighter(side, late, level):
            if tighter(side, close, late):
                level, follows = late, True
            else:
                early = breakeven_level(held, closes, rules, costs, market, paid)
                best = min(best, early) if side > 0 else max(best, early)
    if trade_rules.margin.liquidates:
        danger = danger_of(position, balance, until, trade_rules, paid, sums.tiers).price
        level = barrier(side, level, danger)
    return Calm(until, level, best, atr, paid, reach, follows)


@rule
def followed(stop: Stop, position: Position, closes: int, paid: float, rules: TradeRules) -> Stop:
    """`stop` after calm candles of which breakeven `follows`, the last of which closed at `closes`
    (ms): every close was beyond every level, so that the last one counts."""
    held = position.held
    even = breakeven_level(held, closes, rules.stop, rules.costs, rules.market, paid)
    if tighter(held.side, even, stop.level):
        return Stop(even, stop.extreme, BREAKEVEN)
    return stop


@inner_rule
def first_stirred(
    calm: Calm,
    candles: Candles,
    atr: Floats,
    hangs: Floats,
    sums: Floats,
    marks: Floats,
    total: float,
    side: int,
    rules: StopRules,
    i: int,
) -> int:
    """The first candle from `i` on that `calm` does not pass; n where it passes all. sums, total:
    of funding within each candle (empty without any), and that with which it was paid; marks: see
    rules.margin.is_marked."""
    times, highs, lows = candles.time, candles.high, candles.low
    hanging = rules.trail == CHANDELIER
    waits_for_atr = hanging or (rules.trail == ATR_TRAIL and not rules.frozen)
    while i < len(times) and times[i] + candles.interval <= calm.until:
        if waits_for_atr and atr[i] != calm.atr:
            break
        if side > 0 and not (lows[i] > calm.adverse and highs[i] <= calm.favourable):
            break
        if side < 0 and not (highs[i] < calm.adverse and lows[i] >= calm.favourable):
            break
        if i < len(marks) and stop_hit(side, marks[i, 1], marks[i, 2], calm.adverse):
            break
        if len(sums) > 0 and sums[i] != total:
            break
        if hanging and side * hangs[i] > side * calm.reach:
            break
        i += 1
    return i
