"""What happens to an open position within one candle (C9, C18), or at one tick (C14)."""

from __future__ import annotations

import math
from typing import NamedTuple

from stoptrail.rules.candles import Candles, Floats
from stoptrail.rules.costs import borrow, fill_price
from stoptrail.rules.exits import no_target, target_passed
from stoptrail.rules.funding import (
    Funding,
    booked_funding,
    paid_since,
    sum_held,
    sum_opened,
)
from stoptrail.rules.jit import inner_rule, rule
from stoptrail.rules.margin import (
    NO_DANGER,
    Danger,
    Mark,
    closed_out_at,
    liquidation,
    mark_of,
    overtaken,
)
from stoptrail.rules.stops import (
    LIQUIDATED,
    Entry,
    Stop,
    breakeven_settled,
    loose_tick,
    ratchet,
    stop_fill,
    stop_hit,
    tighter,
    trail_wants,
)
from stoptrail.rules.trade import (
    Exit,
    Position,
    TradeRules,
    closing,
    credited,
    leave,
    left_by,
)

CANDLE = 0
HIGH_FIRST = 1
LOW_FIRST = 2
TICKS = 3
"""How a candle is walked: whole, or with a tick ratchet along open, high, low, close or open, low,
high, close; or along the prices of finer candles, taken as ticks (C21)."""

NOTHING = 0
STOPPED = 1
TARGETED = 2
LEFT = 3
CLOSED_OUT = 4
"""What fills: nothing, the stop, the target, an order to leave at the open, or the exchange, which
closes what the account cannot hold any more (C20)."""


class Walk(NamedTuple):
    """What fills first in a candle for a position, or at a tick."""

    event: int
    """NOTHING, STOPPED, TARGETED, LEFT or CLOSED_OUT."""
    price: float
    """Of the fill, with slippage where it has any; 0 where nothing fills."""
    stop: Stop
    """The stop then, or at the end of the candle, before its close."""
    step: int
    """Where the path went on to; after a target that closed a part, the walk goes on there."""


@rule
def walk_candle(
    path: int,
    stop: Stop,
    target: float,
    leaving: bool,
    step: int,
    held: Entry,
    candle_open: float,
    high: float,
    low: float,
    close: float,
    atr: float,
    time: int,
    trade_rules: TradeRules,
    funding: float = 0.0,
    danger: float = math.nan,
    mark: Mark | None = None,
) -> Walk:
    """Test the stop over one candle with volume; `atr` is that of the last closed candle,
    `funding` what one unit held long has paid by then.

    CANDLE tests the level in force at the candle's start, and a target after it; what the open
    passes comes before both. So does TICKS, as a candle of which no tick is known is settled by
    its closed candle. The other paths also ratchet at each of the four prices, as ticks would;
    between them the price is continuous, so a level that is crossed fills at the level. target:
    level of the target; leaving: whether an order to leave waits for the open; step: 0, or that
    of the walk that found a part's target; danger: the price at which the position is liquidated
    once the `mark` prices (None: the candle's own) reach it, in the order of the candle's; the
    stop comes first where it lies before it and both are met.
    """
    side, level = held.side, stop.level
    own = Mark(candle_open, high, low, close)
    seen = own if mark is None else mark
    if path in (CANDLE, TICKS):
        first = last = candle_open
        by = seen.open
        event = first_event(side, first, first, level, target, leaving, danger, by, by)
        if event == NOTHING:
            last = low if side > 0 else high
            event = first_event(side, high, low, level, target, False, danger, seen.high, seen.low)
        price = price_of(event, side, first, last, level, target, danger, trade_rules)
        return Walk(event, price, stop, 0)
    given = stop, target, leaving, held, high, low, atr, time, trade_rules, funding, danger, seen
    if step == 0 and undisturbed(*given):
        return Walk(NOTHING, 0.0, stop, 4)
    before = price_at(path, own, max(0, step - 1))
    while step < 4:
        price, by = price_at(path, own, step), price_at(path, seen, step)
        level, leaves = stop.level, leaving and step == 0
        event = first_event(side, price, price, level, target, leaves, danger, by, by)
        if event != NOTHING:
            first = candle_open if step == 0 else level
            first = before if event == CLOSED_OUT else first
            fill = price_of(event, side, first, price, level, target, danger, trade_rules)
            return Walk(event, fill, stop, step)
        if step > 0 or time > held.time:  # the open of the entry candle is the entry's own tick
            stop = ratcheted(stop, held, price, atr, time, trade_rules, funding)
        before = price
        step += 1
    return Walk(NOTHING, 0.0, stop, step)


