"""Buy-and-hold at another volatility: what the same risk would have earned without skill."""

from __future__ import annotations

import numpy as np

from stoptrail.rules.candles import Floats
from stoptrail.rules.metrics import (
    daily_returns,
)


def share_of_cash(hold: Floats, like: Floats) -> float:
    """The share of the account to keep in the market, set anew each day, so that the daily
    returns of `hold` deviate (ddof 1) as much as those of `like`.

    Both are equity marks, shape (days + 1,). 0 where either stands still; above 1 is
    borrowed money, which costs nothing here.
    """
    if len(hold) < 3 or not hold.min() > 0.0 or not like.min() > 0.0:
        return 0.0
    own, wanted = (float(np.std(daily_returns(marks), ddof=1)) for marks in (hold, like))
    return wanted / own if own > 0.0 else 0.0


def scaled(hold: Floats, share: float) -> Floats:
    """Equity marks of an account that has `share` of itself in `hold` at each mark, the rest
    in cash; shape of `hold`. An account that is empty stays so."""
    growth = np.maximum(1.0 + share * daily_returns(hold), 0.0)
    return np.concatenate((hold[:1], hold[:1] * np.cumprod(growth)))
