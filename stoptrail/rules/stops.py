"""The stop: initial level, trigger, ATR trail and breakeven ratchet (C5 to C8).

A long's level only rises and a short's only falls. Levels are in the quote currency and
lie on the market's tick.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from stoptrail.rules.costs import DAY, Costs, fill_price
from stoptrail.rules.jit import inner_rule, rule
from stoptrail.rules.market import Market, price_down, price_up, reaches

INITIAL = 0
BREAKEVEN = 1
TRAIL = 2
CYCLE = 3
MANUAL = 4
MANUAL_PRICE = 5
TARGET = 6
TIME = 7
RULE = 8
LIQUIDATED = 9
REASONS = (
    "initial",
    "breakeven",
    "trail",
    "cycle",
    "manual",
    "manual_price",
    "target",
    "time",
    "rule",
    "liquidated",
)
"""Names of what moved a stop or closed a trade, by code."""
BY_HAND = (MANUAL, MANUAL_PRICE)
"""What a person asked for: at market, or at a price that they name."""


ATR_TRAIL = 0
NO_TRAIL = 1
CHANDELIER = 2
PERCENT = 3
"""What moves a stop besides breakeven (StopRules.trail): a distance in ATRs from the extreme;
nothing; the same distance from the best price of the last candles; a share of the extreme."""


class StopRules(NamedTuple):
    """How the stop behaves."""

    multiplier: float
    """N: distance of the stop in ATRs."""
    breakeven_trigger: float
    """Favourable move, in ATRs of the signal candle, that arms breakeven; 0 is off."""
    breakeven_margin: float
    """How far beyond the exact breakeven price the level lies, as a fraction."""
    frozen: bool
    """True keeps the signal candle's ATR for the whole trade (a fixed-distance trail)."""
    trail: int = ATR_TRAIL
    """ATR_TRAIL, NO_TRAIL, CHANDELIER or PERCENT."""
    trail_candles: int = 0
    """Candles of a CHANDELIER, the newest closed one among them."""
    trail_percent: float = 0.0
    """Share of the extreme at which PERCENT trails it."""
    trail_from: float = 0.0
    """R that the extreme has to reach before the trail moves (C18); 0: from the entry on."""
    ruled: bool = False
    """Whether a rule of the user's own stands for the trail (rules.own_exit)."""


class Entry(NamedTuple):
    """What a stop needs to know of the trade it protects."""

    side: int
    fill: float
    """Entry price."""
    time: int
    """Open time of the entry candle, ms."""
    atr: float
    """ATR at the signal candle."""


AT_THE_OPEN = 60_000
"""Milliseconds after a candle's open within which an entry by a tick counts as at its open:
time for a signal's first quote to arrive."""


class Stop(NamedTuple):
    """A working stop."""

    level: float
    extreme: float
    """Best price since the fill: highest high for a long, lowest low for a short."""
    reason: int
    """What set the level: INITIAL, BREAKEVEN or TRAIL."""


@rule
def held_throughout(held: Entry, opens: int) -> bool:
    """Whether all prices of a candle that opened at `opens` (ms) came after the fill; where
    a tick entered later, its high and low may lie before the trade (C14)."""
    return held.time <= opens + AT_THE_OPEN


@rule
def tighter(side: int, level: float, than: float) -> bool:
    """Whether `level` protects more than `than` does."""
    return level > than if side > 0 else level < than


@rule
def loose_tick(side: int, level: float, market: Market) -> float:
    """`level` on the tick away from the market: down for a long, up for a short."""
    return price_down(level, market) if side > 0 else price_up(level, market)


@rule
def stop_distance(atr: float, rules: StopRules) -> float:
    """N * ATR: from the price to the stop, in the quote currency per unit."""
    return rules.multiplier * atr


@rule
def initial_stop(held: Entry, rules: StopRules, market: Market) -> Stop:
    """The stop in force from the moment of the fill: fill - N * ATR of the signal (C5)."""
    level = held.fill - held.side * stop_distance(held.atr, rules)
    return Stop(loose_tick(held.side, level, market), held.fill, INITIAL)


