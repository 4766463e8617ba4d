"""The same market at another time and at other prices. What goes by the candles alone says the
same of it; what has an array of its module, or a file, beside them does not find it there again.

Prices are higher, and moves larger, by so little that a rule of round numbers, or one that asks for
more than a fixed price or a fixed share of it, says something else now and then only: it takes many
changes to be told of. Which of two prices is the higher one, and which are equal, stays.
"""

from __future__ import annotations

from typing import Any

from stoptrail.core.time import DAY_MS
from stoptrail.rules.candles import Candles

CALENDAR_DAYS = 28 * 1461 // 4
"""After which the calendar repeats, from 1901 to 2099."""
LATER = CALENDAR_DAYS * DAY_MS
HIGHER = 1.0001
"""Factor of prices: many candles of other moments lie between the two."""
LARGER = 1.0003
"""Factor of the logarithms of moves: else a candle can be found by how its prices stand to each
other, or to those before."""
_MANY = 0.25


def later(candles: Candles) -> Candles:
    """The same 28 years later, when weekdays, months and leap years are the same."""
    return candles._replace(time=candles.time + LATER)


def higher(candles: Candles) -> Candles:
    """The same at prices that are a ten-thousandth higher, with moves that are larger."""
    names, first = ("open", "high", "low", "close"), candles.close[0]
    return candles._replace(**{name: raised(getattr(candles, name), first) for name in names})


def raised(price: Any, first: float) -> Any:
    """A price, or an array of them, in a market that began at `first`."""
    return HIGHER * first * (price / first) ** LARGER


def are_many(changed: int, answers: int) -> bool:
    """Whether so many answers are others that it is no chance of a threshold."""
    return changed > _MANY * answers
