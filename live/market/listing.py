"""Whether a market is still traded: what a quiet one is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from stoptrail.core.errors import ExchangeError
from stoptrail.live.market.reader import Reader


class Listing:
    """The exchange's own word on `symbol`; `relisted` is called where a market that was not
    listed is so again."""

    def __init__(
        self,
        exchange: Any,
        reader: Reader,
        symbol: str,
        relisted: Callable[[], None] = lambda: None,
    ) -> None:
        self._relisted = relisted
        self._exchange = exchange
        self._reader = reader
        self._symbol = symbol

    async def trouble(self, before: str) -> str:
        """What is wrong with the market, in words; empty where it is traded. `before`, what
        was known, stands where the exchange does not answer."""
        try:
            # Not load_markets: it would take a market that is gone from under its streams.
            markets = await self._reader.read("market list", self._exchange.fetch_markets)
        except ExchangeError:
            return before
        market = next((each for each in markets if each["symbol"] == self._symbol), None)
        return trouble_of(self._exchange.id, self._symbol, market)

    async def until_listed(self, pause: float) -> None:
        """Ask every `pause` seconds for a market that is not listed: until it is, it can be
        neither watched nor read."""
        while self._symbol not in (self._exchange.markets or {}):
            await asyncio.sleep(pause)
            again = partial(self._exchange.load_markets, True)
            await self._reader.read("market list", again, patient=True)
        self._relisted()


def trouble_of(exchange_id: str, symbol: str, market: dict[str, Any] | None) -> str:
    """What is wrong with ccxt's `market`, None where it is not listed; empty where it is traded."""
    if market is None:
        return f"{exchange_id} lists {symbol} no more (delisted?)"
    if market.get("active") is False:
        return f"{symbol} is halted or inactive on {exchange_id}"
    return ""
