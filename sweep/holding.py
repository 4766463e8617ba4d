"""One position from its entry to its exit, passing whole segments where nothing can happen.

Prices called signed are times the side of the trade, so that greater is better for
either side. Negation is exact in float64; a level is turned back before a rule sees it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rules.account import CYCLE_EXIT, OPEN, Conduct
from rules.candles import Candles, Sides
from rules.costs import fill_price
from rules.jit import rule
from rules.paths import CANDLE, walk_candle
from rules.stops import (
    CYCLE,
    TRAIL,
    Held,
    Stop,
    breakeven_armed,
    breakeven_level,
    ratchet,
    trail_candidate,
)
from rules.trade import Position, Terms
from sweep.segments import (
    BEST,
    BEST_CLOSE,
    GREATEST_ATR,
    LEAST_ATR,
    WORST,
    WORST_CLOSE,
    Bounds,
    Segments,
    bounds_of,
)

_NOISE = 4e-12
"""Rounding away from the market moves a level at most this share of it towards the
market (rules.market takes 1e-12 for the noise of doubles)."""


class Progress(NamedTuple):
    """A position under way or, where `exit` is not OPEN, closed."""

    exit: int
    price: float
    """Exit price, 0 while there is none."""
    stop: Stop
    best_close: float
    """Signed bounds of the closes from the entry candle on, the exit candle not included."""
    worst_close: float


@rule
def hold(
    candles: Candles,
    segments: Segments,
    turn: Sides,
    entry: int,
    position: Position,
    stop: Stop,
    conduct: Conduct,
) -> Progress:
    """Follow `position`, entered on candle `entry` with `stop` in force, to its end."""
    now = Progress(OPEN, 0.0, stop, -np.inf, np.inf)
    if conduct.exits == CYCLE_EXIT:
        return _until_turn(candles, turn, entry, position, now, conduct.terms)
    if conduct.path != CANDLE:
        n = len(candles.time)
        return _candle_by_candle(candles, segments, entry, n, position, now, conduct)
    return _by_segments(candles, segments, entry, position, now, conduct)


@rule
def _until_turn(
    candles: Candles, turn: Sides, entry: int, position: Position, now: Progress, terms: Terms
) -> Progress:
    """The baseline: out at the first traded open after the cycle turned against the side."""
    n = len(candles.time)
    side = position.held.side
    i = entry
    while i < n and turn[i] != -side:
        i += 1
    i += 1
    while i < n and not candles.volume[i] > 0.0:
        i += 1
    bounds = bounds_of(candles, side, entry, min(i, n))
    if i >= n:
        return Progress(OPEN, 0.0, now.stop, bounds.best_close, bounds.worst_close)
    price = fill_price(-side, candles.open[i], terms.costs, terms.market)
    stop = Stop(now.stop.level, now.stop.extreme, CYCLE)
    return Progress(i, price, stop, bounds.best_close, bounds.worst_close)


@rule
def _candle_by_candle(
    candles: Candles,
    segments: Segments,
    first: int,
    end: int,
    position: Position,
    now: Progress,
    conduct: Conduct,
) -> Progress:
    """Candles [first, end) as the contract has it, with nothing skipped."""
    terms = conduct.terms
    held = position.held
    stop, best, worst = now.stop, now.best_close, now.worst_close
    for i in range(first, end):
        if candles.volume[i] > 0.0:
            walk = walk_candle(
                conduct.path,
                stop,
                held,
                candles.open[i],
                candles.high[i],
                candles.low[i],
                candles.close[i],
                segments.atr[i - 1],
                candles.time[i],
                terms,
            )
            stop = walk.stop
            if walk.hit:
                return Progress(i, walk.price, stop, best, worst)
        stop = ratchet(
            stop,
            held,
            candles.high[i],
            candles.low[i],
            candles.close[i],
            segments.atr[i],
            candles.time[i] + candles.interval,
            terms.stop,
            terms.costs,
            terms.market,
        )
        best = max(best, held.side * candles.close[i])
        worst = min(worst, held.side * candles.close[i])
    return Progress(OPEN, 0.0, stop, best, worst)


@rule
def _by_segments(
    candles: Candles,
    segments: Segments,
    entry: int,
    position: Position,
    now: Progress,
    conduct: Conduct,
) -> Progress:
    """Segment by segment: passed at once where no candle of it can hit the stop."""
    n = len(candles.time)
    side = position.held.side
    i = entry
    while i < n and now.exit == OPEN:
        j = segments.of[i]
        end = segments.begin[j + 1]
        row = segments.rows[j, 0 if side > 0 else 1]
        if i == segments.begin[j]:
            bounds = Bounds(row[BEST], row[WORST], row[BEST_CLOSE], row[WORST_CLOSE])
        else:
            bounds = bounds_of(candles, side, i, end)
        now = _segment(
            candles,
            segments,
            i,
            end,
            bounds,
            row[LEAST_ATR],
            row[GREATEST_ATR],
            position,
            now,
            conduct,
        )
        i = end
    return now


@rule
def _segment(
    candles: Candles,
    segments: Segments,
    i: int,
    end: int,
    bounds: Bounds,
    least: float,
    greatest: float,
    position: Position,
    now: Progress,
    conduct: Conduct,
) -> Progress:
    """The candles [i, end) of one segment whose ATR lies in [least, greatest].

    No candidate of the trail gets beyond `reach`: the extreme at the end and the least
    ATR bound it in exact arithmetic, every step being monotone in float64; rounding to
    the tick adds _NOISE at most. Where breakeven cannot move the level, the levels in
    force are at most max(level, reach): if all lows stay above, nothing is hit. Then
    - with reach <= level (on a tick, rounding being monotone) the level stays;
    - with a constant ATR the last candidate is the greatest, and one formula gives it.
    """
    stop = now.stop
    held = position.held
    rules = conduct.terms.stop
    market = conduct.terms.market
    side = held.side
    level = side * stop.level
    extreme = max(side * stop.extreme, bounds.best)
    if rules.frozen:
        least = greatest = held.atr
    reach = extreme - rules.multiplier * least
    still = reach <= level
    slack = _NOISE * (abs(reach) + market.price_step / market.price_scale)
    safe = bounds.worst > max(level, reach + slack) and (still or least == greatest)
    if not safe or _breakeven_matters(candles, i, end, bounds, extreme, held, stop, conduct.terms):
        return _candle_by_candle(candles, segments, i, end, position, now, conduct)
    reason = stop.reason
    if not still:
        candidate = side * trail_candidate(held, side * extreme, least, rules, market)
        if candidate > level:
            level, reason = candidate, TRAIL
    return Progress(
        OPEN,
        0.0,
        Stop(side * level, side * extreme, reason),
        max(now.best_close, bounds.best_close),
        min(now.worst_close, bounds.worst_close),
    )


@rule
def _breakeven_matters(
    candles: Candles,
    i: int,
    end: int,
    bounds: Bounds,
    extreme: float,
    held: Held,
    stop: Stop,
    terms: Terms,
) -> bool:
    """Whether breakeven might move the level at a close of the candles [i, end).

    It cannot where the extreme at the end does not arm it, where no close is beyond its
    level, or where the stop is there already. The signed level is constant for a long
    and, by the borrow, only grows for a short: its value at the first close bounds it
    from below, that at the last close from above.
    """
    side = held.side
    if not breakeven_armed(held, side * extreme, terms.stop):
        return False
    opens = candles.time[i] + candles.interval
    closes = candles.time[end - 1] + candles.interval
    greatest = side * breakeven_level(held, closes, terms.stop, terms.costs, terms.market)
    if side * stop.level >= greatest:
        return False
    least = side * breakeven_level(held, opens, terms.stop, terms.costs, terms.market)
    return bounds.best_close > least
