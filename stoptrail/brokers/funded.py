"""A candle broker of a swap whose funding is known only as a session comes to it (C19)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from stoptrail.brokers.candle import CandleBroker
from stoptrail.brokers.schedule import ConstantFunding, PublishedFunding
from stoptrail.brokers.settlement import REACH, Amendment, Settlement
from stoptrail.rules.funding import FundingRow, booked_funding, paid_since
from stoptrail.rules.journal import Journal
from stoptrail.rules.margin import Mark
from stoptrail.rules.trade import with_funding

_UNKNOWN = Mark(math.nan, math.nan, math.nan, math.nan)


class FundingJournal(Journal, Protocol):
    """A journal that hears what is booked."""

    def funded(self, row: FundingRow, booked: float) -> None:
        """A row of funding was booked: so much for what was held at its time."""

    def amended(self, amendment: Amendment) -> None:
        """It changed what a fill had cost."""

    def closing(self, until: int) -> None:
        """Rows before `until` (ms) are those of the units that close next."""


class FundedBroker(CandleBroker):
    """Parameters: those of `CandleBroker`, and

    past: rows of the candles before the feed's; constant_funding: whether a swap pays a constant
    rate every eight hours, at the last close; settlement: where it pays what is published, the
    trades that a late row may reach; booked: rows that were booked before; past_marks: mark
    prices of the candles before, by open time.
    """

    params: ClassVar[Any] = (
        ("past", ()),
        ("constant_funding", False),
        ("settlement", None),
        ("booked", ()),
        ("past_marks", {}),
    )

    journal: FundingJournal
    hears_of_funding = True

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._rows: ConstantFunding | PublishedFunding | None = None
        self._settlement: Settlement | None = self.p.settlement
        self._heard = {row.time for row in self.p.booked}
        self._former = frozenset(self._heard)
        """Times of the rows that were booked before: they are no news."""
        self._newest = max(self._heard, default=0)
        """Time of the newest row that was published, ms."""
        self._known = 0
        """No candle that closes by then (ms) is missing."""
        self.marked_again: Callable[[int], None] = lambda time: None
        """Told of funding that was booked after its moment, ms."""

    def pay_until(self, time: int) -> None:
        """Know the payments that need no row, up to `time` (ms)."""
        if self._rows is not None:
            self._rows.pay_until(time)

    def fund(self) -> None:
        """Know the payments up to the close at hand, before anything fills in its candle."""
        if not self.p.constant_funding and self._settlement is None:
            return
        if self._rows is None:
            self._rows = self._known_rows()
        if isinstance(self._rows, PublishedFunding):
            self._book(self.opened_at())  # what came in the span of candles that are missing
        self._known = self.opened_at() + self.interval
        if isinstance(self._rows, PublishedFunding):
            mark = self.mark_at_hand(_UNKNOWN).close
            self._rows.close(self._known, self._data.close[0], mark)
            self._book(self._known)
        else:
            self._rows.close(self._known, self._data.close[0])

    def _known_rows(self) -> ConstantFunding | PublishedFunding:
        """The payments before the feed's first candle."""
        if self.p.constant_funding:
            constant = ConstantFunding(self.schedule)
            for row in self.p.past:
                constant.close(row[0] + self.interval, row[4])
            return constant
        published = PublishedFunding(self.schedule, self.interval, self.p.booked)
        for row in self.p.past:
            mark = self.p.past_marks.get(row[0], _UNKNOWN)
            published.close(row[0] + self.interval, row[4], mark.close)
            for _ in published.due(row[0] + self.interval):
                """Booked before."""
        return published

    def fund_former(self) -> None:
        """Know the rows that were booked before, those too that a tick has booked ahead of its
        candle's close."""
        if isinstance(self._rows, PublishedFunding):
            self._book(self._newest)

    def fund_within(self, time: int) -> bool:
        """At `time` (ms) within a candle all candles before it are known, and so is what the rows
        cost that came in the span of those that are missing; whether any was booked."""
        if not isinstance(self._rows, PublishedFunding):
            self.pay_until(time)
            return False
        self._known = max(self._known, time - time % self.interval)
        booked = self._book(self._known)
        self.pay_until(time)
        return booked

    def knows(self, row: FundingRow) -> bool:
        """Whether a row of its time has been published before."""
        return row.time in self._heard

    def publish(self, row: FundingRow) -> None:
        """A row of funding has been published: it is booked at once, or as soon as the candles
        before it are known."""
        assert isinstance(self._rows, PublishedFunding)
        self._heard = {time for time in self._heard if time > row.time - REACH} | {row.time}
        self._newest = max(self._newest, row.time)
        self._rows.publish(row)
        self._book(self._known)

    def _book(self, known: int) -> bool:
        """Book the rows before which all candles up to `known` (ms) count, each on what was held
        at its time: units that have closed since have their share. Whether any of them is news."""
        assert isinstance(self._rows, PublishedFunding)
        assert self._settlement is not None
        any_news = False
        for row, payments in self._rows.due(known):
            if self.open is not None:
                self.funding_before = self.schedule.by(self.open.held.time)
            if row.time in self._former:
                continue
            any_news, booked = True, 0.0
            for moment, amount in payments:
                booked += self._pay(moment, paid_since(amount, 0.0, self._rate))
                self.marked_again(moment)
            self.journal.funded(row, booked)
        self._settlement.forget(min(known, self._newest))
        return any_news

    @property
    def _rate(self) -> float:
        return self.run_rules.trade_rules.costs.funding

    def _paid_by_held(self, moment: int, paid: float) -> float:
        """What is booked for what is still held."""
        if self.open is None or not self.open.held.time < moment:
            return 0.0
        return booked_funding(self.open.held.side, self.open.units, paid)

    def _pay(self, moment: int, paid: float) -> float:
        """Add a payment to what has closed since; what is booked for that and for what is
        held."""
        assert self._settlement is not None
        booked = self._paid_by_held(moment, paid)
        for amendment in self._settlement.pay(moment, paid):
            if amendment.pnl is None and self.open is not None:
                self.open = with_funding(self.open, amendment.by)
                self._stop.owner.manager.position = self.open
            else:
                self.balance = max(0.0, self.balance + amendment.by + amendment.credited)
            self.journal.amended(amendment)
            booked += amendment.by
        self.history, cash = self._settlement.history, self._settlement.cash
        self.balance = self.balance if cash is None else cash
        return booked
