"""The same market at another time and at other prices. What goes by the candles alone says the
same of it; what has an array of its module, or a file, beside them does not find it there again.

Prices are higher, and moves larger or smaller, by so little that a rule of round numbers, or one
that asks for more than a fixed price or a fixed share of it, says something else now and then only:
it takes many changes to be told of. Which of two prices is the higher one, and which are equal,
stays.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stoptrail.core.time import DAY_MS
from stoptrail.rules.candles import Candles

CALENDAR_DAYS = 28 * 1461 // 4
"""After which the calendar repeats, from 1901 to 2099."""
LATER = CALENDAR_DAYS * DAY_MS
HIGHER = 1.0001
"""Factor of prices: many candles of other moments lie between the two."""
_WAVE, _LENGTH = 2e-5, 0.02
"""By how much prices also lie now above, now below that, and the logarithm of a wave of prices:
else a candle can be found by how its prices stand to each other, or to those before."""
LARGER = 1.0 + math.tau * _WAVE / _LENGTH
"""Factor of moves from the price at which a wave begins. No price passes another by it."""
_MANY, _FEW = 0.25, 2


def later(candles: Candles) -> Candles:
    """The same 28 years later, when weekdays, months and leap years are the same."""
    return candles._replace(time=candles.time + LATER)


def higher(candles: Candles) -> Candles:
    """The same at prices that are about a ten-thousandth higher, with moves that are others."""
    names, first = ("open", "high", "low", "close"), candles.close[0]
    return candles._replace(**{name: raised(getattr(candles, name), first) for name in names})


def raised(price: Any, first: float) -> Any:
    """A price, or an array of them, where a wave begins at the price `first`."""
    return HIGHER * price * (1.0 + _WAVE * np.sin(math.tau * np.log(price / first) / _LENGTH))


def are_many(changed: int, answers: int) -> bool:
    """Whether so many answers are others that it is no chance of a threshold; that of a signal
    which moves to the next candle makes two."""
    return changed > max(_FEW, _MANY * answers)
