"""One Cerebro over a feed: the strategy of a backtest, with ticks and a memory.

A session and its replay both run on this; they differ in the feed and in where the
steps go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

from stoptrail.adapter.backtrader import bt
from stoptrail.adapter.bounded import forget
from stoptrail.backtest.engine import strategy_options
from stoptrail.backtest.plan import Plan
from stoptrail.brokers.paper import PaperBroker
from stoptrail.config.own_code import own_errors
from stoptrail.core.time import milliseconds
from stoptrail.exchange.rows import Row
from stoptrail.live.journal import LiveJournal
from stoptrail.live.ledger.records import Counters
from stoptrail.live.market.events import Tick
from stoptrail.live.step import Step, StoredTick
from stoptrail.rules.checkpoint import Checkpoint
from stoptrail.rules.manage import STAYS
from stoptrail.rules.stops import MANUAL
from stoptrail.strategies.mtf_strategy import MtfStrategy

_NEVER = 2**62


class Origin(NamedTuple):
    """Where a run goes on."""

    known: int
    """Candles of the feed that were processed before; they only warm the indicators."""
    start: int
    """Open time of the first candle that may decide, ms."""
    after: int
    """Open time of the last known candle."""
    ticks: int
    """How many ticks have changed something."""
    checkpoint: Checkpoint
    counters: Counters
    leaving: int
    """Why an order to leave at market waits, a code of rules.stops.REASONS, or STAYS."""
    past: Sequence[Row] = ()
    """Earlier ones that the feed does not play: the indicators take them in at once."""


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
    constant_funding: bool = False
    """Whether a swap pays costs.funding_rate (C19)."""


class Engine:
    """Build it, make the feed with `on_tick` as its callback, then `run(feed)`."""

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
        self._journal = LiveJournal(*origin.counters)
        self._cerebro: Any = None
        self._last_close = (0.0, 0)
        """Price and time of the last close."""

    def run(self, feed: Any) -> None:
        """Until the feed ends or `stop`."""
        plan, engine_options = self.plan, self._engine_options
        cerebro = self._cerebro = bt.Cerebro(stdstats=False, runonce=False, preload=False)
        cerebro.adddata(feed)
        self.broker = PaperBroker(
            run_rules=plan.run_rules,
            journal=self._journal,
            own_size=plan.size_call,
            ticks=engine_options.by_tick,
            gate=engine_options.gate.fill,
            tick_gate=engine_options.gate.tick,
            turn=engine_options.turn,
            past=self._origin.past,
            constant_funding=engine_options.constant_funding,
        )
        cerebro.setbroker(self.broker)
        options = strategy_options(plan, _NEVER)
        past = self._origin.past
        cerebro.addstrategy(MtfStrategy, **options, gate=engine_options.gate.signal, past=past)
        cerebro.addanalyzer(_Close, closed=self._candle_closed)
        with own_errors(plan.rule):
            cerebro.run()

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
        self._store(None, stored, tick.price, tick.time, False)
        return True

    def leave_at_market(self) -> bool:
        """Send an order to leave; whether there was anything to leave."""
        if self.strategy is None or not self.broker.leave_at_market(self.strategy):
            return False
        self._store(None, None, *self._last_close, False)
        return True

    def leave_at(self, price: float, time: int) -> float | None:
        """Leave at a price that a person names, at `time` (ms); the fill, None where there
        is nothing to leave."""
        if self.strategy is None:
            return None
        fill: float | None = self.broker.leave_at(
            self.strategy, price, max(time, self._last_close[1])
        )
        if fill is not None:
            self._store(None, None, *self._last_close, False)
        return fill

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
        row = _row(strategy.data)
        self.after = row[0]
        self.closed += 1
        self._last_close = row[4], row[0] + strategy.data.interval
        self._store(row, None, *self._last_close, self._engine_options.caught_up(row[0]))

    def _take_over(self, strategy: Any) -> None:
        """All known candles have been seen: go on from where the ledger ended."""
        strategy.go_on(self._origin.checkpoint, self._origin.start)
        if self._origin.leaving == MANUAL:
            self.broker.leave_at_market(strategy)
        elif self._origin.leaving != STAYS:
            strategy.manager.leave_for(self._origin.leaving)
        self._journal.take()
        self._last_close = strategy.data.close[0], self.after + strategy.data.interval
        self.strategy = strategy
        self._engine_options.ready()

    def _store(
        self, row: Row | None, tick: StoredTick | None, price: float, time: int, caught_up: bool
    ) -> None:
        broker = self.broker
        self._engine_options.store(
            Step(
                row,
                tick,
                self.after,
                self.ticks,
                self._journal.take(),
                self.strategy.checkpoint(),
                broker.equity(price, time),
                broker.getcash(),
                self.plan.run_rules.trade_rules.stop,
                self._engine_options.settings,
                caught_up,
            )
        )


class _Close(bt.Analyzer):  # type: ignore[misc]
    """Tells that the strategy is done with a candle."""

    params: ClassVar[Any] = (("closed", None),)

    def next(self) -> None:
        self.p.closed(self.strategy)


def _row(data: Any) -> Row:
    return (
        milliseconds(data.datetime[0]),
        data.open[0],
        data.high[0],
        data.low[0],
        data.close[0],
        data.volume[0],
    )
