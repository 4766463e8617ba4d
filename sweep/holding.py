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
from sweep.segments import (
    ATR,
    BEST,
    BEST_CLOSE,
    CLOSE,
    GREATEST_ATR,
    HIGH,
    LEAST_ATR,
    LOW,
    OPEN_PRICE,
    TIME,
    VOLUME,
    WORST,
    WORST_CLOSE,
    Bounds,
    bounds_of,
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


UNKNOWN_EVEN = Even(0.0, 0.0, -1)


@rule
def started(stop: Stop) -> Progress:
    """A position that was just entered, with `stop` in force."""
    return Progress(OPEN, 0.0, stop, -np.inf, np.inf)


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

    bars, begin, rows: of sweep.segments; interval: of the candles, ms.
    """
    even = UNKNOWN_EVEN
    side = 0 if held.side > 0 else 1
    i = entry
    while i < len(bars):
        end = begin[segment + 1]
        row = rows[side, segment]
        if i == begin[segment]:
            bounds = Bounds(row[BEST], row[WORST], row[BEST_CLOSE], row[WORST_CLOSE])
        else:
            bounds = bounds_of(bars, held.side, i, end)
        if can_arm(held, now.stop, bounds, terms):
            closes = int(bars[end - 1, TIME]) + interval
            if closes > even.until:
                even = even_bounds(held, int(bars[i, TIME]), closes, interval, terms)
        else:
            even = UNKNOWN_EVEN
        now, passed = pass_segment(
            held, now, bounds, row[LEAST_ATR], row[GREATEST_ATR], even, terms
        )
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
    first = opens + interval
    least = held.side * breakeven_level(held, first, terms.stop, terms.costs, terms.market)
    if held.side > 0:
        return Even(least, least, _NEVER)
    until = closes + _HORIZON * interval
    greatest = held.side * breakeven_level(held, until, terms.stop, terms.costs, terms.market)
    return Even(least, greatest, until)


@rule
def even_moves(held: Held, stop: Stop, best_close: float, even: Even) -> bool:
    """Whether breakeven might move the stop at closes of at most `best_close`.

    It does not where no close is beyond its level or the stop is there already.
    """
    return held.side * stop.level < even.greatest and best_close > even.least


@rule
def pass_segment(
    held: Held,
    now: Progress,
    bounds: Bounds,
    least: float,
    greatest: float,
    even: Even,
    terms: Terms,
) -> tuple[Progress, bool]:
    """Candles within `bounds`, whose ATR lies in [least, greatest], at once: the state at
    their end and True, or `now` and False where they must be looked at one by one.

    No candidate of the trail gets beyond `reach`: the extreme at the end and the least
    ATR bound it, every step being monotone in float64; rounding to the tick adds _NOISE
    at most. Where breakeven cannot move the level (`even` is unknown where it cannot be
    armed), the levels in force are at most max(level, reach): if all prices with volume
    stay above, nothing is hit. Then
    - with reach <= level (on a tick, rounding being monotone) the level stays;
    - with a constant ATR the last candidate is the greatest, and one formula gives it.
    """
    stop, rules, market = now.stop, terms.stop, terms.market
    side = held.side
    level = side * stop.level
    extreme = max(side * stop.extreme, bounds.best)
    if rules.frozen:
        least = greatest = held.atr
    reach = extreme - rules.multiplier * least
    slack = _NOISE * (abs(reach) + market.price_step / market.price_scale)
    if (
        not bounds.worst > max(level, reach + slack)
        or not (reach <= level or least == greatest)
        or (even.until >= 0 and even_moves(held, stop, bounds.best_close, even))
    ):
        return now, False
    stop = Stop(stop.level, side * extreme, stop.reason)
    if not reach <= level:
        stop = trailed(held, stop, least, terms)
    best = max(now.best_close, bounds.best_close)
    worst = min(now.worst_close, bounds.worst_close)
    return Progress(OPEN, 0.0, stop, best, worst), True


@rule
def trailed(held: Held, stop: Stop, atr: float, terms: Terms) -> Stop:
    """rules.stops.ratchet at an extreme that is known already, where breakeven cannot
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
    side = held.side
    stop, best, worst = now.stop, now.best_close, now.worst_close
    for i in range(first, end):
        bar = bars[i]
        if bar[VOLUME] > 0.0 and stop_hit(side, bar[HIGH], bar[LOW], stop.level):
            price = stop_fill(side, bar[OPEN_PRICE], stop.level, terms.costs, terms.market)
            return Progress(i, price, stop, best, worst)
        close = side * bar[CLOSE]
        if even.until >= 0 and even_moves(held, stop, close, even):
            stop = ratchet(
                stop,
                held,
                bar[HIGH],
                bar[LOW],
                bar[CLOSE],
                bar[ATR],
                int(bar[TIME]) + interval,
                terms.stop,
                terms.costs,
                terms.market,
            )
        else:
            extreme = max(stop.extreme, bar[HIGH]) if side > 0 else min(stop.extreme, bar[LOW])
            stop = Stop(stop.level, extreme, stop.reason)
            atr = held.atr if terms.stop.frozen else bar[ATR]
            # Rounding away from the market cannot lift a candidate over a level on a tick.
            if side * extreme - terms.stop.multiplier * atr > side * stop.level:
                stop = trailed(held, stop, bar[ATR], terms)
        best = max(best, close)
        worst = min(worst, close)
    return Progress(OPEN, 0.0, stop, best, worst)


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
        bar = bars[i]
        prices = (bar[OPEN_PRICE], bar[HIGH], bar[LOW], bar[CLOSE])
        time = int(bar[TIME])
        if bar[VOLUME] > 0.0:
            known = bars[i - 1, ATR]
            walked = walk_candle(path, stop, held, *prices, known, time, terms)
            stop = walked.stop
            if walked.hit:
                return Progress(i, walked.price, stop, best, worst)
        stop = ratchet(
            stop,
            held,
            bar[HIGH],
            bar[LOW],
            bar[CLOSE],
            bar[ATR],
            time + interval,
            terms.stop,
            terms.costs,
            terms.market,
        )
        best = max(best, held.side * bar[CLOSE])
        worst = min(worst, held.side * bar[CLOSE])
    return Progress(OPEN, 0.0, stop, best, worst)


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
    bounds = bounds_of(bars, side, entry, min(i, n))
    if i >= n:
        return Progress(OPEN, 0.0, now.stop, bounds.best_close, bounds.worst_close)
    price = fill_price(-side, bars[i, OPEN_PRICE], terms.costs, terms.market)
    stop = Stop(now.stop.level, now.stop.extreme, CYCLE)
    return Progress(i, price, stop, bounds.best_close, bounds.worst_close)
