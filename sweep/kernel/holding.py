"""One position from its entry to its exit, passing whole segments where nothing can happen.

Prices called signed are times the side of the trade, so that greater is better for
either side. Negation is exact in float64; a rule always sees the price itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rules.account import OPEN
from rules.candles import Floats, Sides, Times
from rules.costs import fill_price
from rules.jit import rule
from rules.paths import walk_candle
from rules.stops import (
    BREAKEVEN,
    CYCLE,
    TRAIL,
    Held,
    Stop,
    breakeven_armed,
    breakeven_level,
    ratchet,
    stop_fill,
    stop_hit,
    tighter,
    trail_candidate,
)
from rules.trade import Terms
from sweep.kernel.segments import (
    ANY_ATR,
    ATR,
    CLOSE,
    HIGH,
    LOW,
    OPEN_PRICE,
    TIME,
    VOLUME,
    Bounds,
    part_bounds,
    segment_bounds,
)

_NOISE = 4e-12
"""Rounding away from the market moves a level at most this share of it, or of a tick,
towards the market (rules.market takes 1e-12 for the noise of doubles)."""
_HORIZON = 128
"""Candles for which bounds of a short's breakeven level are kept."""
_NEVER = 2**62


class Progress(NamedTuple):
    """A position under way or, where `exit` is not OPEN, closed."""

    exit: int
    price: float
    """Exit price, 0 while there is none."""
    stop: Stop
    tried: float
    """A signed, unrounded candidate of the trail that is known not to move the stop."""
    best_close: float
    """Signed bounds of the closes from the entry candle on, the exit candle not included."""
    worst_close: float


class Even(NamedTuple):
    """Signed bounds of the breakeven level at every close from the one at which they were
    computed until `until`. It is constant for a long and, by the borrow, only gets
    greater for a short."""

    least: float
    greatest: float
    until: int


NOT_ARMED = Even(np.inf, -np.inf, -1)
"""Bounds by which breakeven never moves a stop."""


@rule
def started(side: int, stop: Stop) -> Progress:
    """A position that was just entered, with `stop` in force."""
    return Progress(OPEN, 0.0, stop, side * stop.level, -np.inf, np.inf)


@rule
def hold(
    bars: Floats,
    begin: Times,
    rows: Floats,
    segment: int,
    entry: int,
    interval: int,
    held: Held,
    now: Progress,
    terms: Terms,
) -> Progress:
    """Follow a position, entered on candle `entry` of `segment`, to its end.

    bars, begin, rows: of sweep.kernel.segments; interval: of the candles, ms.
    """
    even = NOT_ARMED
    i = entry
    while i < len(bars):
        end = begin[segment + 1]
        bounds = segment_bounds(rows, held.side, segment)
        if i > begin[segment]:
            bounds = part_bounds(bars, held.side, i, end, bounds)
        closes = int(bars[end - 1, TIME]) + interval
        if closes > even.until and can_arm(held, now.stop, bounds, terms):
            even = even_bounds(held, int(bars[i, TIME]), closes, interval, terms)
        now, passed = pass_segment(held, now, bounds, even, bars[end - 1, CLOSE], closes, terms)
        if not passed:
            now = walk(bars, i, end, interval, held, now, even, terms)
            if now.exit != OPEN:
                return now
        i = end
        segment += 1
    return now


@rule
def can_arm(held: Held, stop: Stop, bounds: Bounds, terms: Terms) -> bool:
    """Whether breakeven is armed by the end of candles within `bounds`."""
    extreme = max(held.side * stop.extreme, bounds.best)
    return breakeven_armed(held, held.side * extreme, terms.stop)


@rule
def even_bounds(held: Held, opens: int, closes: int, interval: int, terms: Terms) -> Even:
    """Bounds of the breakeven level from a candle that opens at `opens` to beyond one that
    closes at `closes`."""
    least = even_at(held, opens + interval, terms)
    if held.side > 0:
        return Even(least, least, _NEVER)
    until = closes + _HORIZON * interval
    return Even(least, even_at(held, until, terms), until)


@rule
def even_at(held: Held, now: int, terms: Terms) -> float:
    """The signed breakeven level."""
    return held.side * breakeven_level(held, now, terms.stop, terms.costs, terms.market)


@rule
def even_moves(held: Held, stop: Stop, best_close: float, even: Even) -> bool:
    """Whether breakeven might move the stop at signed closes of at most `best_close`.

    It does not where no close is beyond its level or the stop is there already.
    """
    return held.side * stop.level < even.greatest and best_close > even.least


