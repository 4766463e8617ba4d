"""What a fill costs (C12): slippage, fee, and borrow for shorts.

Sides are 1 for long and -1 for short; a trade's direction is 1 for a buy and -1 for a
sell. Prices are in the quote currency, units in the base currency, times in ms.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from stoptrail.rules.jit import rule
from stoptrail.rules.market import Market, price_down, price_up

DAY = 86_400_000
"""Milliseconds in a day."""
HOUR = 3_600_000.0
"""Milliseconds in an hour."""
AS_TAKER = math.inf
"""Stands for a maker's fee that is the taker's."""


class Costs(NamedTuple):
    """Rates, each as a fraction."""

    taker_fee: float
    """Of the notional of every fill."""
    slippage: float
    """Worsening of every market and stop fill."""
    borrow_daily: float
    """Of a short's entry notional, per day; on a swap 0: it has funding instead (C19)."""
    maker_fee: float = AS_TAKER
    """Of the notional of a target's fill (C18)."""
    funding: float = 0.0
    """Multiplies the rates of funding rows: 1 for published ones, a constant rate for rows of
    1; 0: no funding is paid."""


@rule
def fill_price(direction: int, price: float, costs: Costs, market: Market) -> float:
    """`price` worsened by slippage; buys round up to the tick, sells down (C13)."""
    if direction > 0:
        return price_up(price * (1.0 + costs.slippage), market)
    return price_down(price * (1.0 - costs.slippage), market)


@rule
def quoted_price(direction: int, quote: float, market: Market) -> float:
    """Fill at the other side's quote: no slippage, but on the market's tick (C13, C14)."""
    return price_up(quote, market) if direction > 0 else price_down(quote, market)


@rule
def fee(units: float, price: float, costs: Costs) -> float:
    """Fee of one fill in the quote currency."""
    return units * price * costs.taker_fee


@rule
def maker_rate(costs: Costs) -> float:
    """What a fill of a resting order pays, as a fraction of its notional."""
    return costs.taker_fee if costs.maker_fee == AS_TAKER else costs.maker_fee


@rule
def borrow(side: int, units: float, fill: float, since: int, until: int, costs: Costs) -> float:
    """Interest of a short from `since` to `until`: units * fill * rate * days; 0 for a long."""
    if side > 0:
        return 0.0
    return units * fill * costs.borrow_daily * ((until - since) / DAY)
