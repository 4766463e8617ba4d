"""Several markets on one simulated exchange: one port, sockets shared, each with its own clock."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from aiohttp import web

from stoptrail.rules.candles import Candles
from tests.exchange import messages
from tests.exchange.market import RecordedMarket
from tests.exchange.player import Pace, Player
from tests.exchange.rest import Rest
from tests.exchange.simulator import Simulator


class SeveralMarkets(Simulator):
    """Candles of each market before the open time `start` are history; then all go on."""

    def __init__(self, markets: Mapping[str, Candles], start: int, pace: Pace) -> None:
        first, *_ = markets
        super().__init__(markets[first], symbol=first, pace=pace)
        self._markets = {name: RecordedMarket(candles, name) for name, candles in markets.items()}
        self._begins = start
        self.players: dict[str, Player] = {}
        self.held: set[str] = set()
        """Markets of which nothing more is told for now."""

    def play(self, until: int | None = None) -> Future[None]:
        """Let all markets go on to their last candles; returns at once."""
        self._playing = asyncio.run_coroutine_threadsafe(self._all(), self._loop)
        return self._playing

    async def _all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for name in self.players:
                group.create_task(self._run(name))

    async def _run(self, name: str) -> None:
        """Never more than a candle ahead of the others, as time is one for all."""
        player, market = self.players[name], self._markets[name]
        while player.position < len(market) - 1:
            while name in self.held or self._ahead(name):
                await asyncio.sleep(0.002)
            await player.run(player.position + 1)

    def _ahead(self, name: str) -> bool:
        others = [
            player.market.times[player.position]
            for other, player in self.players.items()
            if other != name and other not in self.held and player.position < len(player.market) - 1
        ]
        mine = self.players[name].market.times[self.players[name].position]
        return bool(others) and mine > min(others)

    async def _serve(self) -> None:
        rests, greetings = {}, []
        for name, market in self._markets.items():
            at = next(k for k, time in enumerate(market.times) if time >= self._begins)
            player = Player(market, self.streams, self.warning_log, at, self._pace)
            greetings.append(player._greeting)
            self.players[name] = player
            rests[market.id] = Rest(
                market, self.warning_log, _now(player), _now(player), player.polled
            )
        self._player = next(iter(self.players.values()))
        self.streams.greeting = lambda stream: next(
            (text for greeting in greetings if (text := greeting(stream))), None
        )
        app = web.Application(middlewares=[next(iter(rests.values())).trouble])
        app.add_routes(self.streams.routes() + self._routes(rests))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        listening: Any = site._server
        self._doors = [door.fileno() for door in listening.sockets]
        self.port = self._runner.addresses[0][1]

    def _routes(self, rests: Mapping[str, Rest]) -> list[web.RouteDef]:
        """Those of one market, with the request's market as it says itself."""
        by_path = {name: {r.path: r.handler for r in rest.routes()} for name, rest in rests.items()}
        first = next(iter(rests))

        def of(path: str) -> Any:
            async def answer(request: web.Request) -> web.StreamResponse:
                name = request.query.get("symbol", first)
                handler: Any = by_path.get(name, by_path[first])[path]
                return await handler(request)  # type: ignore[no-any-return]

            return answer

        async def info(_: web.Request) -> web.Response:
            found = [messages.exchange_info(m, self.now) for m in self._markets.values()]
            symbols = [symbol for body in found for symbol in body["symbols"]]
            return web.json_response({**found[0], "symbols": symbols})

        routes = [web.get(path, of(path)) for path in by_path[first] if "exchangeInfo" not in path]
        routes += [web.get("/api/v3/exchangeInfo", info)]
        none = ("/fapi/v1/exchangeInfo", "/dapi/v1/exchangeInfo", "/eapi/v1/exchangeInfo")
        return [*routes, *(web.get(path, of(path)) for path in none)]


def _now(player: Player) -> Any:
    return lambda: player.now
