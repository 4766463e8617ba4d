"""The close of a candle for an open trade: where its stop goes, and whether it leaves (C7,
C8, C18)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stoptrail.rules.candles import Candles, Floats, Times
from stoptrail.rules.exits import time_is_up
from stoptrail.rules.jit import inner_rule, rule
from stoptrail.rules.margin import overtaken
from stoptrail.rules.own_exit import LEAVE, ExitCall, Seen, answer, seen_more
from stoptrail.rules.stops import (
    RULE,
    TIME,
    Entry,
    Stop,
    evened,
    held_throughout,
    ratchet_at_close,
    trailed,
)
from stoptrail.rules.trade import Position, TradeRules

STAYS = -1
"""Stands where a reason to leave would, if there is none."""


class Managed(NamedTuple):
    """An open trade between two candles."""

    stop: Stop
    leaving: int
    """A code of rules.stops.REASONS, of the order to leave that waits for an open; STAYS."""
    seen: Seen
    """Counted for a rule of the user's own only."""


@rule
def managed_from(held: Entry, stop: Stop) -> Managed:
    """A trade at its entry."""
    return Managed(stop, STAYS, Seen(0, 0, held.fill))


@inner_rule
def manage_close(
    before: Managed,
    position: Position,
    time: int,
    opens: float,
    high: float,
    low: float,
    close: float,
    volume: float,
    atr: float,
    reach: float,
    now: int,
    trade_rules: TradeRules,
    ask: ExitCall | None,
    paid: float = 0.0,
) -> Managed:
    """The trade after the candle that opened at `time` and closed at `now`.

    reach: see rules.stops.ratchet_at_close; ask: a rule of the user's own, which stands for the
    trail, or None; paid: the funding of one unit held long before that close (C19).
    """
    held, rules, costs = position.held, trade_rules.stop, trade_rules.costs
    stop, leaving, seen, market = before.stop, before.leaving, before.seen, trade_rules.market
    if not held_throughout(held, time):  # its high and low may lie before the trade
        high, low = close, close
    if ask is None:
        stop = ratchet_at_close(
            stop, held, high, low, close, atr, reach, now, rules, costs, market, paid
        )
    else:
        stop = evened(stop, held, high, low, close, now, rules, costs, market, paid)
        seen = seen_more(seen, held.side, high, low)
        said = answer(ask, position, stop, seen, time, opens, high, low, close, volume, atr)
        if said != LEAVE:
            stop = trailed(stop, held, said, RULE, rules, market)
        elif leaving == STAYS:
            leaving = RULE
    if leaving == STAYS and time_is_up(held, close, now, now - time, trade_rules.exits, rules):
        leaving = TIME
    return Managed(stop, leaving, seen)


class Moves(NamedTuple):
    """Room for what the closes of a stretch of candles make of a stop, shape (n + 1,) each."""

    candle: Times
    """At whose close the level moved."""
    level: Floats
    extreme: Floats
    reason: Times


def room_for_moves(count: int) -> Moves:
    """Room for `count` moves, and the stop after the last candle."""
    room = count + 1
    return Moves(np.empty(room, np.int64), np.empty(room), np.empty(room), np.empty(room, np.int64))


@rule
def managed_through(
    stop: Stop,
    position: Position,
    first: int,
    until: int,
    candles: Candles,
    atr: Floats,
    reach: Floats,
    target: float,
    danger: float,
    trade_rules: TradeRules,
    moves: Moves,
) -> tuple[int, int]:
    """Close candles from `first` on for a trade that stays: the candle at which something else
    may happen, `until` at the latest, and how many times the level moved before it.

    Something else: a price reaches the stop, the `target` or `danger` (a price before which
    nothing is liquidated, NaN for none), or the trade is to leave. reach:
    see manage_close, one for each candle, or none at all. The moves are in `moves`, behind them
    the stop at the last close.
    """
    side, count, i = position.held.side, 0, first
    before = managed_from(position.held, stop)
    while i < until and count < len(moves.candle) - 1:
        high, low, stop = candles.high[i], candles.low[i], before.stop
        ends = danger if overtaken(side, stop.level, danger) else stop.level
        if side > 0 and (low <= ends or high >= target):
            break
        if side < 0 and (high >= ends or low <= target):
            break
        prices = candles.time[i], candles.open[i], high, low, candles.close[i], candles.volume[i]
        hangs = reach[i] if len(reach) else 0.0
        now = candles.time[i] + candles.interval
        after = manage_close(before, position, *prices, atr[i], hangs, now, trade_rules, None)
        if after.leaving != STAYS:
            break
        if after.stop.level != stop.level:
            moves.candle[count] = i
            _write(moves, count, after.stop)
            count += 1
        before = Managed(after.stop, STAYS, before.seen)
        i += 1
    moves.candle[count] = i - 1
    _write(moves, count, before.stop)
    return i, count


@rule
def _write(moves: Moves, row: int, stop: Stop) -> None:
    moves.level[row] = stop.level
    moves.extreme[row] = stop.extreme
    moves.reason[row] = stop.reason