@rule
def pass_segment(
    held: Held,
    now: Progress,
    bounds: Bounds,
    even: Even,
    last_close: float,
    closes: int,
    terms: Terms,
) -> tuple[Progress, bool]:
    """Candles within `bounds`, the last of which ends with `last_close` at `closes`, at
    once: the state at their end and True, or `now` and False where they must be looked at
    one by one.

    No candidate of the trail gets beyond `reach`: the extreme at the end and the least
    ATR bound it, every step being monotone in float64, and rounding to the tick adds less
    than _NOISE. What is not beyond an earlier candidate moves nothing, as rounding is
    monotone too. With a constant ATR the last candidate is the greatest of all.
    The breakeven level is greatest at the last close too, and if that close is beyond it,
    it is in force from there at the latest. Only where a candidate may equal it does it
    matter which of the two came first.
    Nothing is hit if the prices with volume stay above every level in force.
    """
    side, stop, rules = held.side, now.stop, terms.stop
    extreme = max(side * stop.extreme, bounds.best)
    least = held.atr if rules.frozen else bounds.least_atr
    reach = extreme - rules.multiplier * least
    top = reach + _NOISE * (abs(reach) + terms.market.price_step / terms.market.price_scale)
    still = reach <= now.tried
    if not bounds.worst > max(side * stop.level, top):
        return now, False
    if not (still or rules.frozen or least == bounds.greatest_atr):
        return now, False
    level, reason = stop.level, stop.reason
    if even_moves(held, stop, bounds.best_close, even):
        last = even_at(held, closes, terms)
        if last > side * level:
            if not (side * last_close > last and bounds.worst > last):
                return now, False
            level, reason = side * last, BREAKEVEN
    stop = Stop(level, side * extreme, reason)
    if not still:
        stop = trailed(held, stop, bounds.least_atr, terms)
        if stop.level == level and level != now.stop.level and top >= side * level:
            return now, False
    tried = max(reach, now.tried)
    best = max(now.best_close, bounds.best_close)
    worst = min(now.worst_close, bounds.worst_close)
    return Progress(OPEN, 0.0, stop, tried, best, worst), True


@rule
def trailed(held: Held, stop: Stop, atr: float, terms: Terms) -> Stop:
    """rules.stops.ratchet at an extreme that is known already, where breakeven does not
    move the level."""
    candidate = trail_candidate(held, stop.extreme, atr, terms.stop, terms.market)
    if tighter(held.side, candidate, stop.level):
        return Stop(candidate, stop.extreme, TRAIL)
    return stop


@rule
def walk(
    bars: Floats,
    first: int,
    end: int,
    interval: int,
    held: Held,
    now: Progress,
    even: Even,
    terms: Terms,
) -> Progress:
    """The candles [first, end) one by one; a rule is asked wherever it could say more than
    that nothing changes."""
    side, rules = held.side, terms.stop
    stop, tried, best, worst = now.stop, now.tried, now.best_close, now.worst_close
    for i in range(first, end):
        high, low, close, atr = bars[i, HIGH], bars[i, LOW], bars[i, CLOSE], bars[i, ATR]
        if bars[i, VOLUME] > 0.0 and stop_hit(side, high, low, stop.level):
            opens = bars[i, OPEN_PRICE]
            price = stop_fill(side, opens, stop.level, terms.costs, terms.market)
            return Progress(i, price, stop, tried, best, worst)
        if even_moves(held, stop, side * close, even):
            closes = int(bars[i, TIME]) + interval
            costs, market = terms.costs, terms.market
            stop = ratchet(stop, held, high, low, close, atr, closes, rules, costs, market)
        else:
            extreme = max(stop.extreme, high) if side > 0 else min(stop.extreme, low)
            stop = Stop(stop.level, extreme, stop.reason)
            breadth = held.atr if rules.frozen else atr
            reach = side * extreme - rules.multiplier * breadth
            if reach > tried:
                stop = trailed(held, stop, atr, terms)
                tried = reach
        best = max(best, side * close)
        worst = min(worst, side * close)
    return Progress(OPEN, 0.0, stop, tried, best, worst)


@rule
def hold_path(
    bars: Floats,
    path: int,
    entry: int,
    interval: int,
    held: Held,
    now: Progress,
    terms: Terms,
) -> Progress:
    """Follow a position along an assumed path within each candle, with nothing skipped."""
    stop, best, worst = now.stop, now.best_close, now.worst_close
    for i in range(entry, len(bars)):
        high, low, close = bars[i, HIGH], bars[i, LOW], bars[i, CLOSE]
        opens, time = bars[i, OPEN_PRICE], int(bars[i, TIME])
        if bars[i, VOLUME] > 0.0:
            known = bars[i - 1, ATR]
            walked = walk_candle(path, stop, held, opens, high, low, close, known, time, terms)
            stop = walked.stop
            if walked.hit:
                return Progress(i, walked.price, stop, now.tried, best, worst)
        stop = ratchet(
            stop,
            held,
            high,
            low,
            close,
            bars[i, ATR],
            time + interval,
            terms.stop,
            terms.costs,
            terms.market,
        )
        best = max(best, held.side * close)
        worst = min(worst, held.side * close)
    return Progress(OPEN, 0.0, stop, now.tried, best, worst)


@rule
def hold_until_turn(
    bars: Floats, turn: Sides, entry: int, held: Held, now: Progress, terms: Terms
) -> Progress:
    """The baseline: out at the first traded open after the cycle turned against the side."""
    n = len(bars)
    side = held.side
    i = entry
    while i < n and turn[i] != -side:
        i += 1
    i += 1
    while i < n and not bars[i, VOLUME] > 0.0:
        i += 1
    bounds = part_bounds(bars, side, entry, min(i, n), ANY_ATR)
    if i >= n:
        return Progress(OPEN, 0.0, now.stop, now.tried, bounds.best_close, bounds.worst_close)
    price = fill_price(-side, bars[i, OPEN_PRICE], terms.costs, terms.market)
    stop = Stop(now.stop.level, now.stop.extreme, CYCLE)
    return Progress(i, price, stop, now.tried, bounds.best_close, bounds.worst_close)
