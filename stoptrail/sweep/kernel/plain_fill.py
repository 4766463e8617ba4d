"""What a walk of the plain loop comes to: a fill, or none; and where the exchange ends it."""

from __future__ import annotations

from stoptrail.rules.funding import Funding
from stoptrail.rules.jit import inner_rule, rule
from stoptrail.rules.manage import Managed
from stoptrail.rules.margin import NO_DANGER, Danger
from stoptrail.rules.paths import CLOSED_OUT, LEFT, NOTHING, TARGETED, Walk, danger_of
from stoptrail.rules.stops import LIQUIDATED, TARGET
from stoptrail.rules.trade import TradeRules, closing
from stoptrail.sweep.kernel.plain_state import NO_CLOSING, Closing, Trade, unit_paid


@inner_rule
def endangered(
    trade: Trade, balance: float, time: int, total: float, sums: Funding, trade_rules: TradeRules
) -> Danger:
    """Where the trade is liquidated by what fills at `time` (C20); `total` is the running sum of
    funding that it has paid then, `balance` the cash before the entry."""
    if not trade_rules.margin.liquidates:
        return NO_DANGER
    paid = unit_paid(trade, total, trade_rules)
    return danger_of(trade.position, balance, time, trade_rules, paid, sums.tiers)


@rule
def filled_by(
    walk: Walk, trade: Trade, time: int, paid: float, charge: float, trade_rules: TradeRules
) -> tuple[Trade, Closing]:
    """The trade with the stop of `walk`, and what has filled at `time`; `paid` is the funding of
    one unit held long until then, `charge` what a liquidation costs beside the taker's fee."""
    position, managed, target, before = trade
    trade = Trade(position, Managed(walk.stop, managed.leaving, managed.seen), target, before)
    if walk.event == NOTHING:
        return trade, NO_CLOSING
    units, reason, added = position.units, walk.stop.reason, 0.0
    if walk.event == TARGETED:
        units, reason = target.units, TARGET
    elif walk.event == LEFT:
        reason = managed.leaving
    elif walk.event == CLOSED_OUT:
        reason, added = LIQUIDATED, charge
    fill = closing(position, units, walk.price, reason, time, trade_rules.costs, paid, added)
    return trade, Closing(fill, reason, time)
