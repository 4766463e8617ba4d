"""Exits beside the stop (C18): targets that close a position or a part of it, and time.

Prices are in the quote currency, units in the base currency, times in ms. R is the distance
of the initial stop before it is put on a tick, N * ATR of the signal candle.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from stoptrail.rules.costs import HOUR
from stoptrail.rules.jit import inner_rule, rule
from stoptrail.rules.market import Market, units_down
from stoptrail.rules.sizing import tradable
from stoptrail.rules.stops import Entry, StopRules, loose_tick, stop_distance

MOST_SCALE_OUTS = 4
"""Parts that may leave at targets of their own."""
_ALL = 1.0 - 1e-9
"""Fractions that add up to this are meant to be everything."""


class ScaleOut(NamedTuple):
    """A target that closes a part."""

    at: float
    """Distance of the target from the entry, in R or in ATRs."""
    fraction: float
    """Of the units at the entry; 0 where there is no such part."""


class ExitRules(NamedTuple):
    """What ends a trade beside its stop; everything is off in NO_EXITS."""

    target: float
    """Distance of the target that closes what is left; 0 is off."""
    in_atrs: bool
    """Whether distances of targets count in ATRs of the signal candle, and not in R."""
    first: ScaleOut
    """The nearest; those that there are stand in order."""
    second: ScaleOut
    third: ScaleOut
    fourth: ScaleOut
    time_hours: float
    """Hours after the entry at which the time stop is first tested; 0 is off."""
    time_below: float
    """R below which a trade has to be at that close; infinite: wherever it is."""


NO_PART = ScaleOut(0.0, 0.0)
NO_EXITS = ExitRules(0.0, False, NO_PART, NO_PART, NO_PART, NO_PART, 0.0, math.inf)


class Target(NamedTuple):
    """A working limit order."""

    level: float
    """Infinitely far from the market where there is none."""
    units: float
    """What it closes."""


@rule
def no_target(side: int) -> Target:
    """No order to take a profit."""
    return Target(side * math.inf, 0.0)


@rule
def target_level(
    held: Entry, distance: float, exits: ExitRules, stop: StopRules, market: Market
) -> float:
    """fill + distance * R (or * ATR of the signal) for a long, on the tick away from the
    market."""
    unit = held.atr if exits.in_atrs else stop_distance(held.atr, stop)
    return loose_tick(-held.side, held.fill + held.side * distance * unit, market)


@rule
def next_target(
    held: Entry, units: float, done: int, exits: ExitRules, stop: StopRules, market: Market
) -> Target:
    """The target that works after `done` others have filled, for a position that was entered
    with `units`.

    A part below a minimum of the market joins the next target; where it would leave a rest
    below one, or the fractions add up to everything, the whole position leaves.
    """
    parts = (exits.first, exits.second, exits.third, exits.fourth)
    left, due, share, passed = units, 0.0, 0.0, 0
    for k in range(MOST_SCALE_OUTS):
        at, fraction = parts[k].at, parts[k].fraction
        if not fraction > 0.0 or 0.0 < exits.target <= at:
            break
        level = target_level(held, at, exits, stop, market)
        share += fraction
        due = units_down(due + units_down(fraction * units, market), market)
        if share < _ALL and not tradable(due, level, market) > 0.0:
            continue
        rest = units_down(left - due, market)
        if share >= _ALL or not tradable(rest, level, market) > 0.0:
            return Target(level, left)
        if passed == done:
            return Target(level, due)
        left, due, passed = rest, 0.0, passed + 1
    if exits.target > 0.0:
        return Target(target_level(held, exits.target, exits, stop, market), left)
    return no_target(held.side)


@inner_rule
def target_passed(side: int, high: float, low: float, level: float) -> bool:
    """Whether prices between `low` and `high` go beyond a target; touching is not enough."""
    return high > level if side > 0 else low < level


@rule
def entry_candle(held: Entry, interval: int) -> int:
    """Open time in ms of the base candle, `interval` ms long, in which a position was entered."""
    return held.time - held.time % interval


@rule
def time_is_up(
    held: Entry, close: float, now: int, interval: int, exits: ExitRules, stop: StopRules
) -> bool:
    """Whether the time stop ends a trade at the close at `now` of a base candle of `interval`
    ms. The hours count from the open of the candle of the entry, which a tick or a finer candle
    may come after."""
    since = now - entry_candle(held, interval)
    if not exits.time_hours > 0.0 or since < exits.time_hours * HOUR:
        return False
    return held.side * (close - held.fill) < exits.time_below * stop_distance(held.atr, stop)
