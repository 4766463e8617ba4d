"""Marks of the equity at closes and at 00:00 UTC: for protections, and where funding comes late."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from stoptrail.rules.costs import DAY
from stoptrail.rules.funding import net_price, paid_since
from stoptrail.rules.measure import worth
from stoptrail.rules.protections import Guard, guard_again, guard_day
from stoptrail.rules.trade import Position, cash_beside
from stoptrail.rules.types import Checkpoint, RunRules


class PaymentsHeard(Protocol):
    """The payments of funding that a broker knows (C19)."""

    def by(self, time: int) -> float:
        """What one unit held long has paid by `time` (ms), from the first payment on."""


class LastClose(NamedTuple):
    """What was held when a candle closed."""

    closes: int
    """Close time in ms."""
    balance: float
    open: Position | None
    price: float

    def equity(self, run_rules: RunRules, time: int, schedule: PaymentsHeard) -> float:
        """Equity at `time` (ms), as long as nothing traded since."""
        if self.open is None:
            return self.balance
        total, before = schedule.by(time), schedule.by(self.open.held.time)
        net = net_price(self.price, total, before, run_rules.trade_rules.costs.funding)
        return worth(self.balance, self.open, net, time, run_rules.trade_rules)

    def cash(self, run_rules: RunRules, time: int, schedule: PaymentsHeard) -> float:
        """The cash of that equity."""
        if self.open is None:
            return self.balance
        scale = run_rules.trade_rules.costs.funding
        paid = paid_since(schedule.by(time), schedule.by(self.open.held.time), scale)
        return cash_beside(self.balance, self.open, paid)


def last_close(checkpoint: Checkpoint, closes: int, price: float) -> LastClose:
    """What was held at the close at `closes` (ms), where a run goes on from `checkpoint` after
    it: not a position that a tick has entered since."""
    position = checkpoint.position
    if position is not None and position.held.time >= closes:
        position = None
    return LastClose(closes, checkpoint.balance, position, price)


class MidnightMarks:
    """Tells a guard the equity at every 00:00 UTC (C16); `peak_before` is its peak before the
    last of them."""

    def __init__(self, run_rules: RunRules) -> None:
        self.peak_before = run_rules.cash
        self._rules = run_rules
        self._last: LastClose | None = None
        self._midnight: LastClose | None = None
        """What was held at the last mark."""

    def go_on(self, last: LastClose, midnight_price: float, peak_before: float) -> None:
        """Take up from another process after `last`; `midnight_price` is the close at the last
        00:00 UTC. What was held then is known only where it is still held."""
        self._last, self.peak_before = last, peak_before
        midnight = last.closes // DAY * DAY
        if last.open is not None and last.open.held.time < midnight:
            self._midnight = last._replace(closes=midnight, price=midnight_price)

    def close(self, held: LastClose, guard: Guard, schedule: PaymentsHeard) -> Guard:
        """The guard after a close that finds this `held`. A midnight among missing candles is
        marked with what was held before them."""
        if self._last is not None:
            first = (self._last.closes // DAY + 1) * DAY
            for midnight in range(first, held.closes, DAY):
                guard = self._mark(self._last._replace(closes=midnight), guard, schedule)
        self._last = held
        return self._mark(held, guard, schedule) if held.closes % DAY == 0 else guard

    def _mark(self, held: LastClose, guard: Guard, schedule: PaymentsHeard) -> Guard:
        self._midnight, self.peak_before = held, guard.peak
        return guard_day(guard, held.equity(self._rules, held.closes, schedule))

    def again(self, time: int, guard: Guard, schedule: PaymentsHeard) -> Guard:
        """The guard after funding of `time` (ms) was published behind the mark that contains
        it."""
        held, before = self._midnight, self.peak_before
        if held is None or time > held.closes:
            return guard
        return guard_again(guard, before, held.equity(self._rules, held.closes, schedule))
