"""Positions that do more than trail on whole candles: the baseline's exits, and paths.

Compiled only where a row of the table asks for them, and skipping nothing.
"""

from __future__ import annotations

from rules.account import CYCLE_EXIT, Conduct
from rules.candles import Floats, Sides
from rules.costs import fill_price
from rules.jit import rule
from rules.paths import walk_candle
from rules.stops import CYCLE, Held, Stop, ratchet
from rules.trade import Terms
from sweep.kernel.progress import Progress, left, stopped
from sweep.kernel.segments import ATR, CLOSE, HIGH, LOW, OPEN_PRICE, TIME, VOLUME


@rule
def hold_otherwise(
    bars: Floats,
    turn: Sides,
    conduct: Conduct,
    entry: int,
    interval: int,
    held: Held,
    now: Progress,
) -> Progress:
    """Follow a position that leaves at the cycle's turn, or along a path in each candle."""
    if conduct.exits == CYCLE_EXIT:
        return hold_until_turn(bars, turn, entry, held, now, conduct.terms)
    return hold_path(bars, conduct.path, entry, interval, held, now, conduct.terms)


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
    side = held.side
    stop = Stop(now.level, side * now.extreme, now.reason)
    for i in range(entry, len(bars)):
        high, low, close = bars[i, HIGH], bars[i, LOW], bars[i, CLOSE]
        opens, time = bars[i, OPEN_PRICE], int(bars[i, TIME])
        if bars[i, VOLUME] > 0.0:
            known = bars[i - 1, ATR]
            walked = walk_candle(path, stop, held, opens, high, low, close, known, time, terms)
            stop = walked.stop
            if walked.hit:
                now = with_closes(bars, side, entry, i, stopped(now, side, stop))
                return left(now, i, walked.price, stop.reason)
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
    return with_closes(bars, side, entry, len(bars), stopped(now, side, stop))


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
    now = with_closes(bars, side, entry, min(i, n), now)
    if i >= n:
        return now
    price = fill_price(-side, bars[i, OPEN_PRICE], terms.costs, terms.market)
    return left(now, i, price, CYCLE)


@rule
def with_closes(bars: Floats, side: int, first: int, end: int, now: Progress) -> Progress:
    """`now` after the closes of the candles [first, end), its stop unmoved."""
    best, worst = now.best_close, now.worst_close
    for i in range(first, end):
        best = max(best, side * bars[i, CLOSE])
        worst = min(worst, side * bars[i, CLOSE])
    return Progress(
        now.exit,
        now.price,
        now.level,
        now.reason,
        now.extreme,
        now.wanted,
        now.floor,
        now.even_at,
        best,
        worst,
    )
