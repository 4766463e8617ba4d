"""A paper session: market data in, the ledger and whoever watches out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from peewee import PeeweeException

from stoptrail.config.settings import Settings
from stoptrail.core.errors import LedgerError, StopTrailError
from stoptrail.core.time import MINUTE_MS, iso_time
from stoptrail.exchange.errors import BannedError, UnreachableError
from stoptrail.exchange.rows import Row
from stoptrail.live.clock import ExchangeClock
from stoptrail.live.engine import Engine, EngineOptions
from stoptrail.live.gate import Gate
from stoptrail.live.ledger.database import Ledger
from stoptrail.live.ledger.session_ledger import SessionLedger
from stoptrail.live.market.background import GivenUpError
from stoptrail.live.market.events import Event, Marked, Published, Tick
from stoptrail.live.market.funding_poller import Forecast
from stoptrail.live.market_status import Alarm, MarketStatus
from stoptrail.live.protocols import MarketStore, Watcher
from stoptrail.live.publisher import Publisher
from stoptrail.live.recovery import Beginning, StartPatience, begin, hear_funding
from stoptrail.live.session_settings import funding_of, goes_by_marks, plan_from
from stoptrail.live.step import Step
from stoptrail.live.watch.control import SessionControl
from stoptrail.live.watch.daily import Daily
from stoptrail.live.watch.event_log import EventLog
from stoptrail.live.watch.messages import Message
from stoptrail.live.watch.presence import Attendance, reading_of

log = logging.getLogger("stoptrail.live")

_BATCH = 100
"""Missed candles that are stored in one transaction."""
_GROUP_SECONDS = 0.02
"""Longest time for which a step waits for the next ones, where their events have come
already: where a market is played fast, and after a standstill."""
_BEAT_SECONDS = 1.0
"""How often a session shows that it is there and looks for commands."""


class Options(NamedTuple):
    """What a session is told besides its settings."""

    max_candles: int | None = None
    """Stop after so many closed candles."""
    watchers: tuple[Watcher, ...] = ()


class Session:
    """One market, one database, until `stop` or the end of the data.

    `make_store` connects to the exchange; it is called again where new settings apply.
    """

    def __init__(
        self,
        settings: Settings,
        make_store: Callable[[], MarketStore],
        ledger: Ledger,
        options: Options | None = None,
        name: str = "",
    ) -> None:
        self.settings = settings
        self.exchange, self.symbol = settings.exchange_id, name or settings.data.symbol
        self.interval = settings.data.interval
        self._options, events = options or Options(), EventLog()
        self._out = Publisher(self.interval, self._options.watchers, events)
        self.engine: Any = None
        self.warm_from = 0  # from which signals can come, ms
        self.control: Any
        self.session_ledger: Any
        self.market: Any = MarketStatus(self._out.say, lambda: self._gate.completed())
        self._patience = StartPatience(self._out.say, lambda: bool(self._stopping))
        self._make_store = make_store
        self.ledger = ledger
        self._gate = Gate(settings.live.catch_up, lambda: self.market.stale, self._in_time)
        self._attendance = Attendance(ledger, self.exchange, self.symbol, self._out.say, events)
        self._clock = ExchangeClock()
        self._beat, self._stopping, self._closed = 0.0, "", 0
        self._alarm = Alarm()
        self._by_tick = False
        self._newest_tick = 0
        """Time of the newest tick heard, or of the last that changed something."""
        self._trouble = ""
        """What the session failed by."""
        self._reachable = True
        """Whether the ledger could be written when it last had to be."""
        ledger.heard = lambda text: self._out.say("error", text)
        ledger.stopped = lambda: bool(self._stopping)

    @property
    def forecast(self) -> Forecast | None:
        """The funding that the exchange expects next."""
        return None if self.market.store is None else self.market.store.forecast

    @property
    def reading(self) -> dict[str, Any]:
        """What the signal's indicators say, for people."""
        return {**reading_of(self.engine), "warm_from": self.warm_from}

    @property
    def restarts(self) -> int:
        """How often a process has taken the session up again."""
        return self._attendance.restarts

    @property
    def number(self) -> int:
        """Of the session in its ledger."""
        return int(self.control.session)

    # Life

    def claim(self) -> None:
        """Take the market for this session; StoreError where another one runs."""
        self._attendance.claim()

    def run(self) -> None:
        """Until the session is stopped; raises the errors of exchange and ledger.

        Whatever ends it, the position stays in the ledger.
        """
        self.claim()
        self._out.say("notice", f"reading {self.symbol} from {self.exchange}")
        try:
            while not self._stopping:
                store = self.market.store = self._make_store()
                if self._stopping:
                    store.give_up()
                try:
                    self._run_once(store)
                except GivenUpError:
                    if not self._stopping:
                        raise
                finally:
                    store.close()
        except PeeweeException as error:
            raise LedgerError(f"the ledger cannot be read: {self.ledger.reason(error)}") from error
        except LedgerError:
            self._reachable = False
            raise
        except StopTrailError as error:
            self._trouble = str(error)
            raise
        finally:
            self._attendance.over(self._stopping, self._trouble, self._reachable)

    def stop(self, reason: str) -> None:
        """End in order at the next turn; safe in a signal handler."""
        self._stopping = self._stopping or reason
        if self.market.store is not None:
            self.market.store.give_up()

    def _run_once(self, store: MarketStore) -> None:
        """From start to stop, or until new settings apply."""
        self._patience.hear(store.long_waits, self._attendance.starting)
        try:
            found = self._begin(store)
            self._clock.set(store.clock_offset())
            if not hasattr(self, "control"):
                self._attendance.arrived(found.session)
                self._daily = Daily(int(time.time() * 1000), self._attendance.last_beat)
            self._go(store, found)
        except (UnreachableError, BannedError) as error:
            here = partial(self._attendance.starting, str(error))
            self._patience.wait(error, self.settings.live.start_wait_seconds, here)

    def _begin(self, store: Any) -> Any:
        """Where the session begins; with a number `session` of the ledger."""
        session_ledger = SessionLedger(self.ledger, self.exchange, self.symbol, self.interval)
        self.session_ledger = self._out.session_ledger = session_ledger
        return begin(self.settings, store, session_ledger)

    def _told_of(self, found: Beginning) -> None:
        """Let gate, commands and people know how the session begins."""
        waiting = found.origin.checkpoint.entry_order
        self._gate.begin(None if waiting is None else waiting.signal)
        self.control = SessionControl(self.ledger, found.session, self._out.flush, self._now)
        self.warm_from = found.warm_up.warm_from
        for kind, text in found.said:
            self._out.say(kind, text)
        self._gate.paused, self._gate.changing = found.paused, bool(found.waiting)

    def _go(self, store: Any, found: Any) -> None:
        self._told_of(found)
        candles, settings = found.candles, found.settings
        self._by_tick = settings.live.ratchet == "tick"
        self._newest_tick = found.newest_tick
        engine_options = EngineOptions(
            self._by_tick,
            found.number,
            self._gate,
            self._keep,
            self._gate.caught_up,
            self._ready,
            self._turn,
            funding_of(settings),
        )
        self.engine = engine = Engine(plan_from(settings), found.origin, engine_options)
        since, where = None, (self.symbol, found.origin, self._out.say)
        marks = goes_by_marks(settings) and store.tells_marks
        if engine_options.funding == "published":
            since = hear_funding(engine.on_funding, store, *where, self.interval if marks else None)
        self._feed = store.getdata(
            dataname=self.symbol,
            compression=self.interval // MINUTE_MS,
            since=found.origin.after + self.interval,
            candles=candles[-1:],
            on_tick=self._on_tick,
            on_event=self._on_event,
            volume_known=settings.data.volume == "known",
            funding=since,
            marks=marks,
        )
        self.market.price = (candles[-1][0] + self.interval, candles[-1][4])
        known = f"{self.exchange} {self.symbol}, {len(candles)} candles known"
        log.info("session %d: %s since %s", self.number, known, iso_time(candles[0][0]))
        self._patience.over()
        try:
            engine.run(self._feed)
        finally:  # what was done before the market data ended, however it ended
            self._out.flush()
        if not self._stopping and not self.session_ledger.switched:
            self._stopping = "the market data has ended"
        self.session_ledger.switched = False

    # What comes in

    def _ready(self) -> None:
        self._gate.live_from = self._feed.live_from
        log.info("session %d decides from now on", self.control.session)

    def _in_time(self, signal: int) -> bool:
        """Whether the candle that opened at `signal` closed `live.signal_seconds` ago at most."""
        late = self._clock.now() - signal - self.interval
        return late <= 1000 * self.settings.live.signal_seconds

    def _now(self) -> int:
        """The market's time in ms: not before its newest tick."""
        return max(self._clock.now(), self._newest_tick)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Marked):
            self.engine.on_mark(event)
        elif isinstance(event, Published):
            self.engine.on_funding(event.row)
            self._out.flush("funding")
        else:
            self.market.heard(event)

    def _on_tick(self, tick: Tick) -> None:
        assert self.engine is not None
        if tick.time < self._newest_tick:
            return  # told again after a reconnect: it was before what has been done since
        self._newest_tick = tick.time
        self.market.heard(tick)
        if not self.engine.on_tick(tick) and (text := self._alarm.of(self.engine, tick)):
            self._out.tell(Message("alarm", tick.time, text))

    # What follows from it

    def _keep(self, step: Any) -> None:
        """Store a step; missed candles are stored in batches, late events in groups."""
        self._out.keep(step)
        if step.candle is not None:
            self._candle_closed(step, step.candle)
        elif step.tick is not None and not self._may_wait(step):
            self._out.flush()
        # Else it is stored together with the command that asked for it.

    def _candle_closed(self, step: Step, candle: Row) -> None:
        engine, out = self.engine, self._out
        assert engine is not None
        self.market.price = (candle[0] + self.interval, candle[4])
        self.control.leave(engine)
        self._count(candle[0], self._gate.live_from)
        if self._gate.changing and engine.flat:
            out.flush("switch", lambda: self.session_ledger.switch(step.after))
            out.say("settings", "the changed settings apply from now on")
            engine.stop()
            return
        self._step_over(step)

    def _count(self, opens: int, live_from: int) -> None:
        """A candle that opened at `opens` has closed, or those of a book's step: those that the
        session saw live count."""
        if opens >= live_from:
            self._closed += 1
            if self._closed == self._options.max_candles:
                self.stop(f"candles closed: {self._closed}")

    def _step_over(self, step: Any) -> None:
        """Store `step` at once or with what follows it, and look around."""
        if self._stopping or not self._may_wait(step):
            self._out.flush()
        if self._stopping:
            self.engine.stop()
        else:
            self._duties(self.engine, at_close=True)

    def _may_wait(self, step: Any) -> bool:
        """Whether `step` may share a transaction with what follows it at once."""
        if step.caught_up:
            return self._out.waiting < _BATCH
        return self._feed.behind and self._out.waited < _GROUP_SECONDS

    def _turn(self, closed: bool) -> None:
        """Between two candles, several times a second."""
        engine = self.engine
        assert engine is not None
        if engine.strategy is None and self._stopping:
            engine.stop()
        if closed or engine.strategy is None:
            return
        if self._out.waiting:
            self._out.flush()
        if self._stopping:
            engine.stop()
            return
        self._duties(engine)

    def _duties(self, engine: Any, at_close: bool = False) -> None:
        """What has to be done every second, whatever the market does."""
        if time.monotonic() - self._beat >= _BEAT_SECONDS:
            self._beat = time.monotonic()
            self._out.flush()
            self.market.look()
            self._obey(engine, at_close)
            self._attendance.beat(self, "running")
            if moved := self._clock.told():
                self._out.say("notice", moved)
            if text := self._daily.told(self.ledger, self.number, int(time.time() * 1000)):
                stale = f"; {self.market.connection}" if self.market.stale else ""
                self._out.say("daily", text + stale)
        for watcher in self._out.watchers:
            watcher.turned(self)

    def _obey(self, engine: Any, at_close: bool) -> None:
        if engine.after + self.interval < self._gate.live_from:
            return  # asked for now, not for a candle that was missed
        at_once = at_close or self._by_tick
        for text in self.control.obey(engine, self._gate, at_once):
            self._out.say("command", text)
