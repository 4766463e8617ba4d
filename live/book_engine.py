"""One Cerebro over all markets of a book (C22): the strategies and the account of its backtest,
with a memory. A session and its replay both run on this, as on live.engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from stoptrail.adapter.backtrader import bt, forget
from stoptrail.backtest.book import BookTerms, broker_options
from stoptrail.backtest.engine import strategy_options
from stoptrail.backtest.plan import Plan
from stoptrail.brokers.book import PaperBook
from stoptrail.brokers.settlement import Settlement
from stoptrail.brokers.sleeve import PaperSleeveBroker
from stoptrail.config.own_code import own_errors
from stoptrail.exchange.rows import Row
from stoptrail.live.book_steps import StepFeed, Steps
from stoptrail.live.engine import NEVER, Gated, row_of
from stoptrail.live.journal import Amended, Funded, Happening, Left, LiveJournal
from stoptrail.live.market.events import Tick
from stoptrail.live.origin import Origin
from stoptrail.live.step import BookAccount, BookStep, SleeveStep, Step, StoredTick
from stoptrail.rules.book import Allowed
from stoptrail.rules.funding import NO_FUNDING, FundingRow
from stoptrail.rules.manage import STAYS
from stoptrail.rules.stops import MANUAL
from stoptrail.rules.trade import booked, cash_beside
from stoptrail.strategies.sleeve import BookDecisions, on_own_market


class SeatOptions(NamedTuple):
    """One sleeve of a session."""

    symbol: str
    plan: Plan
    share: float
    lends: bool
    volume_known: bool
    settings: int
    """Number of its settings, for the ledger."""
    constant_funding: bool
    """Whether it pays costs.funding_rate (C19)."""
    origin: Origin
    allowed: Allowed
    decided_at: float
    """Close at which its entry order was decided, where one waits."""
    gate: Gated
    caught_up: Callable[[int], bool]
    session: int = 0
    """Its number in the ledger."""
    by_tick: bool = False
    """Whether ticks fill and move (C14)."""
    published: bool = False
    """Whether it pays funding as it is published (C19)."""
    marks: tuple[float, float] | None = None
    """Its equity and cash at its last close; None before the first."""


class BookOptions(NamedTuple):
    """How a book runs besides its sleeves."""

    terms: BookTerms
    interval: int
    account: BookAccount
    store: Callable[[BookStep], None]
    """Gets every step, complete and in order."""
    ready: Callable[[], None] = lambda: None
    """Called once, when all known candles have been seen."""
    turn: Callable[[bool], None] = lambda closed: None
    """Called whenever Cerebro turns; True where candles have closed."""


class Seat:
    """A sleeve as it runs: what a session says to it, and what it says of itself."""

    def __init__(self, number: int, options: SeatOptions, book: BookEngine) -> None:
        self.number, self.options = number, options
        self.symbol = options.symbol
        self.balance = options.origin.checkpoint.balance
        """Its share of the cash with its profits so far."""
        self.after = options.origin.after
        """Open time of its market's last candle."""
        self.strategy: Any = None
        self.broker = self._new_broker(book.options)
        self._book = book
        self._marks = options.marks or (self.balance, self.balance)

    def _new_broker(self, options: BookOptions) -> PaperSleeveBroker:
        own, origin, terms = self.options, self.options.origin, options.terms
        settlement = None
        if own.published:
            history = origin.checkpoint.history
            settlement = Settlement(history, None, origin.settled)
        rules = own.plan.run_rules.trade_rules
        self.journal = LiveJournal(rules, settlement, *origin.counters)
        return PaperSleeveBroker(
            **broker_options(own.plan, terms.cash, own.share, lends=own.lends),
            journal=self.journal,
            ticks=own.by_tick,
            gate=own.gate.fill,
            tick_gate=own.gate.tick,
            past=origin.past,
            constant_funding=own.constant_funding,
            settlement=settlement,
            booked=origin.booked,
            funding=NO_FUNDING._replace(tiers=own.plan.tiers),
        )

    @property
    def holds(self) -> bool:
        """Whether there is a position."""
        return self.broker.open is not None

    def on_tick(self, tick: Tick) -> None:
        """One tick of its market."""
        own, account = self.broker, self._book.broker
        if not (self.holds or own.pending):
            return
        if account.charge(own, lambda: own.monitor_positions(tick)):
            account.count_ended(1)
            self._book.tell(self, tick)

    def on_funding(self, row: FundingRow) -> None:
        """A row of its market's funding was published."""
        own = self.broker
        if not self.options.published or own.knows(row):
            return
        self.journal.came(row, self.after, self._book.moments)
        self._book.broker.charge(own, lambda: own.publish(row))
        if self.journal.waits:
            self._book.tell(self)

    def leave_at_market(self) -> bool:
        """Send an order to leave; whether there was anything to leave."""
        if self.strategy is None or not self.broker.leave_at_market(self.strategy):
            return False
        self._book.tell(self)
        return True

    def leave_at(self, price: float, time: int) -> float | None:
        """Leave at a price that a person names, at `time` (ms); the fill, None where there
        is nothing to leave."""
        if self.strategy is None:
            return None
        book, closes = self._book.broker, self.after + self._book.options.interval
        fill: float | None = book.charge(
            self.broker, lambda: self.broker.leave_at(self.strategy, price, max(time, closes))
        )
        book.count_ended()
        if fill is not None:
            self._book.tell(self)
        return fill

    def take_over(self, account: BookAccount) -> None:
        """Its known candles have been seen: go on from where the ledger ended."""
        own, origin = self.options, self.options.origin
        checkpoint = origin.checkpoint._replace(balance=account.balance)
        self.strategy.go_on(checkpoint, origin.start)
        self.broker.allow(own.allowed, own.decided_at)
        if origin.leaving == MANUAL:
            self.broker.leave_at_market(self.strategy)
        elif origin.leaving != STAYS:
            self.strategy.manager.leave_for(origin.leaving)
        self.journal.take()

    def step(
        self, row: Row | None, moment: int, closes: int, tick: StoredTick | None = None
    ) -> SleeveStep:
        """What it has done since the last one, at the `moment` of this number."""
        events, broker = self.journal.take(), self.broker
        self.balance += sum(map(_profit, events))
        held = broker.open
        if row is not None:
            paid = broker.paid_by(closes)
            cash = self.balance if held is None else cash_beside(self.balance, held, paid)
            self._marks = broker.marked_on(self.balance, broker.close, closes), cash
        else:
            late = sum(event.booked for event in events if isinstance(event, Funded))
            self._marks = self._marks[0] + late, self._marks[1] + late
        step = Step(
            row,
            tick,
            self.after,
            moment,
            events,
            self.strategy.checkpoint()._replace(balance=self.balance),
            *self._marks,
            0.0 if held is None else booked(held, broker.paid_by(NEVER)),
            self.options.plan.run_rules.trade_rules.stop,
            self.options.settings,
            row is not None and self.options.caught_up(row[0]),
        )
        return SleeveStep(self.number, step, broker.allowed)


