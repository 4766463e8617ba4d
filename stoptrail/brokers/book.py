"""One account for several sleeves (C22): each has a broker of its own, which fills as any of the
contract does, and the book knows what all of them hold, order and may have open.

Cerebro talks to the book; the strategy of a sleeve talks to its own broker.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from stoptrail.adapter.backtrader import bt
from stoptrail.brokers.sleeve import SleeveBroker
from stoptrail.rules.book import (
    NO_CAP,
    AtStake,
    Caps,
    Exposure,
    added,
    exposure_of,
)
from stoptrail.rules.costs import DAY
from stoptrail.rules.protections import (
    Guard,
    Protections,
    entries_stopped,
    guard_again,
    guard_day,
    guard_exit,
    guard_start,
)

T = TypeVar("T")

NO_LIMITS = Protections(0.0, 0.0, 0, 0)


class BookBroker(bt.BrokerBase):  # type: ignore[misc]
    """The account that sleeves share. Parameters: sleeves, their brokers in the order of the
    book; caps; cash; protections of the whole.

    Each step, the moment at which at least one market's candle closes: `next` fills at every
    sleeve whose market has a candle, the strategies move their stops, `decide` marks the book and
    lets the sleeves decide, one after the other.
    """

    params: ClassVar[Any] = (
        ("sleeves", ()),
        ("caps", Caps(NO_CAP, NO_CAP)),
        ("cash", 100_000.0),
        ("protections", NO_LIMITS),
    )

    def __init__(self, **_params: Any) -> None:  # Backtrader took them
        super().__init__()
        self.caps: Caps = self.p.caps
        self.sleeves: tuple[SleeveBroker, ...] = tuple(self.p.sleeves)
        for number, sleeve in enumerate(self.sleeves):
            sleeve.book, sleeve.number = self, number
        self.protected = any(self.p.protections)
        self.reset()

    def reset(self) -> None:
        """Stand where a run begins: the cash, no position, no order."""
        self.balance: float = self.p.cash
        """Cash as it would be with every open position undone, quote currency."""
        self.startingcash = self.p.cash  # Backtrader's writers read it
        self.cash = math.inf
        """Free cash of the step at hand: no exit of its candles adds to it."""
        self.news: deque[Any] = deque()
        self.deferred: list[Callable[[], None]] = []
        self.ended: list[float] = []
        """Profits of the trades that closed in the step at hand."""
        self.guard: Guard = guard_start(self.p.cash)
        self.index = -1
        """Number of the step at hand; 0 is the first."""
        self.closes = 0
        """When its candles close, ms."""
        self._busy: dict[int, SleeveBroker] = {}
        self._in_order: list[SleeveBroker] | None = None
        """Those in the order of the book, as long as they stay the same."""
        self._stakes: dict[int, AtStake] = {}
        """What is at stake by sleeve, as far as it was asked for among the decisions at hand."""
        self._marked: float | None = None
        """Equity while decisions are made: none of them changes it."""
        self._ordered: set[int] = set()
        """Numbers of those whose entry order waits."""
        self._prices: dict[int, float] = {}
        """Last closes of the markets of what was held at the last step, by sleeve."""

    def start(self) -> None:
        """Called by Cerebro before every run."""
        super().start()
        self.reset()
        for sleeve in self.sleeves:
            sleeve.start()

    def stop(self) -> None:
        """Called by Cerebro after every run."""
        for sleeve in self.sleeves:
            sleeve.stop()

    # What is held and ordered

    def note(self, sleeve: SleeveBroker) -> None:
        """What `sleeve` holds or orders has changed."""
        self._stakes.pop(sleeve.number, None)
        is_busy = sleeve.open is not None or sleeve.pending
        if is_busy != (sleeve.number in self._busy):
            self._in_order = None
        if is_busy:
            self._busy[sleeve.number] = sleeve
        else:
            self._busy.pop(sleeve.number, None)
        if sleeve.pending:
            self._ordered.add(sleeve.number)
        else:
            self._ordered.discard(sleeve.number)

    @property
    def busy(self) -> list[SleeveBroker]:
        """Those with a position or an entry order, in the order of the book."""
        if self._in_order is None:
            self._in_order = [self._busy[number] for number in sorted(self._busy)]
        return self._in_order

    def getvalue(self, datas: Any = None) -> float:
        """Equity at the step at hand, every position marked at its market's last close."""
        del datas
        if self._marked is not None:
            return self._marked
        value = self.balance
        for sleeve in self.busy:
            if sleeve.open is not None:
                value = sleeve.marked_on(value, sleeve.close, self.closes)
        return value

    def getcash(self) -> float:
        """What no position ties up, quote currency."""
        return self._cash_at(self.closes)

    def _cash_at(self, time: int) -> float:
        return self.balance - added(sleeve.tied_by(time) for sleeve in self.busy)

    get_cash, get_value = getcash, getvalue

    def exposure(self) -> Exposure:
        """Open risk, notional and margins of everything held and ordered; the risk only where a
        cap asks for it."""
        known = self._stakes
        return exposure_of([known.get(one.number) or self._stake_of(one) for one in self.busy])

    def _stake_of(self, sleeve: SleeveBroker) -> AtStake:
        risk = 0.0
        if self.caps.open_risk < NO_CAP:
            sleeve.catch_up(self.closes)
            risk = sleeve.open_risk()
        stake = self._stakes[sleeve.number] = sleeve.at_stake(risk)
        return stake

    def stopped(self) -> bool:
        """Whether a protection stops entries (C16)."""
        limits = self.p.protections
        return self.protected and entries_stopped(self.guard, self.getvalue(), self.index, limits)

    # Steps

    def next(self) -> None:
        """One step: whatever fills on the candles that close with it."""
        fresh = [sleeve for sleeve in self.sleeves if sleeve.fresh]
        self.begin(self.index + 1, fresh[0].opened_at(), fresh[0].interval)
        for sleeve in fresh:
            self.settle(sleeve)

    def begin(self, index: int, opens: int, interval: int) -> None:
        """Step `index` begins, whose candles open at `opens` (ms)."""
        if self.protected and self.index >= 0:
            self._mark_missed(opens + interval)
        # A candle that comes after the others of its time is a step of its own.
        self.index, self.closes = index, max(self.closes, opens + interval)
        self.cash = self._free(opens)

    def _free(self, time: int) -> float:
        """Cash for the entries of the coming candles: what is free at `time` (ms)."""
        return math.inf if len(self.sleeves) == 1 or not self._ordered else self._cash_at(time)

    def settle(self, sleeve: SleeveBroker) -> None:
        """What fills on the candle of one sleeve."""
        sleeve.seen += 1
        if not sleeve.idle:
            self.charge(sleeve, sleeve.next)

    def charge(self, sleeve: SleeveBroker, work: Callable[[], T]) -> T:
        """The result of `work`, with which `sleeve` may fill, on the book's account."""
        sleeve.balance = self.balance
        result = work()
        self.balance = sleeve.balance
        self.note(sleeve)
        return result

    def decide(self) -> None:
        """Every stop has moved: mark the book, then decide in the order of the sleeves."""
        self.count_ended()
        if self.protected:
            if self.closes % DAY == 0:
                self._mark(self.closes, self.getvalue())
            self.remember()
        deferred, self.deferred = self.deferred, []
        self._marked = self.getvalue() if deferred else None
        self._stakes.clear()
        for decision in deferred:
            decision()
        self._marked = None

    def count_ended(self, later: int = 0) -> None:
        """Let the protections know of the trades that are over, in the step at hand or
        `later` steps on."""
        if self.protected and self.ended:
            equity, limits, index = self.getvalue(), self.p.protections, self.index + later
            for pnl in self.ended:
                self.guard = guard_exit(self.guard, pnl, equity, index, limits)
        self.ended.clear()

    def remember(self) -> None:
        """Keep the closes at hand, for midnights before the next step."""
        self._prices = {sleeve.number: sleeve.close for sleeve in self.busy}

    def _mark_missed(self, closes: int) -> None:
        """Mark the midnights since the last step, at which no candle closed, with what was held
        before them."""
        for midnight in range((self.closes // DAY + 1) * DAY, closes, DAY):
            equity = self.balance
            for sleeve in self.busy:
                price = self._prices.get(sleeve.number, sleeve.close)
                equity = sleeve.marked_on(equity, price, midnight)
            self._mark(midnight, equity)

    def _mark(self, midnight: int, equity: float) -> None:
        del midnight
        self.guard = guard_day(self.guard, equity)

    # What Cerebro and strategies ask of a broker

    def get_notification(self) -> Any:
        """The oldest queued notification, or None."""
        return self.news.popleft() if self.news else None

    def getposition(self, data: Any, clone: bool = True) -> Any:
        """None: sleeves hold them, several of one market maybe."""
        del data, clone
        return bt.Position()


class PaperBook(BookBroker):
    """The account in a paper session, on candles or by ticks between the steps. Parameter beside
    a BookBroker's: turn, called whenever Cerebro turns; True where candles have closed."""

    params: ClassVar[Any] = (("turn", None),)
    open = None
    """Positions are the sleeves'."""

    def reset(self) -> None:
        """Stand where a run begins."""
        super().reset()
        self.at_close = (self.p.cash, self.p.cash)
        """Equity and cash at the last step, with what is known of it by now."""
        self.peak_before: float = self.p.cash
        """The guard's peak before the last mark at 00:00 UTC, which late funding may change."""
        self._marked_at = 0
        """When that was, ms."""

    def equity(self, _price: float, _time: int) -> float:
        """At the last closes."""
        return self.getvalue()

    def next(self) -> None:
        """A step where candles have closed."""
        fresh = any(sleeve.fresh for sleeve in self.sleeves)
        self.p.turn(fresh)
        if fresh:
            super().next()

    def begin(self, index: int, opens: int, interval: int) -> None:
        """Step `index` begins; what ticks have left since the last one frees no cash either."""
        free = self.cash
        super().begin(index, opens, interval)
        self.cash = free

    def decide(self) -> None:
        """Decide; then entries have what is free now, until the next step."""
        super().decide()
        self.cash = self._free(self.closes)
        self.at_close = self.getvalue(), self.getcash()

    def _mark(self, midnight: int, equity: float) -> None:
        self.peak_before, self._marked_at = self.guard.peak, midnight
        super()._mark(midnight, equity)

    def pay_late(self, moment: int, amount: float, of_cash: float) -> None:
        """Funding of `moment` (ms) was booked only now, and the cash is `of_cash` more for the
        `amount`: the marks behind it were without, and so was what is free for entries."""
        equity, cash = self.at_close
        self.at_close = equity + amount, cash + of_cash
        if moment <= self.closes:
            self.cash += of_cash
        if self.protected and moment <= self._marked_at:
            day_start = self.guard.day_start + amount
            self.guard = guard_again(self.guard, self.peak_before, day_start)

    def carry(
        self,
        balance: float,
        guard: Guard,
        steps: int,
        closes: int,
        free: float | None,
        peak_before: float,
        at_close: tuple[float, float],
    ) -> None:
        """Take over the account of a session that took `steps`, the last at `closes` (ms), after
        which there was `free` cash for entries (None: what is free now); the sleeves hold and
        order what they did then."""
        self.balance, self.guard, self.index, self.closes = balance, guard, steps - 1, closes
        for sleeve in self.sleeves:
            sleeve.balance = balance
            self.note(sleeve)
        self.cash = self._free(closes) if free is None else free
        self.peak_before, self.at_close = peak_before, at_close
        self._marked_at = closes // DAY * DAY
        self.remember()
