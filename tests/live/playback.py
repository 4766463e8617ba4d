"""A market played from memory through a whole session, without an exchange."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from stoptrail.config.market import Filters, Maintenance
from stoptrail.config.settings import Settings
from stoptrail.exchange.rows import Row
from stoptrail.live.ledger.database import Ledger
from stoptrail.live.market.events import CandleClosed, Connection, Event, Marked, Published, Tick
from stoptrail.live.market.funding_poller import Forecast
from stoptrail.live.market.long_waits import LongWaits
from stoptrail.live.market.recorded import RecordedFeed
from stoptrail.live.market.warnings import Redaction, WarningLog
from stoptrail.live.session import Options, Session
from stoptrail.rules.candles import Candles
from stoptrail.rules.funding import FundingRow
from stoptrail.rules.margin import Mark

FILTERS = Filters(0.01, 0.00001, 0.00001, 5.0)

TicksOf = Callable[[Row], list[Tick]]


def rows_of(candles: Candles) -> list[Row]:
    """Candles as the exchange's record gives them."""
    columns = [column.tolist() for column in candles[:6]]
    return list(zip(*columns, strict=True))


class UnhurriedFeed(RecordedFeed):
    """Has nothing to tell for a moment wherever its events hold None, as a live feed has."""

    def start(self) -> None:
        super().start()
        self._events = self._pauses = _UpToNone(self._events)

    def _load(self) -> bool | None:  # type: ignore[override]
        self._pauses.paused = False
        loaded = super()._load()
        return None if self._pauses.paused else loaded


class _UpToNone:
    """An iterator that ends at every None, and goes on behind it when asked again."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self.paused = False

    def __iter__(self) -> _UpToNone:
        return self

    def __next__(self) -> Any:
        event = next(self._events)
        if event is None:
            self.paused = True
            raise StopIteration
        return event


class PlaybackStore:
    """The store of a session: `rows[:live]` have closed before it came up; the rest, and
    `between` (events before the candle of an open time), come while it runs. Where it is
    `unhurried` the session finds a quiet moment before each of them."""

    def __init__(
        self,
        rows: list[Row],
        live: int,
        interval: int = 900_000,
        ticks: TicksOf | None = None,
        between: Mapping[int, list[Event]] | None = None,
        unhurried: bool = False,
        funding: Sequence[FundingRow] = (),
        marks: Mapping[int, Mark] | None = None,
    ) -> None:
        self.rows = rows
        self.live = live
        self.interval = interval
        self.ticks = ticks
        self.between = between or {}
        self.unhurried = unhurried
        self.funding = funding
        self.marks = marks
        """Mark prices by open time; None where the exchange has none at all."""
        self.waits: Callable[[], bool] = lambda: False
        """Whether the last candle does not come yet."""
        self.connection = Connection("live", 0.0)
        self.closed = 0
        self.forecast: Forecast | None = None
        self.unserved = ()
        self.long_waits = LongWaits("binance", WarningLog(Redaction({})))
        self.margin: Maintenance | None = None
        self.lag = 0
        """Milliseconds by which the exchange's clock is further than its candles."""

    def market(self, symbol: str) -> Filters:
        return FILTERS

    def held_market(self, symbol: str) -> Filters | None:
        return FILTERS

    def maintenance(self, symbol: str) -> Maintenance | None:
        return self.margin

    def clock_offset(self) -> int | None:
        """As if now were the moment when the last of the closed candles closed."""
        closed = self.rows[self.live - 1][0] + self.interval
        return closed + self.lag - int(time.time() * 1000)

    def fetch_candles(
        self, symbol: str, interval: int, since: int, until: int | None = None
    ) -> list[Row]:
        return [row for row in self.rows[: self.live] if row[0] >= since]

    def fetch_funding(self, symbol: str, since: int) -> list[FundingRow]:
        closed = self.rows[self.live - 1][0] + self.interval
        return [row for row in self.funding if since <= row.time <= closed + self.lag]

    @property
    def tells_marks(self) -> bool:
        return self.marks is not None

    def priced(self, symbol: str, interval: int, rows: list[FundingRow]) -> list[FundingRow]:
        marks = self.marks or {}
        return [
            row._replace(price=marks[row.time].open)
            if row.price != row.price and not row.hours and row.time in marks
            else row
            for row in rows
        ]

    def getdata(self, **parameters: Any) -> RecordedFeed:
        known = list(parameters["candles"])
        after = known[-1][0] if known else -1
        missed = [row for row in self.rows[: self.live] if row[0] > after]
        live_from = (missed or known)[-1][0] + self.interval
        events = self._events(known + missed, live_from)
        return UnhurriedFeed(  # type: ignore[call-arg]  # Backtrader's parameters
            events=self._marked(events, after) if parameters["marks"] else events,
            interval=self.interval,
            live_from=live_from,
            on_tick=parameters["on_tick"],
            on_event=parameters["on_event"],
            volume_known=parameters["volume_known"],
        )

    def _marked(self, events: Iterator[Event | None], known: int) -> Iterator[Event | None]:
        """`events` with the mark prices of the candles behind the known ones."""
        for event in events:
            if isinstance(event, CandleClosed) and event.time > known:
                mark = (self.marks or {}).get(event.time)
                if mark is not None:
                    yield Marked(event.time, mark)
            elif isinstance(event, Published):
                (row,) = self.priced("", self.interval, [event.row])
                event = Published(row)
            yield event

    def give_up(self) -> None:
        """Nothing is waited for."""

    def close(self) -> None:
        self.closed += 1

    def _events(self, past: list[Row], live_from: int) -> Iterator[Event | None]:
        for row in past:
            yield CandleClosed(*row)
        for row in self.rows[self.live :]:
            if row[0] < live_from:
                continue
            if self.unhurried:
                yield None
            while row is self.rows[-1] and self.waits():
                time.sleep(0.01)
                yield None
            yield from self.between.get(row[0], ())
            if self.ticks is not None:
                yield from self.ticks(row)
            yield CandleClosed(*row)


def play(
    settings: Settings, store: PlaybackStore, url: str, options: Options | None = None
) -> Session:
    """One session from start to the end of the recording."""
    with Ledger(url, patience=settings.live.database_retry_seconds) as ledger:
        session = Session(settings, lambda: store, ledger, options)
        session.run()
    return session
