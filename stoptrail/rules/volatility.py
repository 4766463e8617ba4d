"""Realised volatility of closes (C4): what a size by a target volatility is measured against."""

from __future__ import annotations

import math

import numpy as np

from stoptrail.rules.candles import Candles, Floats
from stoptrail.rules.costs import DAY
from stoptrail.rules.jit import compiled, inner_rule, rule
from stoptrail.rules.sizing import OWN, VOLATILITY, Sizing

YEAR = 365 * DAY
"""Milliseconds in a year of a market that never closes."""


@inner_rule
def squared_return(before: float, close: float) -> float:
    """The square of close / before - 1."""
    change = close / before - 1.0
    return change * change


@rule
def sums_of_squares(close: Floats) -> Floats:
    """Sums of squared returns from the first close up to each one, shape (n,), added in order."""
    sums = np.zeros(len(close))
    for i in range(1, len(close)):
        sums[i] = sums[i - 1] + squared_return(close[i - 1], close[i])
    return sums


@rule
def yearly(squares: float, window: int, interval: int) -> float:
    """Volatility a year from the sum of `window` squared returns of candles of `interval` ms:
    sqrt(squares / window * candles a year), about a mean return of zero."""
    return math.sqrt(max(squares, 0.0) / window * (YEAR / interval))


@inner_rule
def needs_volatility(sizing: Sizing) -> bool:
    """Whether a size follows, or may follow, from the market's volatility."""
    return sizing.kind in (VOLATILITY, OWN)


@rule
def squares_for(close: Floats, wanted: bool) -> Floats:
    """`sums_of_squares` where they are wanted, else an empty array."""
    return sums_of_squares(close) if wanted else np.zeros(0)


@inner_rule
def known_volatility(sums: Floats, i: int, window: int, interval: int) -> float:
    """Volatility a year over the last `window` returns up to the close of candle i; NaN
    before there are as many, and where the sums are not wanted."""
    if i < window or len(sums) == 0:
        return np.nan
    return yearly(sums[i] - sums[i - window], window, interval)


@rule
def _volatilities(sums: Floats, window: int, interval: int) -> Floats:
    found = np.empty(len(sums))
    for i in range(len(sums)):
        found[i] = known_volatility(sums, i, window, interval)
    return found


def volatility_of(candles: Candles, window: int) -> Floats:
    """`known_volatility` at every close, shape (n,)."""
    sums = compiled(sums_of_squares)(candles.close)
    return compiled(_volatilities)(sums, window, candles.interval)
