"""Bounds of the breakeven level of an open position, and whether it moves the stop.

Prices called signed are times the side of the trade, as in sweep.kernel.hold.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stoptrail.rules.candles import Candles
from stoptrail.rules.jit import inner_rule
from stoptrail.rules.stops import (
    Entry,
    breakeven_due,
    breakeven_level,
    breakeven_price,
)
from stoptrail.rules.trade import TradeRules
from stoptrail.sweep.kernel.blocks import Nodes, begin_of, end_of
from stoptrail.sweep.kernel.flow import (
    Flow,
    Range,
    ahead_until,
    is_funded,
    paid_ahead,
    paid_range,
    run_until,
)

_NEAR = 256
"""Candles for which bounds of a short's breakeven level are kept that borrow moves."""
_FAR = 8192
"""The same where the trail is beyond it."""
_ROUNDED = 4.0
"""Ticks by which a breakeven level is beyond its unrounded price, at most: one to be on a tick, as
the rounded exit of another one, worse by a slippage of at most a half, two, and the noise one."""
_NOISE = 4e-12
"""Rounding away from the market moves a level at most this share of it, or of a tick,
towards the market (rules.market takes 1e-12 for the noise of doubles)."""

NOTHING = 0
EVERY_CLOSE = 1
SOME_CLOSE = 2
"""What breakeven does within a node: moves no level, moves it at the last close (and
whether at earlier ones does not matter), or must be looked at close by close."""


class Even(NamedTuple):
    """Signed bounds of the breakeven level at every close from the one at which they were
    computed to that of the candle before `until`. Between two payments of funding it is
    constant for a long and, by the borrow, only gets greater for a short."""

    least: float
    greatest: float
    until: int
    waits: bool
    """Whether the greatest of the levels at some closes may be worked out later: where borrow
    moves it, the last one is, and where funding does, that with the dearest sum; not where both
    do."""


UNKNOWN = Even(np.inf, -np.inf, -1, True)
"""Bounds before they are needed."""


@inner_rule
def even_bounds(
    candles: Candles,
    nodes: Nodes,
    node: int,
    held: Entry,
    now: float,
    wanted: float,
    prices: tuple[float, float, float],
    before: Even,
    tick: float,
    trade_rules: TradeRules,
    flow: Flow,
    funding: float,
) -> Even:
    """Bounds of the breakeven level at the closes of a node and some after it; now, wanted,
    prices: the signed level, the trail at the end of the node, and its best, worst and last price;
    before: the bounds so far; funding: the running sum at the entry."""
    count = len(candles.time)
    end = end_of(nodes, node, count)
    best, worst, last = prices
    if end <= before.until:
        known = even_moves(now, wanted, best, last, before, tick) != SOME_CLOSE
        if known or not is_funded(flow) or before.least == before.greatest:
            return before
    first = begin_of(nodes, node, count)
    if is_funded(flow):
        given = held, funding, now, wanted, worst, tick
        return funded_bounds(candles, flow, first, end, *given, trade_rules)
    least = before.greatest
    if before.until < 0:
        least = even_level(held, candles.time[first] + candles.interval, 0.0, trade_rules)
    if held.side > 0 or trade_rules.costs.borrow_daily == 0.0:
        return Even(least, least, count, True)
    if wanted > least:
        far = even_until(candles, end + _FAR, held, least, trade_rules)
        if wanted > far.greatest + 2.0 * tick:
            return far
    return even_until(candles, end + _NEAR, held, least, trade_rules)


@inner_rule
def even_until(
    candles: Candles, until: int, held: Entry, least: float, trade_rules: TradeRules
) -> Even:
    """Bounds up to the candle before `until`, or the last one."""
    until = min(until, len(candles.time))
    closes = candles.time[until - 1] + candles.interval
    return Even(least, even_level(held, closes, 0.0, trade_rules), until, True)


