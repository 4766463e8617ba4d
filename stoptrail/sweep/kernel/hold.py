"""One position from its entry to its exit, passing whole blocks where nothing is hit.

Prices called signed are times the side of the trade, so that greater is better for
either side. Negation is exact in float64; a rule always sees the price itself.

The level of a stop is not worked out before it matters. What the trail wants is kept
unrounded: rounding to the tick is monotone, so the greatest candidate gives the level,
and a price beyond it by more than the noise of rounding cannot hit that level.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stoptrail.rules.candles import Candles, Floats
from stoptrail.rules.funding import paid_since, sum_held, sum_opened
from stoptrail.rules.jit import inner_rule
from stoptrail.rules.stops import (
    BREAKEVEN,
    TRAIL,
    Entry,
    Stop,
    StopRules,
    breakeven_armed,
    loose_tick,
    ratchet,
    stop_fill,
    stop_hit,
    tighter,
    trail_price,
)
from stoptrail.rules.trade import TradeRules
from stoptrail.rules.types import OPEN
from stoptrail.sweep.kernel.blocks import Nodes, begin_of, end_of, first_node
from stoptrail.sweep.kernel.ending import Ending
from stoptrail.sweep.kernel.even import (
    EVERY_CLOSE,
    NOTHING,
    SOME_CLOSE,
    UNKNOWN,
    Even,
    even_bounds,
    even_is_past,
    even_level,
    even_moves,
    moves_last,
    noise_of,
)
from stoptrail.sweep.kernel.flow import Flow, dearest_of, fetch_ahead, is_funded, sums_within


class HeldLevel(NamedTuple):
    """A stop's level as far as it was worked out."""

    level: float
    """Without what the trail and `even_at` may have made of it since."""
    reason: int
    """What set `level`."""
    floor: float
    """Signed: no level of breakeven that is in force lies beyond it."""
    even_at: int
    """The last candle at whose close breakeven moved the level since; -1: none."""
    dearest: float
    """The sum of funding, of all at whose close it did, that makes its level the greatest."""


class Reach(NamedTuple):
    """How far a position has come."""

    node: int
    """The next node."""
    extreme: float
    """Signed best price."""
    wanted: float
    """Signed and unrounded: the greatest candidate of the trail, or a level beyond it."""


@inner_rule
def hold(
    candles: Candles,
    nodes: Nodes,
    entry: int,
    held: Entry,
    stop: Stop,
    trade_rules: TradeRules,
    flow: Flow,
) -> Ending:
    """Follow a position, entered on candle `entry` with `stop` in force, to its end."""
    fetch_ahead(flow, entry)
    before = sum_opened(flow.sums, entry)
    side, sign, count = held.side, float(held.side), len(candles.time)
    tick = trade_rules.market.price_step / trade_rules.market.price_scale
    tops, bottoms = (nodes.high, nodes.low) if side > 0 else (nodes.low, nodes.high)
    now, even, worst_close = known(side, stop), UNKNOWN, sign * stop.level
    at = Reach(first_node(nodes, entry), sign * stop.extreme, sign * stop.level)
    while True:
        rules = trade_rules.stop, trade_rules.costs.funding
        at, now = pass_nodes(nodes, tops, bottoms, count, held, now, even, at, tick, *rules, flow)
        node = at.node
        if node == len(tops):
            break
        reach = max(at.extreme, sign * tops[node])
        want = max(at.wanted, signed_trail(held, reach, nodes.atr[node], trade_rules.stop))
        moves = NOTHING
        if signed_armed(held, reach, trade_rules.stop):
            last, level = sign * nodes.close[node], sign * now.level
            best = last if node < count else sign * tops[node]
            prices = best, sign * bottoms[node], last
            so_far = even, tick, trade_rules, flow, before
            even = even_bounds(candles, nodes, node, held, level, want, prices, *so_far)
            moves = even_moves(level, want, best, last, even, tick)
        if node >= count:
            some = sign * bottoms[node] <= even.greatest
            first, end = begin_of(nodes, node, count), end_of(nodes, node, count)
            some = some or arms_within(held, at.extreme, even, *rules, flow, first, end)
            if moves == SOME_CLOSE or (moves == EVERY_CLOSE and some):
                at = Reach(nodes.inside[node - count], at.extreme, at.wanted)
                continue
        else:
            worst = sign * bottoms[node]
            now, hit = met(candles, nodes, held, now, at, worst, tick, trade_rules, flow, before)
            if hit:
                opens = candles.open[node]
                price = stop_fill(side, opens, now.level, trade_rules.costs, trade_rules.market)
                return Ending(node, price, now.reason, at.extreme, worst_close, 0)
            worst_close = min(worst_close, sign * nodes.close[node])
            if moves == SOME_CLOSE:
                now = ratcheted(candles, nodes, held, now, at, trade_rules, flow, before)
        if moves == EVERY_CLOSE:
            first, end = begin_of(nodes, node, count), end_of(nodes, node, count)
            now = moved(now, side, first, end, even, flow, trade_rules.costs.funding)
        at = Reach(nodes.after[node], reach, want)
    settled = settle(candles, held, now, at, trade_rules, flow, before)
    return Ending(OPEN, 0.0, settled.reason, at.extreme, worst_close, 0)


