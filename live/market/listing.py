"""Whether a market is still traded: what a quiet one is asked for."""

from __future__ import annotations

from typing import Any

from stoptrail.core.errors import ExchangeError
from stoptrail.live.market.reader import Reader


class Listing:
    """The exchange's own word on `symbol`."""

    def __init__(self, exchange: Any, reader: Reader, symbol: str) -> None:
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
        if market is None:
            return f"{self._exchange.id} lists {self._symbol} no more (delisted?)"
        if market.get("active") is False:
            return f"{self._symbol} is halted or inactive on {self._exchange.id}"
        return ""