@rule
def stop_hit(side: int, high: float, low: float, level: float) -> bool:
    """Whether a candle reaches the level; touching it is enough (C6)."""
    return low <= level if side > 0 else high >= level


def beyond_its_price(side: int, stop: Stop, price: float) -> bool:
    """Whether a trail, or a rule of the user's own, set the level beyond `price`, that of the
    close or tick that it went by (C7): the market had passed it before it was in force."""
    return stop.reason in (TRAIL, RULE) and tighter(side, stop.level, price)


@rule
def stop_fill(side: int, first: float, level: float, costs: Costs, market: Market) -> float:
    """Price of a stop fill: the level, or `first` (the open, or the tick) where that is
    worse, with slippage (C6)."""
    worst = min(first, level) if side > 0 else max(first, level)
    return fill_price(-side, worst, costs, market)


@rule
def breakeven_armed(held: Entry, extreme: float, rules: StopRules) -> bool:
    """Whether the trade has gone far enough in favour (C8)."""
    if rules.breakeven_trigger <= 0.0:
        return False
    reach = rules.breakeven_trigger * held.atr
    return reaches(held.side, extreme, held.fill + held.side * reach)


@rule
def breakeven_level(
    held: Entry, now: int, rules: StopRules, costs: Costs, market: Market, funding: float = 0.0
) -> float:
    """Level at which the trade nets zero after fees, exit slippage, the borrow until `now`
    (ms) and the `funding` that one unit held long has paid so far, moved by the margin, on a
    tick whose rounded exit still nets >= 0 (C8, C13, C19): see `breakeven_price`."""
    due = breakeven_due(held, now, costs, funding)
    price = breakeven_price(held.side, due, rules, costs)
    charge, tick = costs.taker_fee, market.price_step / market.price_scale
    if held.side > 0:
        level = price_up(price, market)
        while fill_price(-1, level, costs, market) * (1.0 - charge) < due:
            level = price_up(level + tick, market)
        return level
    level = price_down(price, market)
    while level > 0.0 and fill_price(1, level, costs, market) * (1.0 + charge) > due:
        level = price_down(level - tick, market)
    return level


@inner_rule
def breakeven_due(held: Entry, now: int, costs: Costs, funding: float) -> float:
    """What the exit of one unit has to bring (long), or may cost (short), with its fee, for the
    trade to net zero."""
    charge = costs.taker_fee
    if held.side > 0:
        return held.fill * (1.0 + charge) + funding
    days = max(0.0, (now - held.time) / DAY)
    return held.fill * (1.0 - charge) - held.fill * costs.borrow_daily * days + funding


@inner_rule
def breakeven_price(side: int, due: float, rules: StopRules, costs: Costs) -> float:
    """The level for which an exit is `due` so much, moved by the margin, before it is on a tick.

    Long: due / ((1 - fee) * (1 - slippage)) * (1 + margin).
    """
    charge, slip = costs.taker_fee, costs.slippage
    if side > 0:
        return due / ((1.0 - charge) * (1.0 - slip)) * (1.0 + rules.breakeven_margin)
    return due / ((1.0 + charge) * (1.0 + slip)) * (1.0 - rules.breakeven_margin)


@rule
def breakeven_settled(
    stop: Stop,
    held: Entry,
    until: int,
    rules: StopRules,
    costs: Costs,
    market: Market,
    funding: float,
) -> bool:
    """Whether breakeven moves the stop at no close up to `until` (ms) while the extreme and
    the `funding` stay: its level is constant for a long and, by the borrow, only gets tighter
    for a short."""
    if not breakeven_armed(held, stop.extreme, rules):
        return True
    even = breakeven_level(held, until, rules, costs, market, funding)
    return not tighter(held.side, even, stop.level)


@rule
def trail_price(held: Entry, extreme: float, atr: float, rules: StopRules) -> float:
    """extreme - N * ATR for a long, not yet on the tick; `atr` is the current one (C7)."""
    breadth = held.atr if rules.frozen else atr
    return extreme - held.side * stop_distance(breadth, rules)


