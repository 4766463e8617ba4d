"""Price and quantity steps of a market, and rounding to them (C13).

Prices are whole numbers of ticks: price = count * step / scale with integral `step` and
`scale` a power of ten, so that a rounded price is the same double as its decimal text.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stoptrail.rules.candles import Floats
from stoptrail.rules.jit import rule, whole

MAX_DIGITS = 10
_ENOUGH = 0.995
"""Share of the values, among those that are decimals at all, that the digits must hold."""
FINEST_LOT_DIGITS = 8
"""Decimals of the lot where no volume tells one: exchanges count no finer."""


class Market(NamedTuple):
    """Steps and minimums of one symbol."""

    price_scale: float
    """Power of ten that makes every price a whole number."""
    price_step: float
    """Tick in units of 1 / price_scale."""
    lot_scale: float
    lot_step: float
    min_quantity: float
    """Least units of an order, in the base currency."""
    min_notional: float
    """Least price * units of an order, in the quote currency."""


_RELATIVE_NOISE = 1e-12
"""A value this close to a step, relative to its size, is that step: products of doubles
miss a decimal by a few units in the last place."""


@rule
def _in_steps(value: float, scale: float, step: float) -> float:
    count = value * scale
    # Most steps are a power of ten: a division by 1 changes nothing and costs the most.
    return count if step == 1.0 else count / step


@rule
def _noise(count: float) -> float:
    """How far `count` may be from the whole number that it is meant to be: of very large
    counts half a step, as nothing finer is known of them."""
    return min(0.5, _RELATIVE_NOISE * max(1.0, count))


@rule
def reaches(side: int, value: float, level: float) -> bool:
    """Whether `value` has come to `level`, from below for side 1, from above for side -1; what
    lies short of it by the noise of doubles has: 99.9 + (102.3 - 97.7) is a little above 104.5."""
    return side * (value - level) >= -_RELATIVE_NOISE * abs(level)


@rule
def steps_down(value: float, scale: float, step: float) -> float:
    """How many whole steps fit into `value` (>= 0)."""
    count = _in_steps(value, scale, step)
    below = whole(count)
    above = below + 1.0
    return above if above - count <= _noise(count) else below


@rule
def steps_up(value: float, scale: float, step: float) -> float:
    """The least number of whole steps that is at least `value` (>= 0)."""
    count = _in_steps(value, scale, step)
    below = whole(count)
    return below if count - below < _noise(count) else below + 1.0


@rule
def price_down(price: float, market: Market) -> float:
    """The highest tick at or below `price`; negative prices stay as they are."""
    if price <= 0.0:
        return price
    count = steps_down(price, market.price_scale, market.price_step)
    return count * market.price_step / market.price_scale


@rule
def price_up(price: float, market: Market) -> float:
    """The lowest tick at or above `price`."""
    count = steps_up(price, market.price_scale, market.price_step)
    return count * market.price_step / market.price_scale


@rule
def units_down(units: float, market: Market) -> float:
    """The largest whole number of lots in `units` (>= 0)."""
    return steps_down(units, market.lot_scale, market.lot_step) * market.lot_step / market.lot_scale


def decimals(values: Floats) -> int:
    """The number of decimals that the values are written with, 0 to MAX_DIGITS.

    The smallest number that holds nearly all of the values that any number holds:
    a few sums with rounding noise, as some exchanges' volumes are, do not count.
    """
    shares = [_share_with(values, digits) for digits in range(MAX_DIGITS + 1)]
    enough = _ENOUGH * max(shares)
    return next(digits for digits, share in enumerate(shares) if share >= enough)


def _share_with(values: Floats, digits: int) -> float:
    # Dividing by a power of ten rounds correctly, so a decimal comes back exactly.
    scale = 10.0**digits
    return float(np.mean(np.round(values * scale) / scale == values))