@inner_rule
def price_at(path: int, prices: Mark, step: int) -> float:
    """The price that comes at `step` (0 to 3) along HIGH_FIRST or LOW_FIRST."""
    if step == 0:
        return prices.open
    if step == 3:
        return prices.close
    return prices.high if (step == 1) == (path == HIGH_FIRST) else prices.low


@rule
def ratcheted(
    stop: Stop,
    held: Entry,
    price: float,
    atr: float,
    time: int,
    trade_rules: TradeRules,
    funding: float,
) -> Stop:
    """The stop after one price."""
    rules, costs, market = trade_rules.stop, trade_rules.costs, trade_rules.market
    return ratchet(stop, held, price, price, price, atr, time, rules, costs, market, funding)


@rule
def danger_of(
    position: Position,
    balance: float,
    time: int,
    trade_rules: TradeRules,
    paid: float,
    tiers: Floats | None,
) -> Danger:
    """Where `position` is liquidated at `time`; balance: cash before the entry; paid: see
    rules.trade.closing; tiers: see rules.margin.liquidation."""
    margin, held, units = trade_rules.margin, position.held, position.units
    if not margin.liquidates:
        return NO_DANGER
    costs, balance = spent(position, time, trade_rules, paid), balance + position.parts.profit
    return liquidation(held.side, units, held.fill, costs, balance, margin, tiers)


@inner_rule
def spent(position: Position, time: int, trade_rules: TradeRules, paid: float) -> float:
    """Fees, borrow and funding of what is held until `time`; paid: see rules.trade.closing."""
    held, units = position.held, position.units
    interest = borrow(held.side, units, held.fill, held.time, time, trade_rules.costs)
    return position.fee + interest - booked_funding(held.side, units, paid)


@rule
def first_liquidation(
    candles: Candles,
    entry: int,
    position: Position,
    balance: float,
    trade_rules: TradeRules,
    sums: Funding,
) -> tuple[int, Exit]:
    """The candle from `entry` on in which a position without a stop is liquidated, and that end of
    it; -1 and its loss of nothing where it is in none. balance: cash before the entry, at the open
    of that candle."""
    side, before = position.held.side, sum_opened(sums, entry)
    for i in range(entry, len(candles.time)):
        time, paid = candles.time[i], sum_held(sums, i)
        paid = paid_since(paid, before, trade_rules.costs.funding)
        danger = danger_of(position, balance, time, trade_rules, paid, sums.tiers)
        far = Stop(-side * math.inf, position.held.fill, LIQUIDATED)
        own = candles.open[i], candles.high[i], candles.low[i], candles.close[i]
        given = far, no_target(side).level, False, 0, position.held, *own, math.nan, time
        mark = mark_of(sums.marks, i, Mark(*own))
        walk = walk_candle(CANDLE, *given, trade_rules, 0.0, danger.price, mark)
        if walk.event == CLOSED_OUT and candles.volume[i] > 0.0:
            end = leave(position, walk.price, time, trade_rules, LIQUIDATED, paid, danger.fee)
            return i, credited(end, balance)
    nothing = closing(position, 0.0, position.held.fill, LIQUIDATED, 0, trade_rules.costs)
    return -1, left_by(position, nothing)


@inner_rule
def barrier(side: int, level: float, danger: float) -> float:
    """The nearer of the stop's `level` and the liquidation price `danger` (NaN: none): before it
    no adverse price, the mark included, ends a position."""
    return danger if overtaken(side, level, danger) else level


