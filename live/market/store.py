"""The exchange as a Backtrader store: settings in, candles, filters and streams out.

The public interface follows ccxtbt's CCXTStore. It reads public market data only.
"""

from __future__ import annotations

import time
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from stoptrail.config.market import Filters
from stoptrail.core.errors import ConfigError, ExchangeError
from stoptrail.core.time import timeframe_name
from stoptrail.exchange.credentials import public_only
from stoptrail.live.market.background import Background, GivenUpError
from stoptrail.live.market.connection import Connection, connection
from stoptrail.live.market.ordering import Sequence
from stoptrail.live.market.outbox import Outbox
from stoptrail.live.market.reader import PAGE, Reader, Row
from stoptrail.live.market.redaction import Redaction
from stoptrail.live.market.sockets import guard
from stoptrail.live.market.stream import Stream, Transport
from stoptrail.live.market.timing import Timing
from stoptrail.live.market.warnings import Troubles

if TYPE_CHECKING:
    from concurrent.futures import Future

    from stoptrail.live.market.feed import CCXTFeed

T = TypeVar("T")

_PRESENT = 6
"""A page of fewer candles, and than one before, has come up to the present: to go on would
be to run after a market that is played fast, candle by candle."""


class CCXTStore:
    """Market data of one exchange through ccxt.

    `exchange` is ccxt's id, `currency` the quote currency, `config` what ccxt's constructor
    takes (credentials in it are not used), `retries` the repetitions of a failed read
    before ExchangeError. Nothing is connected before the first read. Close it when done,
    or use `with`.
    """

    def __init__(
        self,
        exchange: str,
        currency: str,
        config: Mapping[str, Any],
        retries: int,
        debug: bool = False,
        sandbox: bool = False,
        *,
        transport: Transport = "auto",
        timing: Timing | None = None,
    ) -> None:
        self.id = exchange
        self.currency = currency
        self.retries = retries
        self.debug = debug
        self.timing = timing or Timing()
        self._config = dict(config)
        self._sandbox = sandbox
        self._transport: Transport = transport
        self.troubles = Troubles(Redaction(config))
        """What went wrong so far, each kind with its count."""
        self._background: Background | None = None
        self._given_up = False
        self._exchange: Any = None
        self._reader: Reader | None = None
        self._stream: Stream | None = None
        self._running: Future[None] | None = None
        self._outbox = Outbox()

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
            return connection("closed")
        return connection("connecting", "no stream has been started")

    def market(self, symbol: str) -> Filters:
        """Tick, lot, least quantity and least notional from the exchange's filters."""
        market = self._market(symbol)
        precision, limits = market.get("precision") or {}, market.get("limits") or {}
        return Filters(
            self._step(precision.get("price")),
            self._step(precision.get("amount")),
            _number((limits.get("amount") or {}).get("min")),
            _number((limits.get("cost") or {}).get("min")),
        )

    def clock_offset(self) -> int | None:
        """Milliseconds by which the exchange's clock is ahead of ours; None if unknown.

        Only said, never used: decisions follow the exchange's event times.
        """
        exchange, reader = self._open()
        if not exchange.has.get("fetchTime"):
            return None
        sent = time.time()
        theirs = self._run(reader.read("its time", exchange.fetch_time))
        offset = int(theirs - (sent + time.time()) * 500)
        if abs(offset) > 5000:
            self.troubles.say(
                "clock",
                f"the clocks of {self.id} and this machine differ by {offset / 1000:.0f} s: "
                "harmless, decisions follow the exchange's event times",
            )
        return offset

    def fetch_ohlcv(self, symbol: str, timeframe: str, since: int, limit: int = PAGE) -> list[Row]:
        """One page of candles from `since` (milliseconds), the newest maybe unfinished."""
        _, reader = self._open()
        self._market(symbol)
        return self._run(reader.candles(symbol, timeframe, since, limit))

    def fetch_trades(self, symbol: str) -> list[dict[str, Any]]:
        """The newest public trades, as ccxt describes them, oldest first."""
        _, reader = self._open()
        self._market(symbol)
        return self._run(reader.trades(symbol))

    def fetch_candles(
        self, symbol: str, interval: int, since: int, until: int | None = None
    ) -> list[Row]:
        """Closed candles that open in [since, until), ascending, page by page.

        `interval`, `since` and `until` in milliseconds; None is up to now. A candle counts
        as closed where the exchange has a later one. Raises ExchangeError.
        """
        found: list[Row] = []
        start, longest = since, 0
        while until is None or start < until:
            page = self.fetch_ohlcv(symbol, timeframe_name(interval), start)
            found += [row for row in page[:-1] if until is None or row[0] < until]
            short = len(page) < min(longest, _PRESENT)
            if len(page) < 2 or short or (until is not None and page[-1][0] >= until):
                break
            longest = max(longest, len(page))
            start = page[-1][0]
        return found

    def start_stream(self, symbol: str, interval: int, after: int, ticks: bool = True) -> Outbox:
        """Live events of one market, from the candle after the one that opens at `after`.

        What has closed since `after` comes first. One stream a store.
        """
        if self._stream is not None:
            raise RuntimeError("this store streams already: one market a store")
        exchange, reader = self._open()
        self._market(symbol)
        self._stream = Stream(
            exchange,
            reader,
            Sequence(interval, after, self.troubles),
            symbol,
            timeframe_name(interval),
            self._transport,
            ticks,
            self.timing,
            self.troubles,
            self._outbox,
        )
        self._running = self._background_or_new().start(self._stream.run())
        return self._outbox

    def check(self) -> None:
        """Raise what ended the stream, if anything did (ExchangeError)."""
        if self._running is not None and self._running.done() and not self._running.cancelled():
            error = self._running.exception()
            if isinstance(error, ExchangeError):
                raise error
            if error is not None:
                text = self.troubles.redaction.clean(error)
                raise ExchangeError(f"market data of {self.id} ended: {text}") from None

    def give_up(self) -> None:
        """Let no read be waited for any longer: it raises GivenUpError. Safe in a signal
        handler."""
        self._given_up = True
        if self._background is not None:
            self._background.give_up()

    def close(self) -> None:
        """End stream, sockets and thread; returns within a few seconds. Again is harmless."""
        self._outbox.close()
        background, self._background = self._background, None
        if background is None:
            return
        if self._running is not None:
            self._running.cancel()
        if self._exchange is not None:
            from stoptrail.live.market.background import close_exchange

            background.run(close_exchange(self._exchange), whatever=True)
        background.stop()

    def _open(self) -> tuple[Any, Reader]:
        """The ccxt exchange and its reader, made at the first need (ccxt imports slowly)."""
        if self._reader is None:
            if self._exchange is None:
                self._exchange = self._background_or_new().run(self._connect())
            reader = Reader(self._exchange, self.retries, self.timing, self.troubles)
            _listen(self._exchange, reader)
            self._run(reader.read("its markets", self._exchange.load_markets))
            self._reader = reader
        return self._exchange, self._reader

    async def _connect(self) -> Any:
        import ccxt.pro

        if self.id not in ccxt.pro.exchanges and self.id not in ccxt.async_support.exchanges:
            raise ConfigError(f"[exchange] id {self.id!r} is not known to ccxt")
        module = ccxt.pro if self.id in ccxt.pro.exchanges else ccxt.async_support
        try:
            exchange = getattr(module, self.id)(public_only(self._config))
        except Exception as error:
            text = self.troubles.redaction.clean(error)
            raise ConfigError(f"[exchange.ccxt] is not accepted by ccxt: {text}") from None
        exchange.timeout = int(self.timing.timeout * 1000)
        exchange.newUpdates = True  # else every trade would be told again and again
        if self._sandbox:
            exchange.set_sandbox_mode(True)
        guard(exchange, self._background_or_new().loop, self.troubles)
        return exchange

    def _background_or_new(self) -> Background:
        if self._outbox.closed:
            raise RuntimeError("the store is closed")
        if self._given_up:
            raise GivenUpError
        if self._background is None:
            self._background = Background()
        return self._background

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            background = self._background_or_new()
        except (RuntimeError, GivenUpError):
            work.close()
            raise
        return background.run(work)

    def _market(self, symbol: str) -> dict[str, Any]:
        exchange, _ = self._open()
        if symbol not in exchange.markets:
            raise ConfigError(f"{self.id} has no market {symbol}: check [data] symbol")
        return dict(exchange.markets[symbol])

    def _step(self, precision: Any) -> float | None:
        """A price or quantity step from ccxt's precision, which may count digits; None
        where it counts significant ones: then the step depends on the price."""
        value = _number(precision)
        decimal_places, significant_digits = 2, 3  # ccxt.DECIMAL_PLACES and SIGNIFICANT_DIGITS
        if self._exchange.precisionMode == significant_digits:
            return None
        if value is not None and self._exchange.precisionMode == decimal_places:
            return float(f"1e{-int(value)}")
        return value


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _listen(exchange: Any, reader: Reader) -> None:
    """Let `reader` see status and headers of every HTTP answer."""
    original = exchange.on_rest_response

    def heard(
        status: int, reason: str, url: str, method: str, headers: Any, body: str, *rest: Any
    ) -> Any:
        reader.answered(status, dict(headers), body)
        return original(status, reason, url, method, headers, body, *rest)

    exchange.on_rest_response = heard
