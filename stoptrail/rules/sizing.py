"""Units from the risk to the stop (C4)."""

from __future__ import annotations

from typing import NamedTuple

from stoptrail.rules.costs import Costs, fill_price
from stoptrail.rules.jit import rule
from stoptrail.rules.market import Market, units_down


class Sizing(NamedTuple):
    """How much of the equity a trade may risk or use."""

    risk_per_trade: float
    """Fraction of the equity that is lost at the initial stop."""
    max_leverage: float
    """Largest notional, with the entry fee, as a multiple of the equity."""
    includes_costs: bool
    """Whether fees and exit slippage count towards the risk."""
    all_in: bool
    """Use all of max_leverage * equity instead of the risk."""


@rule
def wanted_units(equity: float, distance: float, price: float, sizing: Sizing) -> float:
    """Units at the decision: equity * risk_per_trade / distance; all-in: what `price` buys.

    `distance` is N * ATR per unit. 0 where the distance or the equity is not positive.
    """
    if not distance > 0.0 or not equity > 0.0:
        return 0.0
    if sizing.all_in:
        return sizing.max_leverage * equity / price
    return equity * sizing.risk_per_trade / distance


@rule
def stop_loss_per_unit(side: int, fill: float, exit_price: float, costs: Costs) -> float:
    """What one unit loses, after both fees, between the fill and `exit_price`."""
    if side > 0:
        return fill * (1.0 + costs.taker_fee) - exit_price * (1.0 - costs.taker_fee)
    return exit_price * (1.0 + costs.taker_fee) - fill * (1.0 - costs.taker_fee)


@rule
def affordable_units(equity: float, fill: float, max_leverage: float, costs: Costs) -> float:
    """Units at `fill` whose notional with the entry fee is max_leverage * equity."""
    return max_leverage * equity / (fill * (1.0 + costs.taker_fee))


@rule
def filled_units(
    wanted: float,
    equity: float,
    side: int,
    fill: float,
    level: float,
    costs: Costs,
    sizing: Sizing,
    market: Market,
) -> float:
    """Units at the fill: `wanted` (made at the decision) cut to what the equity affords
    and, with includes_costs, to what a stop-out at `level` may lose; floored to the lot.
    0 where that is below the market's minimums, or fill or level are not positive.
    """
    if not fill > 0.0 or not level > 0.0 or not wanted > 0.0:
        return 0.0
    affordable = affordable_units(equity, fill, sizing.max_leverage, costs)
    if sizing.all_in:
        return _tradable(units_down(affordable, market), fill, market)
    units = min(wanted, affordable)
    if sizing.includes_costs:
        risk = equity * sizing.risk_per_trade
        exact = level * (1.0 - side * costs.slippage)
        # The exit is rounded to the tick against the trade: it can lose more than `exact`.
        rounded = fill_price(-side, level, costs, market)
        loss = max(
            stop_loss_per_unit(side, fill, exact, costs),
            stop_loss_per_unit(side, fill, rounded, costs),
        )
        if loss > 0.0:
            units = min(units, risk / loss)
    return _tradable(units_down(units, market), fill, market)


@rule
def _tradable(units: float, fill: float, market: Market) -> float:
    if units <= 0.0 or units < market.min_quantity or units * fill < market.min_notional:
        return 0.0
    return units
