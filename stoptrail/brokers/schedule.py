"""The payments of funding that a broker knows, in running sums (C19)."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from itertools import accumulate, pairwise

from stoptrail.rules.funding import NO_FUNDING, Funding, unit_payment

STEP = 28_800_000
"""Milliseconds between two payments of a constant rate."""


class Schedule:
    """What one unit held long has paid by a moment, times in ms. A backtest knows all
    payments beforehand, a paper session adds each as it is published."""

    def __init__(self, funding: Funding = NO_FUNDING) -> None:
        self._time: list[int] = funding.time.tolist()
        self._total: list[float] = funding.total.tolist()
        self._amount = [b - a for a, b in pairwise(self._total)]

    def by(self, time: int) -> float:
        """The running sum at `time`, a payment at that moment included."""
        return self._total[bisect_right(self._time, time)]

    def before(self, time: int) -> float:
        """The running sum just before `time`."""
        return self._total[bisect_left(self._time, time)]

    def following(self, time: int) -> float:
        """The time of the first payment after `time`; infinity where none is known."""
        place = bisect_right(self._time, time)
        return self._time[place] if place < len(self._time) else math.inf

    def add(self, time: int, price: float, rate: float) -> None:
        """One more payment; one that comes late is put in its place."""
        place = bisect_right(self._time, time)
        self._time.insert(place, time)
        self._amount.insert(place, unit_payment(price, rate))
        self._total[place:] = accumulate(self._amount[place:], initial=self._total[place])


class ConstantFunding:
    """Rows of a rate of 1 at 00:00, 08:00 and 16:00 UTC, as a session comes to them, priced by
    the last close; rules.costs.Costs.funding makes them any constant rate. They follow from the
    candles alone, so that a restart and a replay find the same."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._until: int | None = None
        """Up to when payments are added, ms."""
        self._price = 0.0

    def close(self, time: int, price: float) -> None:
        """A candle closed at `time` (ms) at `price`: a payment at that moment knows it."""
        self.pay_until(time - 1)
        self._price = price
        self._until = time - 1
        self.pay_until(time)

    def pay_until(self, time: int) -> None:
        """Add the payments up to `time` (ms); none before the first close."""
        if self._until is None:
            return
        for at in range(self._until // STEP * STEP + STEP, time + 1, STEP):
            self._schedule.add(at, self._price, 1.0)
        self._until = max(self._until, time)
