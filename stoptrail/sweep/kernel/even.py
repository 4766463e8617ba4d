"""Bounds of the breakeven level of an open position, and whether it moves the stop.

Prices called signed are times the side of the trade, as in sweep.kernel.hold.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stoptrail.rules.candles import Candles
from stoptrail.rules.jit import inner_rule, rule
from stoptrail.rules.stops import (
    Entry,
    breakeven_level,
)
from stoptrail.rules.trade import TradeRules
from stoptrail.sweep.kernel.blocks import Nodes, end_of

_NEAR = 256
"""Candles for which bounds of a short's breakeven level are kept."""
_FAR = 8192
"""The same where the trail is beyond it."""

NOTHING = 0
EVERY_CLOSE = 1
SOME_CLOSE = 2
"""What breakeven does within a node: moves no level, moves it at the last close (and
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


@inner_rule
def even_bounds(
    candles: Candles,
    nodes: Nodes,
    node: int,
    held: Entry,
    wanted: float,
    before: Even,
    tick: float,
    trade_rules: TradeRules,
) -> Even:
    """Bounds of the breakeven level at the closes of a node and some after it; wanted: by the
    trail; before: the bounds so far."""
    count = len(candles.time)
    end = end_of(nodes, node, count)
    if end <= before.until:
        return before
    least = before.greatest
    if before.until < 0:
        first = node if node < count else nodes.begin[node - count]
        least = even_level(held, candles.time[first] + candles.interval, trade_rules)
    if held.side > 0 or trade_rules.costs.borrow_daily == 0.0:
        return Even(least, least, count)
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
    return Even(least, even_level(held, closes, trade_rules), until)


@rule
def even_level(held: Entry, now: int, trade_rules: TradeRules) -> float:
    """The signed breakeven level at a close at `now`."""
    return held.side * breakeven_level(
        held, now, trade_rules.stop, trade_rules.costs, trade_rules.market
    )


@inner_rule
def even_moves(
    level: float, before: float, wanted: float, best: float, last: float, even: Even, tick: float
) -> int:
    """What breakeven, armed at the end of a node with signed closes of at most `best`
    and the close `last`, does within it; level, before, wanted: the signed level, and the
    trail at its begin and end.

    It moves the level at every close that is beyond its own level, if that is tighter: as
    that level only gets greater, the last such close settles it. Whether the trail or
    breakeven came first matters where they want the same level: then the closes are looked
    at one by one.
    """
    if best <= even.least or even_is_past(level, before, even, tick):
        return NOTHING
    return EVERY_CLOSE if moves_last(wanted, last, even, tick) else SOME_CLOSE


@inner_rule
def moves_last(wanted: float, last: float, even: Even, tick: float) -> bool:
    """Whether breakeven moves the level at the signed close `last`, the trail being short of
    it."""
    return wanted + 2.0 * tick < even.least and last > even.greatest


@inner_rule
def even_is_past(level: float, wanted: float, even: Even, tick: float) -> bool:
    """Whether breakeven moves nothing any more where `even` holds: the signed level is there
    already, or the trail is so far that, rounded, it is beyond: rounding takes less than
    two ticks."""
    return level >= even.greatest or wanted > even.greatest + 2.0 * tick
