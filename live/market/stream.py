"""One market's live data: sockets and polls in, ordered events out."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Literal

from stoptrail.core.retry import backoff
from stoptrail.exchange.rows import candle_row
from stoptrail.live.market.background import cancel_all
from stoptrail.live.market.candle_poller import Confirmation
from stoptrail.live.market.events import Connection, ConnectionBack, ConnectionLost, Event
from stoptrail.live.market.funding_poller import FundingPoller
from stoptrail.live.market.listing import Listing
from stoptrail.live.market.mark_reader import MarkReader
from stoptrail.live.market.ordering import Sequence
from stoptrail.live.market.outbox import Outbox
from stoptrail.live.market.reader import Reader
from stoptrail.live.market.sockets import Silence, Traded, give_up, told_of_failure
from stoptrail.live.market.subscriptions import Subscriptions
from stoptrail.live.market.timing import Timing
from stoptrail.live.market.trade_ticks import TradeTicks
from stoptrail.live.market.warnings import WarningLog

Transport = Literal["auto", "websocket", "rest"]

_TRIES = 3
"""Failures in a row after which data is polled while the socket is tried on."""
_ABSENT = {"NotSupported", "ArgumentsRequired", "AuthenticationError"}
"""ccxt's errors of a socket that does not exist, or not without a key."""
_LAST = 4
"""Newest candles of the socket that are looked at again, for revisions."""


