"""The price at which an account cannot hold its position any more (C20).

One position has the whole account as its margin. A long with equity E(p) = balance +
units * (p - fill) - costs is liquidated at the first price with E(p) <= rate * units * p; a short
likewise on its way up.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from stoptrail.rules.jit import rule


class Margin(NamedTuple):
    """What a position has to leave in the account."""

    rate: float
    """Maintenance margin as a fraction of the notional; 0 on spot and margin."""
    checked: bool
    """Whether an entry whose stop lies at the liquidation price or beyond it is refused: where
    there is a stop."""


NO_MARGIN = Margin(0.0, False)


@rule
def liquidation_price(
    side: int, units: float, fill: float, costs: float, balance: float, rate: float
) -> float:
    """The first price at which the equity is no more than the maintenance margin; 0 for a long
    and infinity for a short where there is none. costs: fees, borrow and funding so far;
    balance: cash before the entry."""
    if side > 0:
        return max(0.0, (units * fill + costs - balance) / (units * (1.0 - rate)))
    price = (balance + units * fill - costs) / (units * (1.0 + rate))
    return price if price > 0.0 else math.inf


@rule
def stop_comes_first(
    side: int, level: float, units: float, fill: float, costs: float, balance: float, rate: float
) -> bool:
    """Whether a stop at `level` lies before the liquidation price, strictly."""
    price = liquidation_price(side, units, fill, costs, balance, rate)
    return level > price if side > 0 else level < price