@rule
def trail_wants(held: Entry, extreme: float, atr: float, rules: StopRules) -> float:
    """The unrounded level that a trail wants which follows each price; infinitely far from the
    market where there is none, or one that knows closed candles only."""
    if rules.ruled or rules.trail == NO_TRAIL or rules.trail == CHANDELIER:
        return -held.side * math.inf
    if rules.trail == PERCENT:
        return extreme * (1.0 - held.side * rules.trail_percent)
    return trail_price(held, extreme, atr, rules)


@rule
def quiet_atr(stop: Stop, held: Entry, rules: StopRules) -> float:
    """An ATR above this one moves no trail that follows each price while the extreme stays:
    what such a trail wants is at most the level then. It is a little more than needed, for the
    rounding of both; -infinity where no ATR matters."""
    if rules.frozen or rules.ruled or rules.trail == NO_TRAIL or rules.trail == PERCENT:
        return -math.inf
    reach = held.side * (stop.extreme - stop.level)
    return (reach * (1.0 + 1e-9) + 1e-12 * stop.extreme) / rules.multiplier


@rule
def trail_begun(held: Entry, extreme: float, rules: StopRules) -> bool:
    """Whether the trade has gone far enough for its trail to move (C18)."""
    if rules.trail_from <= 0.0:
        return True
    reach = rules.trail_from * stop_distance(held.atr, rules)
    return reaches(held.side, extreme, held.fill + held.side * reach)


@rule
def evened(
    stop: Stop,
    held: Entry,
    high: float,
    low: float,
    close: float,
    now: int,
    rules: StopRules,
    costs: Costs,
    market: Market,
    funding: float,
) -> Stop:
    """The stop after prices as in `ratchet`, with no trail: the extreme follows the price, and
    breakeven is placed where the close is beyond it (C8)."""
    side = held.side
    extreme = max(stop.extreme, high) if side > 0 else min(stop.extreme, low)
    if breakeven_armed(held, extreme, rules):
        even = breakeven_level(held, now, rules, costs, market, funding)
        if tighter(side, close, even) and tighter(side, even, stop.level):
            return Stop(even, extreme, BREAKEVEN)
    return Stop(stop.level, extreme, stop.reason)


@rule
def trailed(
    stop: Stop, held: Entry, wanted: float, reason: int, rules: StopRules, market: Market
) -> Stop:
    """The stop on the tick of the unrounded level `wanted`, where that is tighter and the
    trail has begun."""
    # Levels lie on ticks: one that is not tighter before it is rounded away from the market
    # is not tighter afterwards.
    if not tighter(held.side, wanted, stop.level) or not trail_begun(held, stop.extreme, rules):
        return stop
    candidate = loose_tick(held.side, wanted, market)
    if not tighter(held.side, candidate, stop.level):
        return stop
    return Stop(candidate, stop.extreme, reason)


@rule
def ratchet(
    stop: Stop,
    held: Entry,
    high: float,
    low: float,
    close: float,
    atr: float,
    now: int,
    rules: StopRules,
    costs: Costs,
    market: Market,
    funding: float = 0.0,
) -> Stop:
    """The stop after a candle that closed at `now` (or a tick: high = low = close); `funding`
    is what one unit held long has paid before that moment (C19).

    The extreme follows the price; breakeven is tried first and placed only where the
    close is beyond it; the trail then moves only if strictly tighter. One move at most.
    What a chandelier hangs from, and a rule of the user's own, know closed candles only: see
    `ratchet_at_close` and rules.manage.
    """
    stop = evened(stop, held, high, low, close, now, rules, costs, market, funding)
    return trailed(stop, held, trail_wants(held, stop.extreme, atr, rules), TRAIL, rules, market)


@rule
def ratchet_at_close(
    stop: Stop,
    held: Entry,
    high: float,
    low: float,
    close: float,
    atr: float,
    reach: float,
    now: int,
    rules: StopRules,
    costs: Costs,
    market: Market,
    funding: float,
) -> Stop:
    """`ratchet` at the close of a candle; reach: the best price of the last
    `rules.trail_candles` closed candles, this one included, which only a chandelier needs."""
    stop = ratchet(stop, held, high, low, close, atr, now, rules, costs, market, funding)
    if rules.trail != CHANDELIER or rules.ruled:
        return stop
    return trailed(stop, held, trail_price(held, reach, atr, rules), TRAIL, rules, market)