@inner_rule
def adverse_event(
    side: int,
    high: float,
    low: float,
    level: float,
    danger: float,
    mark_high: float,
    mark_low: float,
) -> int:
    """STOPPED where prices between `low` and `high` reach the stop's `level`, CLOSED_OUT where
    the mark's reach `danger` (C20), else NOTHING; where both do, the one that lies before."""
    out = stop_hit(side, mark_high, mark_low, danger)
    if stop_hit(side, high, low, level) and not (out and overtaken(side, level, danger)):
        return STOPPED
    return CLOSED_OUT if out else NOTHING


@inner_rule
def first_event(
    side: int,
    high: float,
    low: float,
    level: float,
    target: float,
    leaving: bool,
    danger: float,
    mark_high: float,
    mark_low: float,
) -> int:
    """What comes first where prices between `low` and `high` are met in an unknown order: the
    stop or a liquidation, then the target, then an order to leave."""
    event = adverse_event(side, high, low, level, danger, mark_high, mark_low)
    if event != NOTHING:
        return event
    if target_passed(side, high, low, target):
        return TARGETED
    return LEFT if leaving else NOTHING


@rule
def price_of(
    event: int,
    side: int,
    first: float,
    last: float,
    level: float,
    target: float,
    danger: float,
    trade_rules: TradeRules,
) -> float:
    """The price of what fills while the market goes from `first` to `last`; 0 for NOTHING."""
    costs, market = trade_rules.costs, trade_rules.market
    if event == STOPPED:
        return stop_fill(side, first, level, costs, market)
    if event == CLOSED_OUT:
        return fill_price(-side, closed_out_at(danger, first, last), costs, market)
    if event == TARGETED:
        return target
    if event == LEFT:
        return fill_price(-side, first, costs, market)
    return 0.0


@rule
def walk_tick(
    stop: Stop,
    target: float,
    leaving: bool,
    held: Entry,
    price: float,
    atr: float,
    time: int,
    trade_rules: TradeRules,
    funding: float = 0.0,
    danger: float = math.nan,
    mark: float | None = None,
) -> Walk:
    """One tick: something fills, or the stop moves (C14). `atr` is that of the last closed
    candle, `funding` what one unit held long has paid by then; danger, mark: see `walk_candle`."""
    side, level, by = held.side, stop.level, price if mark is None else mark
    event = first_event(side, price, price, level, target, leaving, danger, by, by)
    if event != NOTHING:
        fill = price_of(event, side, price, price, level, target, danger, trade_rules)
        return Walk(event, fill, stop, 0)
    return Walk(NOTHING, 0.0, ratcheted(stop, held, price, atr, time, trade_rules, funding), 0)


@rule
def undisturbed(
    stop: Stop,
    target: float,
    leaving: bool,
    held: Entry,
    high: float,
    low: float,
    atr: float,
    until: int,
    trade_rules: TradeRules,
    funding: float = 0.0,
    danger: float = math.nan,
    mark: Mark | None = None,
) -> bool:
    """Whether ticks between `low` and `high`, none later than `until` (ms), neither fill
    anything nor change anything about the stop: what `walk_tick` would find, one by one."""
    rules, costs, market = trade_rules.stop, trade_rules.costs, trade_rules.market
    side = held.side
    beyond = high > stop.extreme if side > 0 else low < stop.extreme
    top, bottom = (high, low) if mark is None else (mark.high, mark.low)
    opens = math.nan if mark is None else mark.open
    event = first_event(side, high, low, stop.level, target, leaving, danger, top, bottom)
    if beyond or event != NOTHING or stop_hit(side, opens, opens, danger):
        return False
    wanted = trail_wants(held, stop.extreme, atr, rules)
    if tighter(side, wanted, stop.level) and tighter(
        side, loose_tick(side, wanted, market), stop.level
    ):
        return False
    return breakeven_settled(stop, held, until, rules, costs, market, funding)
