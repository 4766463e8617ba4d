"""What was held when the last candle closed: for marks at midnights among missing candles."""

from __future__ import annotations

from typing import NamedTuple

from stoptrail.rules.funding import paid_since
from stoptrail.rules.trade import Position, marked
from stoptrail.rules.types import RunRules


class LastClose(NamedTuple):
    """What was held when the last candle closed."""

    closes: int
    """Close time in ms."""
    balance: float
    open: Position | None
    price: float
    funding_before: float
    """Running sum of funding at the entry."""

    def equity(self, run_rules: RunRules, time: int, total: float) -> float:
        """Equity at `time` (ms), as long as nothing traded since; `total` is the running sum
        of funding by then."""
        if self.open is None:
            return self.balance
        rules = run_rules.trade_rules
        paid = paid_since(total, self.funding_before, rules.costs.funding)
        return marked(self.balance, self.open, self.price, time, rules, paid)