@inner_rule
def met(
    candles: Candles,
    nodes: Nodes,
    held: Entry,
    now: HeldLevel,
    at: Reach,
    worst: float,
    tick: float,
    trade_rules: TradeRules,
    flow: Flow,
    before: float,
) -> tuple[HeldLevel, bool]:
    """The candle that a position has come to, against the stop in force: the level, worked
    out if need be, and whether it is hit; worst: signed price of the candle."""
    i = at.node
    clear = worst > beyond_noise(max(at.wanted, now.floor), tick)
    if clear or not candles.volume[i] > 0.0:
        return now, False
    stop = settle(candles, held, now, at, trade_rules, flow, before)
    return known(held.side, stop), stop_hit(held.side, nodes.high[i], nodes.low[i], stop.level)


@inner_rule
def ratcheted(
    candles: Candles,
    nodes: Nodes,
    held: Entry,
    now: HeldLevel,
    at: Reach,
    trade_rules: TradeRules,
    flow: Flow,
    before: float,
) -> HeldLevel:
    """The level after the close of the candle that a position has come to."""
    i = at.node
    stop = ratchet(
        settle(candles, held, now, at, trade_rules, flow, before),
        held,
        nodes.high[i],
        nodes.low[i],
        nodes.close[i],
        nodes.atr[i],
        candles.time[i] + candles.interval,
        trade_rules.stop,
        trade_rules.costs,
        trade_rules.market,
        paid_since(sum_held(flow.sums, i), before, trade_rules.costs.funding),
    )
    return known(held.side, stop)


@inner_rule
def pass_nodes(
    nodes: Nodes,
    tops: Floats,
    bottoms: Floats,
    count: int,
    held: Entry,
    now: HeldLevel,
    even: Even,
    at: Reach,
    tick: float,
    rules: StopRules,
    scale: float,
    flow: Flow,
) -> tuple[Reach, HeldLevel]:
    """Pass what cannot hit the stop, up to a candle that may, or to a node at which it
    matters what breakeven does; tops, bottoms: the best and the worst prices of nodes for
    the side of the trade. Held against what the trail wants at the end of each node, which a
    candle does not meet yet: too much is looked at, nothing is missed."""
    node, extreme, wanted, sign = at.node, at.extreme, at.wanted, float(held.side)
    floor, even_first, even_node = now.floor, -1, -1
    past = even_is_past(sign * now.level, wanted, even, tick)
    quiet = past and even.until == count
    # Levels lie between the first one and the best price there is.
    noise = noise_of(max(abs(now.level), nodes.highest), tick)
    while node < len(tops):
        place = np.uint64(node)  # indexed quicker, as it cannot count from the end
        reach = max(extreme, sign * tops[place])
        want = max(wanted, signed_trail(held, reach, nodes.atr[place], rules))
        worst = sign * bottoms[place]
        if not worst > max(want, floor) + noise:
            if node < count:
                break
            node = nodes.inside[node - count]
            continue
        if not quiet and signed_armed(held, reach, rules):
            if end_of(nodes, node, count) > even.until:
                break
            past = past or even_is_past(sign * now.level, want, even, tick)
            if not past:
                is_put_off = worst > even.greatest
                begins = even_node < 0 and node >= count
                first, end = begin_of(nodes, node, count), end_of(nodes, node, count)
                if begins and arms_within(held, extreme, even, rules, scale, flow, first, end):
                    break
                if not (is_put_off and moves_last(want, sign * nodes.close[node], even, tick)):
                    break
                even_first = node if even_node < 0 else even_first
                floor, even_node = max(floor, even.greatest), node
        node, extreme, wanted = nodes.after[place], reach, want
    if even_node >= 0:
        first, end = begin_of(nodes, even_first, count), end_of(nodes, even_node, count)
        now = moved(now, held.side, first, end, even, flow, scale)
    return Reach(node, extreme, wanted), now


