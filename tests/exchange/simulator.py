"""An exchange on 127.0.0.1 that speaks Binance's spot protocol and plays a recording."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, TypeVar

from aiohttp import web

from stoptrail.live.market.background import cancel_others
from stoptrail.rules.candles import Candles
from tests.exchange.market import Filters, RecordedMarket
from tests.exchange.player import Pace, Player
from tests.exchange.rest import Rest
from tests.exchange.script import Fault
from tests.exchange.streams import Streams
from tests.exchange.trouble import RestTrouble, WarningLog

T = TypeVar("T")


class Simulator:
    """The server, in a thread of its own; a context manager.

    Candles before position `start` are history. `play()` lets market time go on to the
    last candle, which stays unfinished, so the closed candles are `candles[:-1]`.

        with Simulator(candles, start=500) as exchange:
            client = ccxt.binance(exchange.ccxt_options())
            exchange.script(Gap(520, candles=3))
            exchange.play().result(timeout=10)
    """

    def __init__(
        self,
        candles: Candles,
        start: int = 0,
        symbol: str = "BTC/USDT",
        filters: Filters | None = None,
        ticks: int = 4,
        pace: Pace | None = None,
        port: int = 0,
    ) -> None:
        self.market = RecordedMarket(candles, symbol, filters, ticks)
        self.warning_log = WarningLog()
        """Scripted REST trouble and the record of requests."""
        self.streams = self._make_streams()
        self.port = port
        self._start = start
        self._pace = pace or Pace()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None
        self._player: Player | None = None
        self._playing: Future[None] | None = None
        self._doors: list[int] = []

    def __enter__(self) -> Simulator:
        self._thread.start()
        self._call(self._serve())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def player(self) -> Player:
        """The market under way; RuntimeError before the server runs."""
        if self._player is None:
            raise RuntimeError("the simulator is not running")
        return self._player

    @property
    def now(self) -> int:
        """Market time in milliseconds."""
        return self.player.now

    def ccxt_options(self) -> dict[str, Any]:
        """What ccxt.binance and ccxt.pro.binance take in their constructor to come here.

        `urls` alone is enough; without the rate limit, which would cost 0.2 s a test.
        """
        return {"urls": self.urls(), "enableRateLimit": False}

    def urls(self) -> dict[str, Any]:
        """ccxt's table of addresses: all that public market data may touch."""
        host = f"127.0.0.1:{self.port}"
        api = {
            "public": f"http://{host}/api/v3",
            "private": f"http://{host}/api/v3",
            "v1": f"http://{host}/api/v1",
            "sapi": f"http://{host}/sapi/v1",
            "sapiV2": f"http://{host}/sapi/v2",
            "sapiV3": f"http://{host}/sapi/v3",
            "sapiV4": f"http://{host}/sapi/v4",
            "fapiPublic": f"http://{host}/fapi/v1",
            "dapiPublic": f"http://{host}/dapi/v1",
            "eapiPublic": f"http://{host}/eapi/v1",
        }
        socket = f"ws://{host}/ws"
        kinds = ("spot", "margin", "linear", "inverse", "option", "optionMarket")
        return {"api": {**api, "ws": dict.fromkeys(kinds, socket)}}

    def script(self, *faults: Fault) -> None:
        """Let `faults` happen at their candles."""
        self._call(_async(lambda: self.player.script(*faults)))

    def trouble(self, *warning_log: RestTrouble) -> None:
        """Let REST answer with `troubles`, from now on."""
        for trouble in warning_log:
            self.warning_log.add(trouble)

    def play(self, until: int | None = None) -> Future[None]:
        """Let market time go on to candle `until` (default: the last); returns at once.

        Wait with `.result(timeout)`.
        """
        last = len(self.market) - 1 if until is None else until
        self._playing = asyncio.run_coroutine_threadsafe(self.player.run(last), self._loop)
        return self._playing

    def set_clock_offset(self, milliseconds: int) -> None:
        """Let the exchange's own clock be off market time."""
        self.player.clock_offset = milliseconds

    def _call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _serve(self) -> None:
        player = Player(self.market, self.streams, self.warning_log, self._start, self._pace)
        self._player = player
        rest = self._make_rest(player)
        app = web.Application(middlewares=[rest.trouble])
        app.add_routes(self.streams.routes() + rest.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        listening: Any = site._server
        self._doors = [door.fileno() for door in listening.sockets]
        self.port = self._runner.addresses[0][1]

    def _make_streams(self) -> Streams:
        return Streams()

    def _make_rest(self, player: Player) -> Rest:
        return Rest(
            self.market,
            self.warning_log,
            lambda: player.now,
            lambda: player.now + player.clock_offset,
            player.polled,
        )

    async def _stop(self) -> None:
        """Let nobody in, then break every connection.

        asyncio's server loses a connection that it has accepted but not yet handed over
        when it is closed. The socket would stay open, and whatever test collects it as
        garbage would fail of it: so listening ends first, and closing comes after.
        """
        if self._playing is not None:
            self._playing.cancel()
        runner = self._runner
        if runner is not None:
            server = runner.server
            for door in self._doors:
                self._loop.remove_reader(door)
            await _turns()  # who is in gets a handler
            self.streams.cut()
            await runner.cleanup()
            await _turns()
            for handler in server.connections if server is not None else ():
                if handler.transport is not None:
                    handler.transport.abort()
        await cancel_others(10.0)
        await _turns()  # what was aborted closes its socket


async def _turns(count: int = 5) -> None:
    """Let the event loop do what is due."""
    for _ in range(count):
        await asyncio.sleep(0)


async def _async(action: Callable[[], T]) -> T:
    return action()
