"""One position from its entry to its exit, passing whole segments where nothing is hit.

Prices called signed are times the side of the trade, so that greater is better for
either side. Negation is exact in float64; a rule always sees the price itself.

The level of a stop is not worked out before it matters. What the trail wants is kept
unrounded: rounding to the tick is monotone, so the greatest candidate gives the level,
and a price beyond it by more than the noise of rounding cannot hit that level.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rules.account import OPEN
from rules.candles import Floats, Times
from rules.jit import rule
from rules.stops import (
    BREAKEVEN,
    TRAIL,
    Held,
    Stop,
    StopRules,
    breakeven_armed,
    breakeven_level,
    loose_tick,
    ratchet,
    stop_fill,
    stop_hit,
    tighter,
    trail_price,
)
from rules.trade import Terms
from sweep.kernel.progress import Progress, after_close, left, put_off, stopped
from sweep.kernel.segments import (
    ATR,
    BOTTOM,
    BOTTOM_CLOSE,
    CLOSE,
    HIGH,
    LAST_CLOSE,
    LOW,
    OPEN_PRICE,
    SEGMENT_ATR,
    TIME,
    TOP,
    TOP_CLOSE,
    TRADED_BOTTOM,
    TRADED_TOP,
    VOLUME,
)

_NOISE = 4e-12
"""Rounding away from the market moves a level at most this share of it, or of a tick,
towards the market (rules.market takes 1e-12 for the noise of doubles)."""
_HORIZON = 512
"""Candles for which bounds of a short's breakeven level are kept."""

NOTHING = 0
EVERY_CLOSE = 1
SOME_CLOSE = 2
"""What breakeven does within a segment: moves no level, moves it at the last close (and
whether at earlier ones does not matter), or must be looked at close by close."""


class Even(NamedTuple):
    """Signed bounds of the breakeven level at every close from the one at which they were
    computed to that of the candle before `until`. It is constant for a long and, by the
    borrow, only gets greater for a short."""

    least: float
    greatest: float
    until: int


UNKNOWN = Even(np.inf, -np.inf, -1)
"""Bounds before they are needed."""


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
    even, tick, i = UNKNOWN, terms.market.price_step / terms.market.price_scale, entry
    while i < len(bars) and now.exit == OPEN:
        if i == begin[segment]:
            segment, now = pass_segments(begin, rows, segment, held, now, even, tick, terms.stop)
            i = begin[segment]
            if i == len(bars):
                break
        end = begin[segment + 1]
        best = held.side * rows[segment, TOP if held.side > 0 else BOTTOM]
        extreme = held.side * max(now.extreme, best)
        if end > even.until and breakeven_armed(held, extreme, terms.stop):
            even = even_bounds(bars, i, end, interval, held, terms)
        else:
            now = walk(bars, i, end, interval, held, now, even, tick, terms)
            i = end
            segment += 1
    if now.exit == OPEN:
        stop = settled(bars, interval, held, now, terms)
        return stopped(now, held.side, stop)
    return now


@rule
def pass_segments(
    begin: Times,
    rows: Floats,
    segment: int,
    held: Held,
    now: Progress,
    even: Even,
    tick: float,
    rules: StopRules,
) -> tuple[int, Progress]:
    """The first segment, from `segment` on, that must be looked at candle by candle, or
    that `even` does not cover, and the position at its begin."""
    sign, until = float(held.side), even.until
    top, bottom, high_close, low_close = TOP, TRADED_BOTTOM, TOP_CLOSE, BOTTOM_CLOSE
    if held.side < 0:
        top, bottom, high_close, low_close = BOTTOM, TRADED_TOP, BOTTOM_CLOSE, TOP_CLOSE
    extreme, wanted, floor, even_at = now.extreme, now.wanted, now.floor, now.even_at
    best_close, worst_close = now.best_close, now.worst_close
    while segment < len(rows):
        reach = max(extreme, sign * rows[segment, top])
        atr = rows[segment, SEGMENT_ATR]
        want = max(wanted, sign * trail_price(held, sign * reach, atr, rules))
        worst = sign * rows[segment, bottom]
        if not clear_of(worst, max(want, floor), tick):
            break
        best = sign * rows[segment, high_close]
        if breakeven_armed(held, sign * reach, rules):
            last = sign * rows[segment, LAST_CLOSE]
            moves = even_moves(sign * now.level, wanted, want, best, last, even, tick)
            if begin[segment + 1] > until or moves == SOME_CLOSE:
                break
            if moves == EVERY_CLOSE:
                if not worst > even.greatest:
                    break
                floor, even_at = max(floor, even.greatest), begin[segment + 1] - 1
        extreme, wanted = reach, want
        best_close = max(best_close, best)
        worst_close = min(worst_close, sign * rows[segment, low_close])
        segment += 1
    now = Progress(
        OPEN,
        0.0,
        now.level,
        now.reason,
        extreme,
        wanted,
        floor,
        even_at,
        best_close,
        worst_close,
    )
    return segment, now