@inner_rule
def arms_within(
    held: Entry,
    extreme: float,
    even: Even,
    rules: StopRules,
    scale: float,
    flow: Flow,
    first: int,
    end: int,
) -> bool:
    """Whether breakeven, armed at the end of the block of candles [first, end), may be so at some
    of its closes only, and its level have been greater before that than at the last one: funding
    moves it either way, borrow alone does not. extreme: signed, at the begin of the block."""
    if not is_funded(flow) or even.least == even.greatest or signed_armed(held, extreme, rules):
        return False
    sums = sums_within(flow, first, end)
    if sums.least == sums.greatest:
        return False
    return dearest_of(sums, held.side * scale > 0.0) != sum_held(flow.sums, end - 1)


@inner_rule
def moved(
    now: HeldLevel, side: int, first: int, end: int, even: Even, flow: Flow, scale: float
) -> HeldLevel:
    """`now` where breakeven moved the level at the closes of the candles [first, end): worked out
    if that costs nothing."""
    if even.least == even.greatest and even.least >= now.floor:
        return HeldLevel(side * even.least, BREAKEVEN, even.least, -1, 0.0)
    most = 0.0
    if is_funded(flow):
        rises = side * scale > 0.0
        most = dearest_of(sums_within(flow, first, end), rises)
        if now.even_at >= 0:
            most = max(most, now.dearest) if rises else min(most, now.dearest)
    return HeldLevel(now.level, now.reason, max(now.floor, even.greatest), end - 1, most)


@inner_rule
def signed_trail(held: Entry, reach: float, atr: float, rules: StopRules) -> float:
    """What the trail wants at the signed extreme `reach`: a short is a long among negated
    prices, to the last bit."""
    return trail_price(mirrored(held), reach, atr, rules)


@inner_rule
def signed_armed(held: Entry, reach: float, rules: StopRules) -> bool:
    """Whether breakeven is armed at the signed extreme `reach`."""
    return breakeven_armed(mirrored(held), reach, rules)


@inner_rule
def mirrored(held: Entry) -> Entry:
    """A long at the signed entry price."""
    return Entry(1, held.side * held.fill, held.time, held.atr)


@inner_rule
def known(side: int, stop: Stop) -> HeldLevel:
    """The level of a stop that is worked out."""
    return HeldLevel(stop.level, stop.reason, side * stop.level, -1, 0.0)


@inner_rule
def beyond_noise(level: float, tick: float) -> float:
    """A signed price above it cannot hit what rounding makes of `level`."""
    return level + noise_of(abs(level), tick)


@inner_rule
def settle(
    candles: Candles,
    held: Entry,
    now: HeldLevel,
    at: Reach,
    trade_rules: TradeRules,
    flow: Flow,
    before: float,
) -> Stop:
    """The stop with its level worked out.

    A level of breakeven that is put off was at least two ticks beyond what the trail
    wanted by then: where the two agree now, breakeven was first. Of several the greatest counts.
    """
    side, level, reason = held.side, now.level, now.reason
    if now.even_at >= 0:
        closes = candles.time[now.even_at] + candles.interval
        paid = paid_since(now.dearest, before, trade_rules.costs.funding)
        even = side * even_level(held, closes, paid, trade_rules)
        if tighter(side, even, level):
            level, reason = even, BREAKEVEN
    candidate = loose_tick(side, side * at.wanted, trade_rules.market)
    if tighter(side, candidate, level):
        level, reason = candidate, TRAIL
    return Stop(level, side * at.extreme, reason)
