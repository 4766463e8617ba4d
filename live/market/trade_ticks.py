"""Trades and quotes of one market, from sockets or polls, as ticks."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any

from stoptrail.core.errors import ExchangeError
from stoptrail.exchange.errors import RequestError
from stoptrail.live.market.events import Event
from stoptrail.live.market.ordering import Sequence
from stoptrail.live.market.outbox import Outbox
from stoptrail.live.market.reader import Reader
from stoptrail.live.market.sockets import Silence
from stoptrail.live.market.warnings import WarningLog
from stoptrail.rules.quotes import Quote, trade_quote

Trade = dict[str, Any]

CACHE = 10_000
"""Trades that ccxt keeps for us (`tradesLimit`); of more that come at once it drops the oldest
in silence."""


class TradeTicks:
    """Hears trades and quotes of `symbol`; `tell` gets what `sequence` lets out of them."""

    def __init__(
        self,
        exchange: Any,
        reader: Reader,
        sequence: Sequence,
        symbol: str,
        silence: Silence,
        outbox: Outbox,
        warning_log: WarningLog,
        tell: Callable[[list[Event]], None],
    ) -> None:
        self.quote: Quote | None = None
        self._exchange = exchange
        self._reader = reader
        self._sequence = sequence
        self._symbol = symbol
        self._silence = silence
        self._outbox = outbox
        self._warning_log = warning_log
        self._tell = tell
        self._most: float = exchange.options.get("tradesLimit") or math.inf
        self._last_poll = 0
        self._reads = bool(exchange.has.get("fetchTrades"))

    async def watch(self) -> None:
        """The next trades of the socket."""
        trades = list(await self._exchange.watch_trades(self._symbol))
        # ccxt would go on keeping `tradesLimit` of them, a kilobyte each.
        if kept := getattr(self._exchange, "trades", {}).get(self._symbol):
            kept.clear()
        if len(trades) >= self._most:
            await self._overflowed(trades)
        self.heard(trades)

    async def watch_quotes(self) -> None:
        """The next quote of the socket."""
        quotes = await self._exchange.watch_bids_asks([self._symbol])
        # Of messages that were handled together the first is told, the last is kept.
        kept = getattr(self._exchange, "bidsasks", None) or {}
        quote = kept.get(self._symbol) or quotes.get(self._symbol) or {}
        bid, ask = quote.get("bid"), quote.get("ask")
        if bid and ask and 0 < bid <= ask:
            at = quote.get("timestamp")
            self.quote = Quote(
                float(bid),
                float(ask),
                int(at) if at else None,
                time.monotonic(),
                self._outbox.waited,
            )

    async def poll(self, seconds: float) -> None:
        """Read the newest trades, where the exchange gives any without a key; candles are not to
        wait for them for longer than `seconds`."""
        if not self._reads:
            return
        self._sequence.overlaps = True
        try:
            async with asyncio.timeout(seconds):
                trades = await self._reader.trades(self._symbol, patient=True)
        except TimeoutError:
            return
        except RequestError as error:
            self._reads = self._last_poll > 0  # what it gave before it may give again
            if self._reads:
                return
            self._warning_log.say(
                "no trades", f"{error}: trades are left out, stops move at the close of candles"
            )
            return
        self.heard([trade for trade in trades if trade["timestamp"] >= self._last_poll])
        self._last_poll = max([self._last_poll, *(int(t["timestamp"]) for t in trades)])

    def heard(self, trades: list[Trade]) -> None:
        """Make ticks of `trades`, oldest first."""
        self._silence.trade_at = time.monotonic()
        newest = max([self._sequence.last_trade, *(int(t.get("timestamp") or 0) for t in trades)])
        for trade in trades:
            at, price = trade.get("timestamp"), trade.get("price")
            if not at or not price or not 0 < price < math.inf:
                self._warning_log.say(
                    "malformed message", f"a trade makes no sense and is left out: {trade}"
                )
                continue
            number = str(trade.get("id") or "")
            quote = trade_quote(
                self.quote,
                int(at),
                newest,
                float(price),
                self._silence.trade_at,
                self._outbox.waited,
            )
            self._tell(self._sequence.tick(int(at), float(price), quote, number))

    async def _overflowed(self, trades: list[Trade]) -> None:
        """More came at once than ccxt keeps: read those before `trades` from the record."""
        since = self._sequence.last_trade
        first = min(int(trade.get("timestamp") or 0) for trade in trades)
        found = await self._older(since, first) if self._reads else None
        text = "the lost ones were read from the exchange's record"
        if found is None:
            text = "what was lost is settled by the closed candle"
        self._warning_log.say(
            "burst", f"{len(trades)} trades or more came at once, and ccxt keeps no more: {text}"
        )
        self._sequence.overlaps = True  # those at the seam are told a second time
        self.heard(found or [])

    def _page(self) -> int:
        """Trades that one request may ask for."""
        try:
            limit = self._exchange.feature_value(self._symbol, "fetchTrades", "limit")
        except (KeyError, TypeError, AttributeError):
            limit = None
        return int(limit or 100)

    async def _older(self, since: int, until: int) -> list[Trade] | None:
        """Trades in [since, until], ms; None where the record does not reach back to `since`,
        or does not answer soon."""
        try:
            async with asyncio.timeout(self._reader.deadline):
                found = await self._reader.trades(self._symbol, most=self._page())
        except (ExchangeError, TimeoutError):
            return None
        if not found or int(found[0]["timestamp"]) > since:
            return None
        return [trade for trade in found if since <= int(trade["timestamp"]) <= until]