class Stream:
    """Runs in the transport's event loop; fills `outbox` until cancelled."""

    def __init__(
        self,
        exchange: Any,
        reader: Reader,
        sequence: Sequence,
        symbol: str,
        timeframe: str,
        transport: Transport,
        ticks: bool,
        timing: Timing,
        warning_log: WarningLog,
        outbox: Outbox,
        funding: FundingPoller | None = None,
        marks: MarkReader | None = None,
        listing: Listing | None = None,
        halted: str = "",
    ) -> None:
        self._funding = funding
        self.connection: Connection = Connection.now("connecting", "waiting for the first data")
        self._exchange = exchange
        self._reader = reader
        self._sequence = sequence
        self._symbol = symbol
        self._timeframe = timeframe
        self._transport = transport
        self._wants_ticks = ticks
        self._timing = timing
        self._warning_log = warning_log
        self._outbox = outbox
        self._subscriptions = Subscriptions(exchange)
        told = symbol, timeframe, timing, self._tell, lambda: self._subscriptions.asked("trades")
        self._record = Confirmation(reader, sequence, *told, self._caught_up, outbox.room, marks)
        self._up: set[str] = set()
        self._unheard: Counter[str] = Counter()
        self._listing = listing or Listing(exchange, reader, symbol)
        self._halted = halted
        """Why the market is not traded."""
        self._silence = Silence(exchange, timing.quiet, self._subscriptions)
        self.ticks = TradeTicks(
            exchange, reader, sequence, symbol, self._silence, outbox, warning_log, self._tell
        )
        self._has_candles = bool(exchange.has.get("watchOHLCV"))
        self._state = (0.0, 0.0)
        self._sockets = 0

    async def run(self) -> None:
        """Until cancelled; raises ExchangeError where no waiting can help."""
        self._warning_log.start_is_over()
        if self._halted:
            self._lost(self._halted)
            await self._listing.until_listed(self._timing.listing)
        jobs = [self._record.run(), self._watchdog(), self._watch_listing()]
        watched = list(self._watched()) if self._transport != "rest" else []
        self._sockets = len(watched)
        if not watched and self._transport != "rest":
            self._say_no_socket()
        jobs += [self._watch(name, step) for name, step in watched]
        jobs += [self._poll_loop(), *([self._funding.run()] if self._funding else [])]
        tasks = [asyncio.ensure_future(job) for job in jobs]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            self.connection = Connection.now("closed", "the stream has ended")
            # A TaskGroup would wait for ever for one that has lost its cancellation.
            await cancel_all(lambda: tasks)

    def look(self) -> Connection:
        """The connection as it is now: stale once nothing has come for too long."""
        age, found = time.monotonic() - self._silence.heard_at, self.connection
        if found.fresh and age > self._timing.stale:
            since, words = time.time() - age + self._timing.stale, f"no data for {age:.0f} s"
            found = Connection("stale", since, words)
        return found.because(self._warning_log.why)

    # What comes in

    def _watched(self) -> Iterable[tuple[str, Callable[[], Awaitable[None]]]]:
        has = self._exchange.has
        if self._has_candles:
            yield "candles", self._watch_candles
        if has.get("watchTrades") and (self._wants_ticks or not self._has_candles):
            yield "trades", self.ticks.watch
        if has.get("watchBidsAsks") and self._wants_ticks:
            yield "quotes", self.ticks.watch_quotes
        elif self._wants_ticks:
            self._say_no_quotes()

    async def _watch_candles(self) -> None:
        new = await self._exchange.watch_ohlcv(self._symbol, self._timeframe)
        tables = self._exchange.ohlcvs.get(self._symbol) or {self._timeframe: new}
        # kraken resolves a watch of one timeframe with the candles of any other
        stored = tables.get(self._timeframe, [])
        for entry in stored[-max(_LAST, len(new)) :]:
            row = candle_row(entry)
            if row is None or row[0] % self._sequence.interval:
                self._warning_log.say(
                    "malformed message", f"a candle makes no sense and is left out: {entry}"
                )
            else:
                row = self._reader.in_coins(row)
                self._sequence.stream_candle(row)
                # One of a candle in which nothing was traded yet tells of no trade.
                if row[5] > 0.0 and (row[0], row[5]) > self._state:
                    self._state = (row[0], row[5])
                    self._silence.traded_at = time.monotonic()

    async def _watch(self, name: str, step: Callable[[], Awaitable[None]]) -> None:
        """Hear one kind of message for ever, across reconnects. Where the session is behind, the
        socket is what waits: a message that finds nobody here is told with the next one only."""
        failures = 0
        self._subscriptions.begin(name)
        while True:
            shown, waited = self._shown(), self._outbox.waited
            try:
                # ccxt leaves waiters behind: on a socket that it has given up, and after
                # subscriptions that were refused or never answered
                async with asyncio.timeout(2 * self._timing.silence):
                    await step()
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                failures += 1
                self._socket_failed(name, ConnectionError("closed"), failures)
            except TimeoutError:
                if self._outbox.waited == waited:
                    self._nothing_came(name, shown)
                continue  # the watchdog knows a dead socket from a quiet market
            except Exception as error:
                if type(error).__name__ in _ABSENT:
                    self._without(name)
                    return
                failures += 1
                if not self._meant_for_others(name, error, failures):
                    self._subscriptions.forget(name)
                    self._socket_failed(name, error, failures)
            else:
                failures = 0
                self._heard(name)
                continue
            await asyncio.sleep(
                backoff(failures, self._timing.backoff / 4, self._timing.backoff_cap)
            )

    def _meant_for_others(self, name: str, error: Exception, failures: int) -> bool:
        """Whether a refusal came to a stream that works: ccxt hands one to everybody who waits
        on the same socket. Not for ever: the stream itself may have been ended."""
        broken = any(kind.__name__ == "NetworkError" for kind in type(error).__mro__)
        return name in self._up and not broken and failures < _TRIES

    def _shown(self) -> Traded:
        return Traded(self._sequence.last_trade, self._state, self._sequence.record)

    def _nothing_came(self, name: str, shown: Traded) -> None:
        """A stream has brought nothing since trades `shown`, on a socket that is well. Where there
        were others since, and it never has or is that of quotes, it is asked for again, alone;
        the second time on a socket of its own."""
        if name in self._up and name != "quotes":
            return
        if not self._shown().since(shown):
            self._look_again()
            return
        if name == "quotes":
            self.ticks.quote = None
            if name not in self._up:
                self._say_no_quotes()
        self._up.discard(name)
        text = f"nothing comes from the {name} subscription: it is asked for again, alone"
        self._warning_log.say("no answer", text)
        self._unheard[name] += 1
        sockets = [] if self._unheard[name] % 2 else self._subscriptions.own(name, self._up)
        self._subscriptions.forget(name)
        give_up(sockets, f"no {name}")

    def _without(self, name: str) -> None:
        """Go on without a socket that does not exist, whatever the exchange's table says."""
        self._up.discard(name)
        self._sockets -= 1
        if name == "candles":
            self._has_candles = False  # trades, where they are watched, tell of time
        if not self._sockets:
            self._say_no_socket()
        self._look_again()

    def _say_no_quotes(self) -> None:
        words = "gives no quotes by socket: an entry fills at the last trade, worsened by slippage"
        self._warning_log.say("no quotes", f"{self._exchange.id} {words}")

    def _say_no_socket(self) -> None:
        words = "has no WebSocket here: data is polled"
        self._warning_log.say("no socket", f"{self._exchange.id} {words}")

    def _socket_failed(self, name: str, error: Exception, failures: int) -> None:
        why, said = told_of_failure(name, error, self._warning_log.redaction)
        self._warning_log.say("socket", said, why=why)
        was_streaming = self._streaming
        self._up.discard(name)
        if name == "quotes":
            self.ticks.quote = None
        if (was_streaming and not self._streaming) or self.connection.state == "connecting":
            self._lost(why)
        if failures == _TRIES and self._transport == "auto":
            text = "the socket keeps failing: data is polled while it is tried on"
            self._warning_log.say("polling", text)

    def _heard(self, name: str) -> None:
        self._silence.heard()
        self._reader.time.heard(self._sequence.newest)
        if name not in self._up or self._halted:
            self._up.add(name)
            self._halted = ""
            self._record.ask()
        self._record.look()

    @property
    def _streaming(self) -> bool:
        """Whether a socket works that tells of time passing."""
        return "candles" in self._up or ("trades" in self._up and not self._has_candles)

    # What the exchange's record says

    def _caught_up(self) -> None:
        """Everything that the exchange has is delivered."""
        if self._streaming:
            self._back("live")
        elif self._polls:
            self._silence.heard_at = time.monotonic()
            self._back("polling")

    @property
    def _polls(self) -> bool:
        return self._transport != "websocket" or not self._sockets

    async def _poll_loop(self) -> None:
        """Where no socket works: ask again and again."""
        while True:
            if self._polls and not self._streaming:
                await self._poll()
            await asyncio.sleep(self._timing.poll)

    async def _poll(self) -> None:
        await self._outbox.room()
        if self._wants_ticks:
            await self.ticks.poll(self._timing.timeout)
        self._look_again()

    def _look_again(self) -> None:
        """Let the record tell."""
        self._record.ask()
        self._record.look()

    # What goes out

    async def _watchdog(self) -> None:
        """Notice silence of a socket, and ticks that have waited too long."""
        pause = min(self._timing.quiet, self._timing.hold) / 4
        while True:
            waited = self._outbox.waited
            await asyncio.sleep(pause)
            if self._outbox.waited > waited:
                self._silence.held_back()
            if found := await self._silence.dead(pause):
                self._open_anew(found)
            elif self._streaming and self._silence.lasts("trades" in self._up):
                if found := self._silence.look("trades" in self._up, self._sequence.record):
                    self._open_anew(found)
                self._look_again()
            if self._record.overdue > self._timing.hold:
                self._lost("a closed candle cannot be fetched")
                self._record.ask()  # once it can, see whether all is well again
                self._tell(self._sequence.release_ahead())

    def _open_anew(self, sockets: list[Any]) -> None:
        silent = f"a socket has said nothing for {self._timing.quiet:g} s"
        self._warning_log.say("silence", f"{silent}: it is opened anew")
        give_up(sockets, "silent socket")

    async def _watch_listing(self) -> None:
        """Ask whether a quiet market is still traded, else it is stale; any for its filters."""
        while True:
            shown = self._shown()
            await asyncio.sleep(self._timing.listing)
            polled = not self._streaming and not self._shown().since(shown)
            if not (self._silence.quiet or polled or self._halted):
                await self._listing.look(self._timing.filters)
                continue
            self._halted = await self._listing.trouble(self._halted)
            if self._halted:
                self._lost(self._halted)
            elif not self.connection.fresh:
                self._look_again()

    def _lost(self, reason: str) -> None:
        if self.connection.state != "stale":
            self.connection = Connection.now("stale", reason)
            self._outbox.put(ConnectionLost(reason))

    def _back(self, state: Literal["live", "polling"]) -> None:
        if self.connection.state == state or self._halted:
            return
        told = self.connection.fresh
        self.connection, self._warning_log.why = Connection.now(state), ""
        if not told:
            self._outbox.put(ConnectionBack())

    def _tell(self, events: list[Event]) -> None:
        for event in events:
            self._outbox.put(event)