@rule
def clear_of(worst: float, level: float, tick: float) -> bool:
    """Whether the signed price `worst` cannot hit what rounding makes of `level`."""
    return worst > level + _NOISE * (abs(level) + tick)


@rule
def even_bounds(
    bars: Floats, first: int, end: int, interval: int, held: Held, terms: Terms
) -> Even:
    """Bounds of the breakeven level from the close of candle `first` to beyond that of the
    candle before `end`."""
    least = even_level(held, int(bars[first, TIME]) + interval, terms)
    if held.side > 0:
        return Even(least, least, len(bars))
    until = min(end + _HORIZON, len(bars))
    greatest = even_level(held, int(bars[until - 1, TIME]) + interval, terms)
    return Even(least, greatest, until)


@rule
def even_level(held: Held, now: int, terms: Terms) -> float:
    """The signed breakeven level at a close at `now`."""
    return held.side * breakeven_level(held, now, terms.stop, terms.costs, terms.market)


@rule
def beyond_even(wanted: float, even: Even, tick: float) -> bool:
    """Whether the trail is so far that breakeven moves nothing: rounded, it has lost less
    than two ticks."""
    return wanted > even.greatest + 2.0 * tick


@rule
def even_moves(
    level: float, before: float, wanted: float, best: float, last: float, even: Even, tick: float
) -> int:
    """What breakeven, armed at the end of a segment with signed closes of at most `best`
    and the close `last`, does within it; level, before, wanted: the signed level, and the
    trail at its begin and end.

    It moves the level at every close that is beyond its own level, if that is tighter: as
    that level only gets greater, the last such close settles it. Whether the trail or
    breakeven came first matters where they want the same level: then the closes are
    looked at one by one.
    """
    if beyond_even(before, even, tick) or best <= even.least or level >= even.greatest:
        return NOTHING
    if wanted + 2.0 * tick < even.least and last > even.greatest:
        return EVERY_CLOSE
    return SOME_CLOSE


@rule
def settled(bars: Floats, interval: int, held: Held, now: Progress, terms: Terms) -> Stop:
    """The stop with its level worked out.

    A level of breakeven that is put off was at least two ticks beyond what the trail
    wanted by then: where the two agree now, breakeven was first.
    """
    side, level, reason = held.side, now.level, now.reason
    if now.even_at >= 0:
        even = side * even_level(held, int(bars[now.even_at, TIME]) + interval, terms)
        if tighter(side, even, level):
            level, reason = even, BREAKEVEN
    candidate = loose_tick(side, side * now.wanted, terms.market)
    if tighter(side, candidate, level):
        level, reason = candidate, TRAIL
    return Stop(level, side * now.extreme, reason)


@rule
def walk(
    bars: Floats,
    first: int,
    end: int,
    interval: int,
    held: Held,
    now: Progress,
    even: Even,
    tick: float,
    terms: Terms,
) -> Progress:
    """The candles [first, end) one by one; a rule is asked wherever it could say more than
    that nothing is hit."""
    side, sign, rules = held.side, float(held.side), terms.stop
    best_column, worst_column = (HIGH, LOW) if side > 0 else (LOW, HIGH)
    for i in range(first, end):
        least = max(now.wanted, now.floor)
        worst = sign * bars[i, worst_column]
        if not clear_of(worst, least, tick) and bars[i, VOLUME] > 0.0:
            stop = settled(bars, interval, held, now, terms)
            now = stopped(now, side, stop)
            if stop_hit(side, bars[i, HIGH], bars[i, LOW], stop.level):
                opens = bars[i, OPEN_PRICE]
                price = stop_fill(side, opens, stop.level, terms.costs, terms.market)
                return left(now, i, price, stop.reason)
        close, atr = bars[i, CLOSE], bars[i, ATR]
        extreme = max(now.extreme, sign * bars[i, best_column])
        wanted = max(now.wanted, sign * trail_price(held, sign * extreme, atr, rules))
        moves = NOTHING
        if breakeven_armed(held, sign * extreme, rules):
            signed = sign * close
            moves = even_moves(sign * now.level, now.wanted, wanted, signed, signed, even, tick)
        if moves == SOME_CLOSE:
            stop = settled(bars, interval, held, now, terms)
            stop = ratchet(
                stop,
                held,
                bars[i, HIGH],
                bars[i, LOW],
                close,
                atr,
                int(bars[i, TIME]) + interval,
                rules,
                terms.costs,
                terms.market,
            )
            now = stopped(now, side, stop)
        elif moves == EVERY_CLOSE:
            now = put_off(now, i, even.greatest)
        now = after_close(now, extreme, wanted, sign * close)
    return now
