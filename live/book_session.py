"""A paper session of a book (C22): several sleeves, one process, one account, one ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from stoptrail.config.settings import Settings
from stoptrail.core.errors import ConfigError, ExchangeError
from stoptrail.exchange.errors import BannedError, UnreachableError
from stoptrail.exchange.rows import Row
from stoptrail.live.book_engine import BookEngine
from stoptrail.live.book_markets import BookMarkets
from stoptrail.live.book_origin import BookBeginning, options_of, seats_of
from stoptrail.live.book_recovery import Sleeve, begin_book
from stoptrail.live.book_steps import LiveSteps, Steps, joined
from stoptrail.live.gate import Gate
from stoptrail.live.ledger.book_ledger import BookLedger, book_name
from stoptrail.live.ledger.database import Ledger
from stoptrail.live.ledger.records import newest_ticks
from stoptrail.live.market.events import Event, Published, Tick
from stoptrail.live.protocols import BookStore
from stoptrail.live.recovery import hear_funding
from stoptrail.live.session import Options, Session
from stoptrail.live.step import BookStep
from stoptrail.live.watch.control import BookControl, SessionControl
from stoptrail.live.watch.messages import Message, messages_of, sleeve_names
from stoptrail.live.watch.presence import reading_of


class BookSession(Session):
    """Several sleeves, one database, until `stop` or the end of the data. A market whose data
    ends stops its own sleeves alone, and is tried again."""

    def __init__(
        self,
        settings: Settings,
        sleeves: Sequence[Sleeve],
        make_store: Callable[[], BookStore],
        ledger: Ledger,
        options: Options | None = None,
    ) -> None:
        name = book_name([sleeve.symbol for sleeve in sleeves])
        super().__init__(settings, make_store, ledger, options, name)  # type: ignore[arg-type]
        self._asked = sleeves
        self._names: list[str] = []
        """What people call each sleeve, once the book has begun."""
        self._out.told_of = self._messages
        self._gates = [self._gate_of(sleeve.symbol) for sleeve in sleeves]
        symbols = list(dict.fromkeys(sleeve.symbol for sleeve in sleeves))
        self.market = BookMarkets(symbols, self._out.say, self._completed, self._again)
        self._live: LiveSteps
        self._by_tick = settings.live.ratchet == "tick"
        self._newest_ticks: dict[str, int] = {}
        """Times of the newest ticks that were heard, by market."""
        self._funded: dict[str, int | None] = {}
        """Time after which rows of funding are to come, by market; None where it pays none."""
        self._live_from = 0
        """Open time of the first candle that all markets are heard live from, ms."""

    def _gate_of(self, symbol: str) -> Gate:
        def stale() -> bool:
            return self.market.behind(symbol) or self._live.late

        return Gate(self.settings.live.catch_up, stale, self._in_time)

    def _completed(self, symbol: str) -> None:
        for sleeve, gate in zip(self._asked, self._gates, strict=True):
            if sleeve.symbol == symbol:
                gate.completed()

    def _again(self, symbol: str) -> None:
        """Let the data of a market that has failed come again, from its last candle on."""
        self._start_stream(self.market.store.of(symbol), symbol, self._live.newest(symbol))

    def _start_stream(self, own: Any, symbol: str, after: int) -> None:
        """Let what comes of a market after a candle be told."""
        own.start_stream(symbol, self.interval, after, self._by_tick, self._funded.get(symbol))

    @property
    def forecast(self) -> None:
        """None: each market has its own."""

    @property
    def reading(self) -> dict[str, Any]:
        """What people want to know of each market, and of each sleeve."""
        seats = [] if self.engine is None else self.engine.seats
        sleeves = {seat.number: reading_of(seat) for seat in seats}
        return {"markets": self.market.reading, "sleeves": sleeves, "warm_from": self.warm_from}

    def _begin(self, store: BookStore) -> BookBeginning:
        """Where the book begins."""
        ledger = BookLedger(self.ledger, self.exchange, self.symbol, self.interval)
        self.session_ledger = self._out.session_ledger = ledger
        stores = {symbol: store.of(symbol) for symbol in self.market.each}
        return begin_book(self.settings, self._asked, stores, ledger)

    def _go(self, store: BookStore, found: BookBeginning) -> None:
        self.market.connected(store)
        self.warm_from = found.warm_from
        for kind, text in found.said:
            self._out.say(kind, text)
        for row, gate, sleeve in zip(found.sleeves, self._gates, self._asked, strict=True):
            gate.paused = row.paused
            self.market.each[sleeve.symbol].store = store.of(sleeve.symbol)
        self._names = list(sleeve_names(found.sleeves).values())
        late = [gate.caught_up for gate in self._gates]
        seats = seats_of(self.ledger.database, found, self._gates, late)
        for seat, gate in zip(seats, self._gates, strict=True):
            waiting = seat.origin.checkpoint.entry_order
            gate.begin(None if waiting is None else waiting.signal)
        told = {"store": self._keep, "ready": self._ready, "turn": self._turn}
        engine = self.engine = BookEngine(seats, options_of(found, **told))
        self._newest_ticks = newest_ticks(self.ledger.database, found.sleeves)
        self.control = self._control(found, engine)
        missed = self._missed(store, found)
        last = {symbol: rows[-1][0] for symbol, rows in found.candles.items()}
        self._feed = self._live = LiveSteps(
            list(self.market.each),
            self.market,
            self.settings.live.signal_seconds,
            self._heard,
            self._told,
            missed,
            last,
            found.book.candle,
        )
        known = joined({symbol: rows[-1:] for symbol, rows in found.candles.items()})
        self._patience.over()
        try:
            engine.run(Steps(_behind(known, self._live)))
        finally:  # what was done before the market data ended, however it ended
            self._out.flush()
        if not self._stopping:
            self._stopping = "the market data has ended"

    def _control(self, found: BookBeginning, engine: BookEngine) -> Any:
        def of(session: int) -> SessionControl:
            return SessionControl(self.ledger, session, self._out.flush, self._now)

        controls = [of(row.id) for row in found.sleeves]
        return BookControl(of(found.book.id), controls, engine.seats, self._gates)

    def _missed(self, store: BookStore, found: BookBeginning) -> dict[str, list[Row]]:
        """What has closed of each market since its last known candle; its stream goes on there."""
        missed: dict[str, list[Row]] = {}
        for symbol, known in found.candles.items():
            last = known[-1]
            self.market.each[symbol].price = (last[0] + self.interval, last[4])
            own = store.of(symbol)
            try:
                self._hear_funding(own, symbol)
                fetched = own.fetch_candles(symbol, self.interval, last[0])
                missed[symbol] = [row for row in fetched if row[0] > last[0]]
                after = (missed[symbol] or known)[-1][0]
                self._start_stream(own, symbol, after)
            except (UnreachableError, BannedError):
                raise
            except (ExchangeError, ConfigError) as error:
                self.market.fail(symbol, str(error))
                continue
            self._live_from = max(self._live_from, after + self.interval)
            for sleeve, gate in zip(self._asked, self._gates, strict=True):
                if sleeve.symbol == symbol:
                    gate.live_from = after + self.interval
        self.market.check()
        return missed

    def _hear_funding(self, own: Any, symbol: str) -> None:
        """Read the rows of a market's funding that were published meanwhile, where its sleeves
        pay what is published."""
        seats = [seat.options for seat in self.engine.seats if seat.symbol == symbol]
        paying = [seat for seat in seats if seat.published]
        if paying:
            tell, say = partial(self.engine.on_funding, symbol), self._out.say
            self._funded[symbol] = hear_funding(tell, own, symbol, paying[0].origin, say)

    # What comes in

    def _ready(self) -> None:
        """Decisions count from now on."""

    def _heard(self, symbol: str, event: Event) -> None:
        self.market.heard(symbol, event)

    def _told(self, symbol: str, event: Tick | Published) -> None:
        """A tick or a row of funding of a market, between two steps."""
        if isinstance(event, Published):
            self._funded[symbol] = max(self._funded.get(symbol) or 0, event.row.time)
            self.engine.on_funding(symbol, event.row)
            self._out.flush("funding")
        elif event.time >= self._newest_ticks.get(symbol, 0):  # else told again
            self._newest_ticks[symbol] = self._newest_tick = event.time
            self.market.heard(symbol, event)
            self.engine.on_tick(symbol, event)

    # What follows from it

    def _keep(self, step: BookStep) -> None:
        """Store a step; missed candles are stored in batches, late events in groups."""
        self._out.keep(step)
        if step.opens is None:
            if step.by_tick and not self._may_wait(step):
                self._out.flush()
            return  # else stored together with the command that asked for it
        engine = self.engine
        assert isinstance(engine, BookEngine)
        closed = [part.number - 1 for part in step.sleeves]
        for part in step.sleeves:
            candle = part.step.candle
            assert candle is not None
            self.market.each[engine.seats[part.number - 1].symbol].price = (
                candle[0] + self.interval,
                candle[4],
            )
        self.control.leave(closed)
        if not self._live.late:  # one that comes after the others of its time is none more
            self._count(step.opens, self._live_from)
        self._step_over(step)

    def _turn(self, closed: bool) -> None:
        self.market.check()
        super()._turn(closed)

    def _obey(self, engine: BookEngine, at_close: bool) -> None:
        del at_close
        if engine.broker.closes < self._live_from:
            return  # asked for now, not for a candle that was missed
        for at, text in self.control.obey(self._by_tick):
            self._out.say("command", text if at < 0 else f"{self._names[at]}: {text}")

    def _messages(self, step: BookStep, interval: int) -> Iterator[Message]:
        """One for each thing that a step changed at a sleeve and a person may want to know."""
        for part in step.sleeves:
            for kind, when, text in messages_of(part.step, interval):
                yield Message(kind, when, f"{self._names[part.number - 1]}: {text}")


def _behind(known: Iterator[Any], live: LiveSteps) -> Iterator[Any]:
    """The last known candles, then what comes."""
    yield from known
    yield from live