def _profit(event: Happening) -> float:
    """What an event adds to the balance of a sleeve."""
    if isinstance(event, Left):
        return event.end.pnl
    if isinstance(event, Amended) and event.amendment.pnl is not None:
        return event.amendment.by + event.amendment.credited
    return 0.0


class BookEngine:
    """Build it, then `run`."""

    of_book = True

    def __init__(self, sleeves: Sequence[SeatOptions], options: BookOptions) -> None:
        self.options = options
        self.seats = [Seat(number, own, self) for number, own in enumerate(sleeves, 1)]
        self.strategy: Any = None
        """The last of the running strategies, once they decide."""
        self.closed = 0
        """Steps taken by this run."""
        self.moments = options.account.moments
        """Steps and ticks that changed a sleeve, by all runs."""
        self._early: list[tuple[str, FundingRow]] = []
        """Rows of funding that came before the strategies were ready."""
        terms = options.terms
        self.broker = PaperBook(
            sleeves=[seat.broker for seat in self.seats],
            caps=terms.caps,
            cash=terms.cash,
            protections=terms.protections,
            turn=self._turned,
        )
        self._steps: Steps
        self._feeds: Mapping[str, StepFeed]
        self._cerebro: Any = None

    @property
    def steps(self) -> int:
        """Taken so far, by all runs."""
        return int(self.broker.index) + 1

    def run(self, steps: Steps) -> None:
        """Until `steps` end or `stop`. Each market's first candle is the last known one."""
        self._steps = steps
        cerebro = self._cerebro = bt.Cerebro(stdstats=False, runonce=False, preload=False)
        self._feeds = self._fed(cerebro, steps)
        places = {symbol: place for place, symbol in enumerate(self._feeds)}
        cerebro.setbroker(self.broker)
        for seat in self.seats:
            own = seat.options
            cerebro.addstrategy(
                on_own_market,
                place=places[own.symbol],
                own_broker=seat.broker,
                gate=own.gate.signal,
                past=own.origin.past,
                **strategy_options(own.plan, NEVER),
            )
        cerebro.addstrategy(BookDecisions, decided=self._decided)
        functions = [each for seat in self.seats for each in seat.options.plan.own_code]
        with own_errors(*functions):
            cerebro.run()

    def _fed(self, cerebro: Any, steps: Steps) -> dict[str, StepFeed]:
        feeds: dict[str, StepFeed] = {}
        for seat in self.seats:
            own: Any = seat.options
            if own.symbol not in feeds:
                feed: Any = StepFeed(  # type: ignore[call-arg]  # Backtrader's parameters
                    steps=steps,
                    market=own.symbol,
                    interval=self.options.interval,
                    volume_known=own.volume_known,
                )
                feeds[own.symbol] = feed
                cerebro.adddata(feed)
        return feeds

    def stop(self) -> None:
        """End the run at Cerebro's next look; call it between steps."""
        if self._cerebro is not None:
            self._cerebro.runstop()

    def on_tick(self, symbol: str, tick: Tick) -> None:
        """One tick of a market, between two steps."""
        for seat in self.seats if self.strategy is not None else ():
            if seat.symbol == symbol:
                seat.on_tick(tick)

    def on_funding(self, symbol: str, row: FundingRow) -> None:
        """A row of a market's funding was published; where known candles are still to be seen it
        waits."""
        if self.strategy is None:
            self._early.append((symbol, row))
            return
        for seat in self.seats:
            if seat.symbol == symbol:
                seat.on_funding(row)

    def tell(self, seat: Seat, tick: Tick | None = None) -> None:
        """What came about at a sleeve between two steps, by `tick` where one did it."""
        stored = None
        if tick is not None:
            self.moments += 1
            stored = StoredTick(self.moments, seat.after, *tick)
        self._store(None, [seat.step(None, self.moments, self.broker.closes, stored)])

    def _turned(self, closed: bool) -> None:
        self._steps.taken()
        self.options.turn(closed)

    def _decided(self) -> None:
        """Everybody has decided on the step at hand."""
        strategies = self._cerebro.runningstrats
        for strategy in strategies:
            forget(strategy)
        if self.strategy is None:
            self._begin(strategies)
            return
        rows = self._steps.rows
        opens = next(iter(rows.values()))[0]
        self.closed += 1
        self.moments += 1
        made = []
        for seat in self.seats:
            if seat.symbol in rows:
                seat.after = opens
                row = row_of(self._feeds[seat.symbol])
                made.append(seat.step(row, self.moments, self.broker.closes))
        self._store(opens, made)

    def _begin(self, strategies: Sequence[Any]) -> None:
        """Take over, once every market's last known candle has been seen."""
        if not all(len(feed) for feed in self._feeds.values()):
            return
        account = self.options.account
        for seat, strategy in zip(self.seats, strategies, strict=False):
            seat.strategy = strategy
            seat.take_over(account)
        marks = account.equity, account.cash
        before = account.guard.peak if account.peak_before is None else account.peak_before
        self.broker.carry(*account[:2], account.steps, account.closes, account.free, before, marks)
        self.strategy = strategies[-1]
        self.options.ready()
        for early in self._early:
            self.on_funding(*early)

    def _store(self, opens: int | None, made: Sequence[SleeveStep]) -> None:
        broker = self.broker
        where = broker.balance, broker.guard, self.moments, self.steps, broker.closes
        account = BookAccount(*where, *broker.at_close, broker.cash, broker.peak_before)
        self.options.store(BookStep(opens, account, tuple(made)))
