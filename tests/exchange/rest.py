"""Binance's spot REST routes over a recorded market."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tests.exchange import messages
from tests.exchange.market import RecordedMarket, Trade
from tests.exchange.trouble import RestTrouble, WarningLog

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Rest:
    """Handlers of the public routes.

    `now` tells market time, `server_time` what the exchange's clock shows, and `polled`
    hears of every answer with klines.
    """

    prefix = ""
    """Before the paths that scripted trouble knows."""

    def __init__(
        self,
        market: RecordedMarket,
        warning_log: WarningLog,
        now: Callable[[], int],
        server_time: Callable[[], int],
        polled: Callable[[int | None], None],
    ) -> None:
        self._market = market
        self._warning_log = warning_log
        self._now = now
        self._server_time = server_time
        self._polled = polled

    def routes(self) -> list[web.RouteDef]:
        """Routes of the spot market, and empty answers for what ccxt asks besides."""
        api = "/api/v3/"
        return [
            web.get(api + "ping", self._ping),
            web.get(api + "time", self._time),
            web.get(api + "exchangeInfo", self._exchange_info),
            web.get(api + "klines", self._klines),
            web.get(api + "trades", self._trades),
            web.get(api + "historicalTrades", self._trades),
            web.get(api + "aggTrades", self._aggregate_trades),
            web.get(api + "ticker/bookTicker", self._quote),
            web.get(api + "ticker/price", self._price),
            web.get("/fapi/v1/exchangeInfo", self._no_markets),
            web.get("/dapi/v1/exchangeInfo", self._no_markets),
            web.get("/eapi/v1/exchangeInfo", self._no_markets),
            web.get("/sapi/v1/{tail:.*}", self._nothing),
        ]

    @web.middleware
    async def trouble(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer with the scripted trouble, if any is on."""
        if request.headers.get("Upgrade"):
            return await handler(request)
        trouble = self._warning_log.answer(self.prefix + request.path)
        if trouble is not None:
            return await _refuse(trouble)
        return await handler(request)

    async def _ping(self, request: web.Request) -> web.Response:
        return web.json_response({})

    async def _time(self, request: web.Request) -> web.Response:
        return web.json_response({"serverTime": self._server_time()})

    async def _exchange_info(self, request: web.Request) -> web.Response:
        return web.json_response(messages.exchange_info(self._market, self._server_time()))

    async def _no_markets(self, request: web.Request) -> web.Response:
        return web.json_response({"timezone": "UTC", "symbols": [], "optionSymbols": []})

    async def _nothing(self, request: web.Request) -> web.Response:
        return web.json_response([])

    async def _klines(self, request: web.Request) -> web.Response:
        wrong = self._wrong_symbol(request)
        if wrong is not None:
            return wrong
        length = messages.INTERVALS.get(request.query.get("interval", ""))
        if length is None:
            return _error(400, -1120, "Invalid interval.")
        klines = self._market.klines(
            length,
            _integer(request, "startTime"),
            _integer(request, "endTime"),
            _limit(request, 500),
            self._now(),
        )
        self._polled(_integer(request, "startTime"))
        return web.json_response([messages.kline_row(kline, length) for kline in klines])

    async def _trades(self, request: web.Request) -> web.Response:
        rows = [messages.trade_row(trade) for trade in self._newest(_limit(request, 500))]
        return self._wrong_symbol(request) or web.json_response(rows)

    async def _aggregate_trades(self, request: web.Request) -> web.Response:
        wrong = self._wrong_symbol(request)
        if wrong is not None:
            return wrong
        start, end = _integer(request, "startTime"), _integer(request, "endTime")
        limit = _limit(request, 500)
        if start is None:
            found = self._newest(limit)
        else:
            found = self._tape(start, self._now() if end is None else end, limit)
        return web.json_response([messages.aggregate_row(trade) for trade in found])

    async def _quote(self, request: web.Request) -> web.Response:
        price, number = self._last()
        tick = float(self._market.filters.tick)
        body = messages.quote(self._market.id, price, tick, number)
        return self._wrong_symbol(request) or web.json_response(body)

    async def _price(self, request: web.Request) -> web.Response:
        body = {"symbol": self._market.id, "price": messages.decimal(self._last()[0])}
        return self._wrong_symbol(request) or web.json_response(body)

    def _wrong_symbol(self, request: web.Request) -> web.Response | None:
        if request.query.get("symbol") == self._market.id:
            return None
        return _error(400, -1121, "Invalid symbol.")

    def _last(self) -> tuple[float, int]:
        """Last price and number of the newest trade at this moment."""
        newest = self._newest(1)
        if newest:
            return newest[0].price, newest[0].number
        at = max(0, self._market.last_before(self._now()))
        return self._market.kline(at, self._now()).close, 0

    def _newest(self, limit: int) -> list[Trade]:
        """The newest `limit` trades, oldest first."""
        now = self._now()
        found: list[Trade] = []
        at = self._market.last_before(now)
        while at >= 0 and len(found) < limit:
            found[:0] = [trade for trade in self._market.trades(at) if trade.time <= now]
            at -= 1
        return found[-limit:]

    def _tape(self, start: int, end: int, limit: int) -> list[Trade]:
        """The first `limit` trades in [start, end] that have happened."""
        last = min(end, self._now())
        at = max(0, self._market.last_before(start))
        found: list[Trade] = []
        while at < len(self._market) and self._market.times[at] <= last and len(found) < limit:
            found += [trade for trade in self._market.trades(at) if start <= trade.time <= last]
            at += 1
        return found[:limit]


async def _refuse(trouble: RestTrouble) -> web.Response:
    if trouble.hang:
        await asyncio.sleep(trouble.hang)
    headers = {} if trouble.retry_after is None else {"Retry-After": str(trouble.retry_after)}
    kind = "text/html" if trouble.body.startswith("<") else "application/json"
    return web.Response(
        status=trouble.status, text=trouble.body, headers=headers, content_type=kind
    )


def _error(status: int, code: int, text: str) -> web.Response:
    body: dict[str, Any] = {"code": code, "msg": text}
    return web.json_response(body, status=status)


def _integer(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    return None if text is None else int(text)


def _limit(request: web.Request, default: int) -> int:
    """The number of rows asked for, at most Binance's 1000."""
    asked = _integer(request, "limit")
    return default if asked is None else min(max(asked, 1), 1000)
