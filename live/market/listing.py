"""The exchange's own word on a market: whether it is still traded, under which id, and by which
filters."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from stoptrail.config.market import Filters
from stoptrail.core.errors import ExchangeError
from stoptrail.exchange.markets import contract_size, filters_of
from stoptrail.live.market.reader import Reader
from stoptrail.live.market.sockets import reset


class Listing:
    """The exchange's own word on `symbol`; `relisted` is called where a market that was not
    listed is so again, or is under another id."""

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
        self._sizes: tuple[Filters, float | None] | None = None
        """Filters and size of a contract, as they were last told."""
        self._looked = time.monotonic()

    async def look(self, every: float) -> None:
        """Compare the filters of a market in which trades come, where that was done more than
        `every` seconds ago. It is traded, whatever it is called."""
        if time.monotonic() - self._looked > every:
            await self.trouble("")

    async def trouble(self, before: str) -> str:
        """What is wrong with the market, in words; empty where it is traded. `before`, what
        was known, stands where the exchange does not answer. Other filters than before are said."""
        self._looked = time.monotonic()
        try:
            # Not load_markets: it would take a market that is gone from under its streams.
            markets = await self._reader.read("market list", self._exchange.fetch_markets)
        except ExchangeError:
            return before
        market = next((each for each in markets if each["symbol"] == self._symbol), None)
        found = trouble_of(self._exchange.id, self._symbol, market)
        if market is not None and not found:
            self._compare(market)
            self._follow(market)
        return found

    def _compare(self, market: dict[str, Any]) -> None:
        """Say where filters or the size of a contract are others than when this was last asked, or
        the market list was read. They are taken between two lives of a session, not within one:
        what it holds and has ordered was rounded by those that it began with."""
        known = (self._exchange.markets or {}).get(self._symbol) or market
        before = self._sizes or (filters_of(self._exchange, known), contract_size(known))
        now = self._sizes = filters_of(self._exchange, market), contract_size(market)
        words = before[0].changes(now[0])
        if None not in (before[1], now[1]) and before[1] != now[1]:
            words += f"{', ' * bool(words)}a contract of {now[1]:.10g} (was {before[1]:.10g})"
        if words:
            text = f"{self._exchange.id} tells others of {self._symbol} than before: {words}"
            text += "; the session goes on with those it began with"
            self._reader.warning_log.say("filters", text, again=True)

    def _follow(self, market: dict[str, Any]) -> None:
        """Ask for the market by the id that it has now: by the one before nothing comes."""
        known = (self._exchange.markets or {}).get(self._symbol) or market
        before, now = known["id"], market["id"]
        if before == now:
            return
        known.update((key, value) for key, value in market.items() if value is not None)
        self._exchange.markets_by_id.setdefault(now, []).append(known)
        text = f"{self._exchange.id} lists {self._symbol} as {now}, no longer as {before}"
        self._reader.warning_log.say("id", f"{text}: its data is asked for anew", again=True)
        self._relisted()
        reset(self._exchange, "the market has another id")

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
