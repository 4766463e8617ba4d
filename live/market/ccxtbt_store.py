"""The installed ccxtbt package's CCXTStore as the source of market data, guarded.

Guarded are: candles that are not finished yet, candles left out in silence (both by the
same reading of the exchange's record as in the built-in store), its retries, which would
go on during a ban and could repeat an order, and its being one object for all
configurations. It has no sockets: data is polled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Literal, NoReturn

from stoptrail.core.errors import ConfigError
from stoptrail.exchange.client import public_only
from stoptrail.live.market.store import CCXTStore
from stoptrail.live.market.stream import Transport
from stoptrail.live.market.timing import Timing


class CcxtbtStore(CCXTStore):
    """A CCXTStore that reads through ccxtbt's; ConfigError where it is not installed."""

    def __init__(
        self,
        exchange: str,
        currency: str,
        config: Mapping[str, Any],
        retries: int,
        debug: bool = False,
        sandbox: bool = False,
        *,
        timing: Timing | None = None,
        market_type: str = "auto",
    ) -> None:
        _package()
        super().__init__(
            exchange,
            currency,
            config,
            retries,
            debug,
            sandbox,
            transport="rest",
            timing=timing,
            market_type=market_type,
        )

    async def _connect(self) -> Any:
        """A source over a fresh ccxtbt store, which must not print or retry by itself."""
        theirs = _package().CCXTStore
        theirs._singleton = None  # else the first configuration of the process stays for good
        try:
            made = await asyncio.to_thread(
                theirs, self.id, self.currency, public_only(self._config), 1, False, self._sandbox
            )
        except AttributeError:
            raise ConfigError(f"[exchange] id {self.id!r} is not known to ccxt") from None
        theirs._singleton = None
        made.exchange.verbose = False
        made.exchange.timeout = int(self.timing.timeout * 1000)
        return CcxtbtSource(made)


class CcxtbtSource:
    """The reads of a ccxtbt store, each in a thread of its own; see reader.Source."""

    def __init__(self, theirs: Any) -> None:
        self._theirs = theirs
        self._ccxt = theirs.exchange
        self.id: str = self._ccxt.id
        self.has = {
            name: self._ccxt.has.get(name) for name in ("fetchOHLCV", "fetchTrades", "fetchTime")
        }
        self.precisionMode: int = self._ccxt.precisionMode
        self.session = None
        self.timeout_on_exit = 0
        for name in ("create_order", "cancel_order", "private_end_point"):
            setattr(theirs, name, _refuse)

    @property
    def timeframes(self) -> Any:
        """ccxt's names of candle lengths."""
        return self._ccxt.timeframes

    @property
    def options(self) -> Any:
        """ccxt's options of the exchange."""
        return self._ccxt.options

    def feature_value(self, *arguments: Any) -> Any:
        """What ccxt knows of a method's limits."""
        return self._ccxt.feature_value(*arguments)

    @property
    def markets(self) -> Any:
        """ccxt's table of markets."""
        return self._ccxt.markets

    @property
    def on_rest_response(self) -> Any:
        """ccxt's hook for HTTP answers."""
        return self._ccxt.on_rest_response

    @on_rest_response.setter
    def on_rest_response(self, hook: Any) -> None:
        self._ccxt.on_rest_response = hook

    async def load_markets(self) -> Any:
        """Read the exchange's markets once."""
        return await asyncio.to_thread(self._ccxt.load_markets)

    async def fetch_time(self) -> Any:
        """The exchange's clock in milliseconds."""
        return await asyncio.to_thread(self._ccxt.fetch_time)

    async def fetch_ohlcv(
        self,
        symbol: str,
        timeframe: str,
        since: int | None,
        limit: int | None,
        *params: dict[str, Any],
    ) -> Any:
        """Candles from `since`, oldest first; the newest may be unfinished. ccxtbt's method takes
        no `params`."""
        read = self._ccxt.fetch_ohlcv if params else self._theirs.fetch_ohlcv
        return await asyncio.to_thread(read, symbol, timeframe, since, limit, *params)

    async def fetch_trades(
        self, symbol: str, since: int | None = None, limit: int | None = None
    ) -> Any:
        """The newest trades (ccxtbt's method takes neither `since` nor `limit`)."""
        return await asyncio.to_thread(self._theirs.fetch_trades, symbol)

    async def close(self) -> None:
        """Close the connections of ccxt's synchronous session."""
        if self._ccxt.session is not None:
            self._ccxt.session.close()


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise RuntimeError("paper trading sends nothing to the exchange")


def _package() -> Any:
    try:
        import ccxtbt
    except ImportError:
        raise ConfigError(
            '[live] store = "ccxtbt" needs the package bt-ccxt-store '
            "(https://github.com/Dave-Vallance/bt-ccxt-store): install it, "
            'or set store = "native"'
        ) from None
    return ccxtbt


def make_store(
    kind: Literal["native", "ccxtbt"],
    exchange: str,
    currency: str,
    config: Mapping[str, Any],
    retries: int,
    transport: Transport = "auto",
    timing: Timing | None = None,
    market_type: str = "auto",
) -> CCXTStore:
    """The store for `[live] store`; ConfigError where its package is not installed.

    ccxtbt has no sockets, so that `transport` counts for "native" only.
    """
    if kind == "native":
        return CCXTStore(
            exchange,
            currency,
            config,
            retries,
            transport=transport,
            timing=timing,
            market_type=market_type,
        )
    from stoptrail.live.market.ccxtbt_store import CcxtbtStore

    return CcxtbtStore(exchange, currency, config, retries, timing=timing, market_type=market_type)
