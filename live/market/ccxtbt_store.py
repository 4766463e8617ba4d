"""The installed ccxtbt package's CCXTStore as the source of market data, guarded.

Guarded are: candles that are not finished yet, candles left out in silence (both by the
same reading of the exchange's record as in the built-in store), its retries, which would
go on during a ban and could repeat an order, and its being one object for all
configurations. It has no sockets: data is polled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal, NoReturn

from stoptrail.core.errors import ConfigError
from stoptrail.exchange.client import corrected, public_only
from stoptrail.live.market.store import CCXTStore
from stoptrail.live.market.stream import Transport
from stoptrail.live.market.timing import Timing

_READS = ("fetch_", "load_")
_ORDERS = ("create", "cancel", "edit", "private", "transfer", "withdraw")
"""How names in ccxt begin: what asks an exchange, and what would change an account."""


class CcxtbtStore(CCXTStore):
    """A CCXTStore that reads through ccxtbt's; ConfigError where it is not installed."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        _package()
        super().__init__(*arguments, transport="rest", **options)

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
        corrected(made.exchange)
        return CcxtbtSource(made)


class CcxtbtSource:
    """A ccxtbt store as ccxt's asynchronous classes are, for reads alone; see reader.Source.

    Candles and trades are read through ccxtbt's own methods, everything else through the
    synchronous ccxt exchange that it holds; each read has a thread of its own.
    """

    def __init__(self, theirs: Any) -> None:
        self._theirs = theirs
        self._ccxt = theirs.exchange
        self.session = None
        self.timeout_on_exit = 0
        self.clients: dict[str, Any] = {}
        """No sockets: ccxt's synchronous classes have none."""
        self.has: dict[str, Any] = self._ccxt.has
        self.has.update((name, False) for name in self.has if name.startswith("watch"))
        for name in ("create_order", "cancel_order", "private_end_point"):
            setattr(theirs, name, _refuse)

    def __getattr__(self, name: str) -> Any:
        """What ccxt's exchange has under that name, a read made awaitable; orders are refused."""
        if name.startswith(_ORDERS):
            return _refuse
        found = getattr(self._ccxt, name)
        return partial(asyncio.to_thread, found) if name.startswith(_READS) else found

    @property
    def on_rest_response(self) -> Any:
        """ccxt's hook for HTTP answers."""
        return self._ccxt.on_rest_response

    @on_rest_response.setter
    def on_rest_response(self, hook: Any) -> None:
        self._ccxt.on_rest_response = hook

    async def fetch_ohlcv(
        self,
        symbol: str,
        timeframe: str,
        since: int | None,
        limit: int | None,
        *params: dict[str, Any],
    ) -> Any:
        """Candles from `since`, oldest first; the newest may be unfinished. Versions of ccxtbt
        differ in taking `params`."""
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
            '[live] store = "ccxtbt" needs the package bt-ccxt-store: '
            "pip install git+https://github.com/Dave-Vallance/bt-ccxt-store, "
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
    given = exchange, currency, config, retries
    if kind == "native":
        return CCXTStore(*given, transport=transport, timing=timing, market_type=market_type)
    return CcxtbtStore(*given, timing=timing, market_type=market_type)
