"""The exchange as a Backtrader store: settings in, candles, filters and streams out.

The public interface follows ccxtbt's CCXTStore. It reads public market data only.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from stoptrail.core.errors import ExchangeError
from stoptrail.core.time import timeframe_name
from stoptrail.live.market.background import close_exchange
from stoptrail.live.market.events import Connection
from stoptrail.live.market.funding_poller import Forecast, FundingPoller
from stoptrail.live.market.listing import Listing
from stoptrail.live.market.ordering import Sequence
from stoptrail.live.market.outbox import Outbox
from stoptrail.live.market.rest_store import RestStore
from stoptrail.live.market.stream import Stream, Transport

if TYPE_CHECKING:
    from concurrent.futures import Future

    from stoptrail.live.market.feed import CCXTFeed


class CCXTStore(RestStore):
    """Market data of one exchange through ccxt.

    `exchange` is ccxt's id, `currency` the quote currency, `config` what ccxt's constructor
    takes (credentials in it are not used), `retries` the repetitions of a failed read
    before ExchangeError. Nothing is connected before the first read. Close it when done,
    or use `with`.
    """

    def __init__(self, *arguments: Any, transport: Transport = "auto", **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._transport: Transport = transport
        self._stream: Stream | None = None
        self._running: Future[None] | None = None
        self._poller: FundingPoller | None = None
        self._is_guest = False
        """Whether the connection is another store's."""

    def __repr__(self) -> str:
        return f"CCXTStore({self.id!r}, {self.currency!r}, {self.connection.state})"

    def __enter__(self) -> CCXTStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def getdata(self, **parameters: Any) -> CCXTFeed:
        """A live Backtrader feed of this store; see CCXTFeed for the parameters."""
        from stoptrail.live.market.feed import CCXTFeed

        return CCXTFeed(store=self, **parameters)

    @property
    def connection(self) -> Connection:
        """Whether the market data can be relied on at this moment."""
        if self._stream is not None:
            return self._stream.look()
        if self._outbox.closed:
            return Connection.now("closed")
        return Connection.now("connecting", "no stream has been started")

    @property
    def forecast(self) -> Forecast | None:
        """The funding that the exchange expects, as it last said."""
        return self._poller.forecast if self._poller is not None else None

    def start_stream(
        self,
        symbol: str,
        interval: int,
        after: int,
        ticks: bool = True,
        funding: int | None = None,
        marks: bool = False,
    ) -> Outbox:
        """Live events of one market, from the candle after the one that opens at `after`; with
        `funding` the rows of a swap's funding after that time (ms) too, with `marks` the mark
        prices of each candle, and of funding.

        What has closed since `after` comes first. One stream a store; where it has ended another
        may follow.
        """
        if self._stream is not None and not (self._running and self._running.done()):
            raise RuntimeError("this store streams already: one market a store")
        name = timeframe_name(interval)
        reader = self._open(symbol)[1] if self._unlisted else self._reading(symbol, name)
        sequence = Sequence(interval, after, self.warning_log)
        by = self._mark_reader(symbol, interval) if marks else None
        if funding is not None:
            self._poller = FundingPoller(
                self._exchange,
                reader,
                symbol,
                funding,
                lambda: max(self._clock(), sequence.newest),
                self.timing,
                self._outbox.put_all,
                self.warning_log,
                by,
            )
        self._stream = Stream(
            exchange=self._exchange,
            reader=reader,
            sequence=sequence,
            symbol=symbol,
            timeframe=name,
            transport=self._transport,
            ticks=ticks,
            timing=self.timing,
            warning_log=self.warning_log,
            outbox=self._outbox,
            funding=self._poller,
            marks=by,
            listing=Listing(
                self._exchange, reader, symbol, lambda: self._listed_again(symbol, name)
            ),
            halted=self.trouble,
        )
        self._running = self._background_or_new().start(self._stream.run())
        return self._outbox

    def _listed_again(self, symbol: str, timeframe: str) -> None:
        self._unlisted = False
        self._reading(symbol, timeframe)

    @property
    def outbox(self) -> Outbox:
        """Where the events of its market come."""
        return self._outbox

    def beside(self, outbox: Outbox, market_type: str = "auto") -> Self:
        """The store of another market on the same connection: thread, sockets and the pace of
        requests are shared. Its events go into `outbox`; closing it ends its own stream alone."""
        other = super().beside(outbox, market_type)
        other._stream = other._running = other._poller = None
        other._is_guest = True
        return other

    def check(self) -> None:
        """Raise what ended the stream, if anything did (ExchangeError)."""
        if self._background is not None:
            self._background.check()
        if self._running is not None and self._running.done() and not self._running.cancelled():
            error = self._running.exception()
            if isinstance(error, ExchangeError):
                raise error
            if error is not None:
                text = self.warning_log.redaction.clean(error)
                raise ExchangeError(f"market data of {self.id} ended: {text}") from None

    def close(self) -> None:
        """End stream, sockets and thread; returns within a few seconds. Again is harmless."""
        self._outbox.close()
        background, self._background = self._background, None
        if self._running is not None:
            self._running.cancel()
        if background is None or self._is_guest:
            return
        if self._exchange is not None:
            with suppress(ExchangeError):  # of a thread that stands still
                background.run(close_exchange(self._exchange), whatever=True)
        background.stop()
