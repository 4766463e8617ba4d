"""The payments of funding that a broker knows, in running sums (C19)."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise

from stoptrail.rules.funding import (
    NO_FUNDING,
    Funding,
    FundingRow,
    accruals,
    funding_rows,
    unit_payment,
)

STEP = 28_800_000
"""Milliseconds between two payments of a constant rate."""


class Schedule:
    """What one unit held long has paid by a moment, times in ms. A backtest knows all
    payments beforehand, a paper session adds each as it is published."""

    def __init__(self, funding: Funding = NO_FUNDING) -> None:
        self._time = array("q", funding.time.tolist())
        self._total = array("d", funding.total.tolist())
        self._amount = array("d", (b - a for a, b in pairwise(self._total)))
        self._gross: list[float] = []
        """Running sums of what is paid or received, worked out when asked for."""

    @property
    def is_empty(self) -> bool:
        """Whether no payment is known."""
        return not self._time

    def by(self, time: int) -> float:
        """The running sum at `time`, a payment at that moment included."""
        total: float = self._total[bisect_right(self._time, time)]
        return total

    def before(self, time: int) -> float:
        """The running sum just before `time`."""
        total: float = self._total[bisect_left(self._time, time)]
        return total

    def following(self, time: int) -> float:
        """The time of the first payment after `time`; infinity where none is known."""
        place = bisect_right(self._time, time)
        return self._time[place] if place < len(self._time) else math.inf

    def exceeds(self, time: int, amount: float, scale: float) -> float:
        """By when payments after `time`, whichever way they go, may come to more than `amount`
        at `scale` times their rates (ms); infinity where those that are known do not."""
        if scale == 0.0 or not self._time:
            return math.inf
        if len(self._gross) <= len(self._time):
            self._gross = list(accumulate(map(abs, self._amount), initial=0.0))
        come = self._gross[bisect_right(self._time, time)]
        place = bisect_right(self._gross, come + amount / abs(scale)) - 1
        return self._time[place] if place < len(self._time) else math.inf

    def add(self, time: int, price: float, rate: float) -> float:
        """One more payment, and its amount; one that comes late is put in its place."""
        place, amount = bisect_right(self._time, time), unit_payment(price, rate)
        self._time.insert(place, time)
        self._amount.insert(place, amount)
        sums = accumulate(self._amount[place:], initial=self._total[place])
        self._total[place:] = array("d", sums)
        return amount


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


class PublishedFunding:
    """Rows as an exchange publishes them, priced as rules.funding.payments_of prices them. A row
    waits until all candles that closed by its time are known; the parts of one that accrues
    wait for the closes that end them. `booked` are rows of an earlier process."""

    def __init__(
        self, schedule: Schedule, interval: int, booked: Iterable[FundingRow] = ()
    ) -> None:
        self._schedule = schedule
        self._interval = interval
        self._closes = array("q")
        self._prices = array("d")
        self._marks = array("d")
        """What the mark price was then, NaN where it is not known."""
        self._early = sorted(booked)
        """Rows before whose time not every candle is known."""
        self._parts: list[tuple[int, float, float, bool]] = []
        """Moments to come of rows that accrue, with rate and own price (NaN for none)."""

    def publish(self, row: FundingRow) -> None:
        """A row has come; `due` books it once it can be."""
        insort(self._early, row)

    def close(self, time: int, price: float, mark: float = math.nan) -> None:
        """A candle closed at `time` (ms) at `price`, and its mark price (NaN: not known) at
        `mark`."""
        self.pay_until(time - 1)
        self._closes.append(time)
        self._prices.append(price)
        self._marks.append(mark)
        self.pay_until(time)

    def pay_until(self, time: int) -> None:
        """Add the parts that end by `time` (ms), at the last close."""
        while self._parts and self._parts[0][0] <= time:
            self._add(*self._parts.pop(0))

    def due(self, known: int) -> Iterator[tuple[FundingRow, list[tuple[int, float]]]]:
        """Book the rows before whose time all candles are known, where none that closes by
        `known` (ms) is missing: each with its payments so far, moment and amount."""
        while self._early and self._early[0].time < known + self._interval:
            row = self._early.pop(0)
            yield row, self._book(row)

    def _book(self, row: FundingRow) -> list[tuple[int, float]]:
        columns = ([value] for value in row)
        parts = accruals(funding_rows(*columns), self._interval)
        told = list(zip(*(column.tolist() for column in parts), strict=True))
        now = [part for part in told if not row.hours or part[0] <= self._closes[-1]]
        self._parts = sorted(self._parts + told[len(now) :])
        return [(part[0], self._add(*part)) for part in now]

    def _add(self, moment: int, rate: float, own: float, accrues: bool) -> float:
        last = bisect_right(self._closes, moment) - 1
        if last < 0:
            return 0.0  # before the first close nothing was held
        price = self._prices[last] if math.isnan(own) else own
        mark = self._marks[last] if accrues and self._closes[last] == moment else math.nan
        if math.isnan(own) and not math.isnan(mark):
            price = mark
        return self._schedule.add(moment, price, rate)
