"""What the kernel has to know of a position that it followed to its end, and whether that end is
the stop's."""

from __future__ import annotations

from typing import NamedTuple

from stoptrail.rules.candles import Candles, Floats
from stoptrail.rules.funding import sum_opened
from stoptrail.rules.jit import inner_rule
from stoptrail.rules.margin import bears, is_marked, overtaken
from stoptrail.rules.paths import danger_of, spent
from stoptrail.rules.stops import stop_hit
from stoptrail.rules.trade import Position, TradeRules
from stoptrail.sweep.kernel.flow import (
    NOTHING_PAID,
    Flow,
    Range,
    dearest_of,
    is_funded,
    paid_at_most,
    paid_range,
)


class Ending(NamedTuple):
    """The end of a position, or the end of the data."""

    exit: int
    """Exit candle; OPEN where the data ended first."""
    price: float
    """Exit price, 0 where there is none."""
    reason: int
    """What closed it, or what set the level of the stop last."""
    best: float
    """Signed: no close from the entry candle on, before the exit candle, is beyond this, ..."""
    worst: float
    """... and none falls short of this."""
    parts: int
    """How many parts were closed before."""


@inner_rule
def stop_stays_first(
    candles: Candles,
    entry: int,
    last: int,
    position: Position,
    level: float,
    balance: float,
    trade_rules: TradeRules,
    flow: Flow,
) -> bool:
    """Whether a stop that never loosens from `level` comes before the liquidation price on every
    candle from `entry` to `last`: it does against the most that can have been paid by then, and
    where nothing can, as the entry was tested. No mark price may reach it either."""
    costs, side, time = trade_rules.costs, position.held.side, candles.time[last]
    if len(flow.sums.marks) > 0:
        most = NOTHING_PAID
        if is_funded(flow):
            before = sum_opened(flow.sums, entry)
            most = paid_range(flow, entry, last + 1, before, costs.funding)
        danger = most_dangerous(most, position, balance, time, trade_rules, flow)
        marked = marks_reach(flow.sums.marks, entry, last + 1, side, danger)
        return not marked and not overtaken(side, level, danger)
    if not is_funded(flow):
        if trade_rules.margin.checked and (side > 0 or costs.borrow_daily == 0.0):
            return True
        return stays_first(NOTHING_PAID, position, level, balance, time, trade_rules, flow)
    if last < entry + flow.most.candles:
        most = paid_at_most(flow.most, costs.funding)
        if stays_first(most, position, level, balance, time, trade_rules, flow):
            return True
    before = sum_opened(flow.sums, entry)
    most = paid_range(flow, entry, last + 1, before, costs.funding)
    return stays_first(most, position, level, balance, time, trade_rules, flow)


@inner_rule
def stays_first(
    paid: Range,
    position: Position,
    level: float,
    balance: float,
    time: int,
    trade_rules: TradeRules,
    flow: Flow,
) -> bool:
    """Whether a stop at `level` comes before the liquidation price at `time`, whatever of `paid`
    one unit held long has paid: nearly all do by far."""
    held, most, margin = position.held, dearest_of(paid, position.held.side > 0), trade_rules.margin
    costs, cash = spent(position, time, trade_rules, most), balance + position.parts.profit
    rate, of = max(margin.rate, flow.rate), (held.side, position.units, held.fill)
    if bears(*of, costs, cash, level, rate):
        return True
    danger = danger_of(position, balance, time, trade_rules, most, flow.sums.tiers).price
    return not overtaken(held.side, level, danger)


@inner_rule
def most_dangerous(
    paid: Range, position: Position, balance: float, time: int, trade_rules: TradeRules, flow: Flow
) -> float:
    """The nearest price at which it is liquidated by `time`, whatever of `paid` one unit held long
    has paid."""
    most = dearest_of(paid, position.held.side > 0)
    return danger_of(position, balance, time, trade_rules, most, flow.sums.tiers).price


@inner_rule
def marks_reach(marks: Floats, first: int, end: int, side: int, danger: float) -> bool:
    """Whether mark prices of the candles [first, end) reach `danger`; those without have their
    own, before which the stop is met."""
    for i in range(first, end):
        if is_marked(marks, i) and stop_hit(side, marks[i, 1], marks[i, 2], danger):
            return True
    return False