@inner_rule
def funded_bounds(
    candles: Candles,
    flow: Flow,
    first: int,
    end: int,
    held: Entry,
    before: float,
    now: float,
    wanted: float,
    worst: float,
    tick: float,
    trade_rules: TradeRules,
) -> Even:
    """Bounds from the close of candle `first` to that of the candle before `end` at least: over a
    window, where the stop is beyond them, or the trail short of them and the signed price `worst`
    beyond; else up to the next payment, or over those within."""
    scale, waits = trade_rules.costs.funding, owes_no_borrow(held, trade_rules)
    until = ahead_until(flow, first, len(candles.time))
    if until >= end:
        paid = paid_ahead(flow, first, before, scale)
        greatest = last_even(candles, until, paid, held, tick, trade_rules)
        if now >= greatest or wanted > greatest + 2.0 * tick:
            return Even(-np.inf, greatest, until, waits)
        if worst > greatest:
            least = first_even(candles, first, paid, held, tick, trade_rules)
            if wanted + 2.0 * tick < least:
                return Even(least, greatest, until, waits)
    until = max(end, run_until(flow, first))
    paid = paid_range(flow, first, until, before, scale)
    if waits and paid.least == paid.greatest:
        level = even_level(held, held.time, paid.least, trade_rules)
        return Even(level, level, until, waits)
    least = first_even(candles, first, paid, held, tick, trade_rules)
    greatest = last_even(candles, until, paid, held, tick, trade_rules)
    return Even(least, greatest, until, waits)


@inner_rule
def first_even(
    candles: Candles, first: int, paid: Range, held: Entry, tick: float, trade_rules: TradeRules
) -> float:
    """No level is below it at the close of the candle `first` and those after it, at each of which
    something within `paid` has been paid: the level is monotone in the time and in what was
    paid."""
    least = paid.least if held.side > 0 else paid.greatest
    even = even_unrounded(candles, first, least, held, trade_rules)
    return even - noise_of(abs(even), tick) - tick


@inner_rule
def last_even(
    candles: Candles, until: int, paid: Range, held: Entry, tick: float, trade_rules: TradeRules
) -> float:
    """The same, above which no level is up to the close of the candle before `until`."""
    most = paid.greatest if held.side > 0 else paid.least
    even = even_unrounded(candles, until - 1, most, held, trade_rules)
    return even + noise_of(abs(even), tick) + _ROUNDED * tick


@inner_rule
def even_unrounded(
    candles: Candles, candle: int, paid: float, held: Entry, trade_rules: TradeRules
) -> float:
    """The signed level at the close of a candle, whose time is only looked up where it matters,
    before it is on a tick: what that takes costs more than all else here."""
    closes, costs = held.time, trade_rules.costs
    if not owes_no_borrow(held, trade_rules):
        closes = candles.time[candle] + candles.interval
    due = breakeven_due(held, closes, costs, paid)
    return held.side * breakeven_price(held.side, due, trade_rules.stop, costs)


@inner_rule
def noise_of(level: float, tick: float) -> float:
    """How far rounding moves a level of at most this size towards the market, at most, beside the
    tick it is put on."""
    return _NOISE * (level + tick)


@inner_rule
def owes_no_borrow(held: Entry, trade_rules: TradeRules) -> bool:
    """Whether no borrow moves the level: see Even.waits."""
    return held.side > 0 or trade_rules.costs.borrow_daily == 0.0


@inner_rule
def even_level(held: Entry, now: int, paid: float, trade_rules: TradeRules) -> float:
    """The signed breakeven level at a close at `now`, by when one unit held long has `paid`."""
    rules, costs, market = trade_rules.stop, trade_rules.costs, trade_rules.market
    return held.side * breakeven_level(held, now, rules, costs, market, paid)


@inner_rule
def even_moves(
    level: float, wanted: float, best: float, last: float, even: Even, tick: float
) -> int:
    """What breakeven, armed at the end of a node with signed closes of at most `best`
    and the close `last`, does within it; level, wanted: the signed level at its begin, and the
    trail at its end, which no price of it reaches.

    It moves the level at every close that is beyond its own level, if that is tighter: where
    that level only gets greater, the last such close settles it. Whether the trail or
    breakeven came first matters where they want the same level: then the closes are looked
    at one by one.
    """
    if best <= even.least or even_is_past(level, wanted, even, tick):
        return NOTHING
    return EVERY_CLOSE if moves_last(wanted, last, even, tick) else SOME_CLOSE


@inner_rule
def moves_last(wanted: float, last: float, even: Even, tick: float) -> bool:
    """Whether breakeven moves the level at the signed close `last`, the trail being short of
    it."""
    return even.waits and wanted + 2.0 * tick < even.least and last > even.greatest


@inner_rule
def even_is_past(level: float, wanted: float, even: Even, tick: float) -> bool:
    """Whether breakeven moves nothing any more where `even` holds: the signed level is there
    already, or the trail is so far that, rounded, it is beyond: rounding takes less than
    two ticks."""
    return level >= even.greatest or wanted > even.greatest + 2.0 * tick
