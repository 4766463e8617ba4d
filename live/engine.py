"""One Cerebro over a feed: the strategy of a backtest, with ticks and a memory.

A session and its replay both run on this; they differ in the feed and in where the
steps go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Protocol

from stoptrail.adapter.backtrader import bt, forget
from stoptrail.backtest.engine import strategy_options
from stoptrail.backtest.plan import Plan
from stoptrail.brokers.paper import PaperBroker
from stoptrail.brokers.settlement import Settlement
from stoptrail.config.own_code import own_errors
from stoptrail.core.time import milliseconds
from stoptrail.exchange.rows import Row
from stoptrail.live.journal import LiveJournal
from stoptrail.live.market.events import Marked, Tick
from stoptrail.live.origin import Origin
from stoptrail.live.session_settings import Funding
from stoptrail.live.step import Step, StoredTick
from stoptrail.rules.funding import NO_FUNDING, FundingRow
from stoptrail.rules.manage import STAYS
from stoptrail.rules.stops import MANUAL
from stoptrail.rules.trade import booked
from stoptrail.strategies.day_marks import LastClose, last_close
from stoptrail.strategies.mtf_strategy import MtfStrategy

NEVER = 2**62
"""A time that does not come, ms."""


class Gated(Protocol):
    """What an engine asks before entries; see live.gate.Gate."""

    def signal(self, time: int) -> int | None:
        """Why a signal may not lead to an entry."""

    def fill(self, time: int) -> int | None:
        """Why an entry order may not fill."""

    def tick(self) -> bool:
        """Whether an entry order may fill at a tick now."""


class EngineOptions(NamedTuple):
    """How an engine runs besides its plan."""

    by_tick: bool
    """Whether ticks fill and move (C14)."""
    settings: int
    """Number of the settings, for the ledger."""
    gate: Gated
    store: Callable[[Step], None]
    """Gets every step, complete and in order."""
    caught_up: Callable[[int], bool]
    """Whether the session was down when the candle of this open time closed."""
    ready: Callable[[], None] = lambda: None
    """Called once, when all known candles have been seen."""
    turn: Callable[[bool], None] = lambda closed: None
    """Called whenever Cerebro turns; True where a candle has closed."""
    funding: Funding = ""
    """Whether a swap pays costs.funding_rate, or what is published (C19); empty where none."""


class Engine:
    """Build it, make the feed with `on_tick` as its callback, then `run(feed)`."""

    of_book = False

    def __init__(self, plan: Plan, origin: Origin, engine_options: EngineOptions) -> None:
        self.plan = plan
        self.after = origin.after
        self.ticks = origin.ticks
        self.closed = 0
        """Candles processed by this run, the known ones not counted."""
        self.strategy: Any = None
        """The running strategy, once it decides."""
        self.broker: Any = None
        self._origin = origin
        self._engine_options = engine_options
        self._journal: LiveJournal
        self._cerebro: Any = None
        self._last_close = LastClose(0, 0.0, None, 0.0)
        self._early: list[FundingRow] = []
        """Rows of funding that came before the strategy was ready."""
        self._marked: Marked | None = None
        self.settlement: Settlement | None = None

    def run(self, feed: Any) -> None:
        """Until the feed ends or `stop`."""
        plan, engine_options = self.plan, self._engine_options
        cerebro = self._cerebro = bt.Cerebro(stdstats=False, runonce=False, preload=False)
        cerebro.adddata(feed)
        self._keep_books()
        self.broker = PaperBroker(
            run_rules=plan.run_rules,
            journal=self._journal,
            own_size=plan.size_call,
            ticks=engine_options.by_tick,
            gate=engine_options.gate.fill,
            tick_gate=engine_options.gate.tick,
            turn=engine_options.turn,
            past=self._origin.past,
            constant_funding=engine_options.funding == "constant",
            booked=self._origin.booked,
            settlement=self.settlement,
            funding=NO_FUNDING._replace(tiers=plan.tiers),
            past_marks=self._origin.marks,
        )
        if self.after in self._origin.marks:
            self.broker.know_mark(self.after, self._origin.marks[self.after])
        cerebro.setbroker(self.broker)
        options = strategy_options(plan, NEVER)
        past = self._origin.past
        cerebro.addstrategy(MtfStrategy, **options, gate=engine_options.gate.signal, past=past)
        cerebro.addanalyzer(_Close, closed=self._candle_closed)
        with own_errors(*plan.own_code):
            cerebro.run()

    def _keep_books(self) -> None:
        origin, options, rules = self._origin, self._engine_options, self.plan.run_rules.trade_rules
        if options.funding == "published":
            told = origin.checkpoint.history, origin.checkpoint.balance, origin.settled
            self.settlement = Settlement(*told)
        self._journal = LiveJournal(rules, self.settlement, *origin.counters)

    def stop(self) -> None:
        """End the run at Cerebro's next look; call it between candles."""
        if self._cerebro is not None:
            self._cerebro.runstop()

    def on_tick(self, tick: Tick) -> bool:
        """One tick; whether it changed anything."""
        if self.strategy is None or not self.broker.monitor_positions(tick):
            return False
        self.ticks += 1
        stored = StoredTick(self.ticks, self.after, *tick)
        self._store(None, stored)
        return True

    def on_funding(self, row: FundingRow) -> None:
        """A row of funding was published; where known candles are still to be seen it waits."""
        if self.strategy is None:
            self._early.append(row)
            return
        self._publish(row)
        if self._journal.waits:
            self._store_between()

    def on_mark(self, event: Marked) -> None:
        """The mark prices of the candle that comes next."""
        self._marked = event
        self.broker.know_mark(*event)

    def _publish(self, row: FundingRow) -> None:
        if not self.broker.knows(row):
            self._journal.came(row, self.after, self.ticks)
            self.broker.publish(row)

    def leave_at_market(self) -> bool:
        """Send an order to leave; whether there was anything to leave."""
        if self.strategy is None or not self.broker.leave_at_market(self.strategy):
            return False
        self._store_between()
        return True

    def leave_at(self, price: float, time: int) -> float | None:
        """Leave at a price that a person names, at `time` (ms); the fill, None where there
        is nothing to leave."""
        if self.strategy is None:
            return None
        fill: float | None = self.broker.leave_at(
            self.strategy, price, max(time, self._last_close.closes)
        )
        if fill is not None:
            self._store_between()
        return fill

    def _store_between(self) -> None:
        """What came about between two candles without a tick."""
        self._store(None, None)

    @property
    def holds(self) -> bool:
        """Whether there is a position."""
        return self.broker.open is not None

    @property
    def flat(self) -> bool:
        """Whether there is neither a position nor an order for one."""
        return self.broker.open is None and not self.broker.pending

    def _candle_closed(self, strategy: Any) -> None:
        count, known = len(strategy.data), self._origin.known
        forget(strategy)
        if count < known:
            return
        if count == known:
            self._take_over(strategy)
            return
        row = row_of(strategy.data)
        self.after = row[0]
        self.closed += 1
        closes, broker = row[0] + strategy.data.interval, self.broker
        self._last_close = LastClose(closes, broker.balance, broker.open, row[4])
        self._store(row, None, self._engine_options.caught_up(row[0]))

    def _take_over(self, strategy: Any) -> None:
        """All known candles have been seen: go on from where the ledger ended."""
        strategy.go_on(self._origin.checkpoint, self._origin.start)
        if self._origin.leaving == MANUAL:
            self.broker.leave_at_market(strategy)
        elif self._origin.leaving != STAYS:
            strategy.manager.leave_for(self._origin.leaving)
        self._journal.take()
        checkpoint, closes = self._origin.checkpoint, self.after + strategy.data.interval
        self._last_close = last_close(checkpoint, closes, strategy.data.close[0])
        self.broker.marked_again = strategy.mark_again
        self.strategy = strategy
        self._engine_options.ready()
        for row in self._early:
            self._publish(row)
        if self._journal.waits:
            self._store_between()

    def _store(self, row: Row | None, tick: StoredTick | None, caught_up: bool = False) -> None:
        broker, rules, marked = self.broker, self.plan.run_rules, self._last_close
        held, by = broker.open, self._marked
        self._engine_options.store(
            Step(
                candle=row,
                tick=tick,
                after=self.after,
                ticks=self.ticks,
                events=self._journal.take(),
                checkpoint=self.strategy.checkpoint(),
                equity=marked.equity(rules, marked.closes, broker.schedule),
                cash=marked.cash(rules, marked.closes, broker.schedule),
                funding=0.0 if held is None else booked(held, broker.paid_by(NEVER)),
                rules=rules.trade_rules.stop,
                settings=self._engine_options.settings,
                caught_up=caught_up,
                mark=by.mark if row is not None and by is not None and by.time == row[0] else None,
            )
        )


class _Close(bt.Analyzer):  # type: ignore[misc]
    """Tells that the strategy is done with a candle."""

    params: ClassVar[Any] = (("closed", None),)

    def next(self) -> None:
        self.p.closed(self.strategy)


def row_of(data: Any) -> Row:
    """The candle at hand of a feed."""
    return (
        milliseconds(data.datetime[0]),
        data.open[0],
        data.high[0],
        data.low[0],
        data.close[0],
        data.volume[0],
    )
