"""Whom a session deals with: where its market data comes from, and who watches it."""

from __future__ import annotations

from typing import Any, Protocol

from stoptrail.config.market import Maintenance
from stoptrail.core.time import Spans
from stoptrail.exchange.rows import Row
from stoptrail.live.market.events import Event
from stoptrail.live.market.funding_poller import Forecast
from stoptrail.live.market.long_waits import LongWaits
from stoptrail.live.watch.messages import Message
from stoptrail.live.watch.watched import Watched
from stoptrail.rules.funding import FundingRow


class MarketStore(Protocol):
    """What a session needs of live.market.store.CCXTStore."""

    def market(self, symbol: str) -> Any:
        """Order filters."""

    def held_market(self, symbol: str) -> Any:
        """The same of a market that a session has, halted or not; None where it is gone."""

    def maintenance(self, symbol: str) -> Maintenance | None:
        """Tiers of a swap's maintenance margin, where they are shown."""

    def clock_offset(self) -> int | None:
        """Milliseconds by which the exchange's clock is ahead of ours."""

    def fetch_candles(
        self, symbol: str, interval: int, since: int, until: int | None = None
    ) -> list[Row]:
        """Closed candles."""

    def getdata(self, **parameters: Any) -> Any:
        """A live feed; its `behind` says whether events wait that have come already."""

    def fetch_funding(self, symbol: str, since: int) -> list[FundingRow]:
        """Rows of a swap's funding."""

    def priced(self, symbol: str, interval: int, rows: list[FundingRow]) -> list[FundingRow]:
        """`rows` of a swap's funding with the mark prices of their times, where these are told."""

    @property
    def tells_marks(self) -> bool:
        """Whether the exchange serves mark candles."""

    @property
    def forecast(self) -> Forecast | None:
        """The funding that the exchange expects."""

    @property
    def unserved(self) -> Spans:
        """Spans of the last reading of candles in which the exchange gave none."""

    @property
    def long_waits(self) -> LongWaits:
        """Hears of reads that take long."""

    def give_up(self) -> None:
        """Let no read be waited for any longer: it raises GivenUpError."""

    def close(self) -> None:
        """Leave nothing open."""

    @property
    def connection(self) -> Any:
        """Whether the market data can be relied on."""


class OneOfSeveral(MarketStore, Protocol):
    """The same for one market of a book, whose events come with those of the others."""

    def start_stream(
        self,
        symbol: str,
        interval: int,
        after: int,
        ticks: bool = True,
        funding: int | None = None,
    ) -> Any:
        """Let events come, from the candle after the one that opens at `after`; with `funding`
        the rows of a swap's funding after that time (ms) too."""

    def check(self) -> None:
        """Raise what ended the stream, if anything did (ExchangeError)."""


class BookStore(Protocol):
    """What the session of a book needs of live.market.shared.SharedStore."""

    over: bool
    """Whether nothing more comes at all."""

    def of(self, symbol: str) -> OneOfSeveral:
        """The store of one market, on the connection that all share."""

    def get(self, timeout: float) -> tuple[str, Event] | None:
        """The next event and its market, or None where none comes within `timeout` seconds."""

    def clock_offset(self) -> int | None:
        """Milliseconds by which the exchange's clock is ahead of ours."""

    @property
    def long_waits(self) -> LongWaits:
        """Hears of reads that take long."""

    def give_up(self) -> None:
        """Let no read be waited for any longer: it raises GivenUpError."""

    def close(self) -> None:
        """Leave nothing open."""


class Watcher(Protocol):
    """Somebody who shows or passes on what a session does; must not block or raise."""

    def happened(self, message: Message) -> None:
        """Something that a person may want to know."""

    def turned(self, session: Watched) -> None:
        """The session is alive; called often."""
