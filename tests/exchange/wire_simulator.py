"""The simulator with another exchange's sockets and REST: the same market, faults and pace."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import ccxt.pro
from aiohttp import web

from stoptrail.rules.candles import Candles
from tests.exchange.market import Kline, RecordedMarket
from tests.exchange.player import Pace, Player
from tests.exchange.rest import Rest
from tests.exchange.simulator import Simulator
from tests.exchange.streams import Connection, Streams
from tests.exchange.wires import WIRES, Candle, Deal, Quote, Wire

_KINDS = {"kline_15m": "candles", "trade": "trades", "bookTicker": "quotes"}
_SINCE = ("start", "since", "before")
"""What exchanges call the time from which candles are asked for, in ms or s."""
_RECENT = 1500
"""Newest candles that REST looks at, besides those since the time it is asked for: all of a year
would be slow."""


class WireSimulator(Simulator):
    """Speaks as the exchange `name`; see Simulator."""

    def __init__(
        self, name: str, candles: Candles, start: int = 0, pace: Pace | None = None, ticks: int = 4
    ) -> None:
        self.wire = WIRES[name]()
        self.id = name
        self.symbol = self.wire.dialect.symbol
        # The player speaks Binance's language; the market's name there does not matter.
        super().__init__(candles, start, "BTC/USDT", ticks=ticks, pace=pace)
        self.wires.now = lambda: self.player.now
        for at in range(max(0, start - 20), start):
            self.wires.recent += [
                Deal(trade.number, trade.time, f"{trade.price:.8f}", f"{trade.quantity:.8f}")
                for trade in self.market.trades(at)
            ]

    @property
    def wires(self) -> WireStreams:
        """The sockets, with what can be refused on them."""
        assert isinstance(self.streams, WireStreams)
        return self.streams

    def urls(self) -> dict[str, Any]:
        """ccxt's addresses, every host replaced by this one."""
        return {"api": self._here(getattr(ccxt.pro, self.id)().urls["api"])}

    def _here(self, urls: Any) -> Any:
        if isinstance(urls, dict):
            return {name: self._here(url) for name, url in urls.items()}
        if not urls:
            return urls
        parts = urlsplit(urls.replace("{hostname}", "host"))
        scheme = "ws" if parts.scheme.startswith("ws") else "http"
        return f"{scheme}://127.0.0.1:{self.port}{parts.path}"

    def _make_streams(self) -> Streams:
        return WireStreams(self.wire)

    def _make_rest(self, player: Player) -> Rest:
        return WireRest(self.market, self.wire, player, self)


class WireStreams(Streams):
    """All client sockets of another exchange."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self.wire = wire
        self.refusing: Counter[str] = Counter()
        """How many of the next subscriptions of a kind are refused in words."""
        self.ignoring: Counter[str] = Counter()
        """How many are not answered at all."""
        self.asked: list[str] = []
        """Kinds of the subscriptions so far."""
        self.recent: deque[Deal] = deque(maxlen=max(1, wire.repeated))
        self.quote: Quote | None = None
        self.now: Callable[[], int] = lambda: 0
        """Market time, ms."""

    def routes(self) -> list[web.RouteDef]:
        """The sockets' paths."""
        return [web.get(path, self._serve) for path in self.wire.paths]

    def connection(
        self, socket: web.WebSocketResponse, streams: Iterable[str], combined: bool
    ) -> Connection:
        return WireConnection(socket, self, self.greeting)

    async def subscribed(self, streams: Iterable[str]) -> None:
        """As ever, but for kinds that the exchange does not have."""
        absent = [] if self.wire.has_candles else ["@kline"]
        absent += [] if self.wire.has_quotes else ["@bookTicker"]
        wanted = [name for name in streams if not any(kind in name for kind in absent)]
        await super().subscribed(wanted or ["btcusdt@trade"])

    async def send(self, stream: str, text: str) -> None:
        """Translate one of the player's messages, which are Binance's."""
        kind, body = _KINDS[stream.partition("@")[2]], json.loads(text)
        if kind == "candles":
            message = self.wire.candle(_candle(body), False) if self.wire.has_candles else None
        elif kind == "trades":
            deal = Deal(body["t"], body["T"], body["p"], body["q"])
            self.recent.append(deal)
            message = self.wire.trades([deal], False)
        else:
            message = self._quoted(body)
        if message is not None:
            await super().send(stream, json.dumps(message))

    def _quoted(self, body: dict[str, Any]) -> dict[str, Any]:
        before, self.quote = self.quote, Quote(body["b"], body["a"], self.now(), body["u"])
        return self.wire.quote(self.quote, before)


class WireConnection(Connection):
    """One client socket of another exchange."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        streams: WireStreams,
        greeting: Callable[[str], str | None],
    ) -> None:
        super().__init__(socket, (), False, greeting)
        self._all = streams
        self._wire = streams.wire

    async def _command(self, text: str) -> None:
        pong = self._wire.pong(text)
        if pong is not None:
            await self.send_text(pong)
            return
        for asked in self._wire.asked(json.loads(text)):
            self._all.asked.append(asked.kind)
            if self._all.ignoring[asked.kind] > 0:
                self._all.ignoring[asked.kind] -= 1
            elif not asked.kind or self._all.refusing[asked.kind] > 0:
                self._all.refusing[asked.kind] -= 1
                await self.send_text(json.dumps(self._wire.refused(asked)))
            else:
                await self.send_text(json.dumps(self._wire.accepted(asked)))
                await self._begin(asked.kind)

    async def _begin(self, kind: str) -> None:
        """The snapshot, then whatever comes."""
        name = next(name for name, known in _KINDS.items() if known == kind)
        # What comes while the snapshot is on its way comes behind it.
        self.streams.add(f"btcusdt@{name}")
        greeting = self._greeting("btcusdt@kline_15m") if kind == "candles" else None
        if greeting is not None:
            body = self._wire.candle(_candle(json.loads(greeting)), True)
            await self.send_text(json.dumps(body))
        if kind == "trades" and self._wire.repeated and self._all.recent:
            body = self._wire.trades(list(self._all.recent), True)
            await self.send_text(json.dumps(body))
        if kind == "quotes" and self._all.quote is not None:
            await self.send_text(json.dumps(self._wire.quote(self._all.quote, None)))
        self._all._changed.set()


class WireRest(Rest):
    """REST of another exchange."""

    prefix = "/api/v3"  # scripted trouble means any of it

    def __init__(
        self, market: RecordedMarket, wire: Wire, player: Player, simulator: WireSimulator
    ) -> None:
        now = lambda: player.now  # noqa: E731
        super().__init__(market, simulator.warning_log, now, now, player.polled)
        self._wire = wire
        self._player = player
        self._dialect = wire.dialect([], 0)

    def routes(self) -> list[web.RouteDef]:
        """Everything but the sockets."""
        return [web.get("/{path:.*}", self._get), web.post("/{path:.*}", self._post)]

    async def _get(self, request: web.Request) -> web.Response:
        return self._answer(request.path, dict(request.query))

    async def _post(self, request: web.Request) -> web.Response:
        return self._answer(request.path, await request.json())

    def _answer(self, path: str, query: dict[str, Any]) -> web.Response:
        dialect = self._dialect
        if path.endswith(self._wire.trades_path):
            deals = [
                Deal(trade.number, trade.time, f"{trade.price:.8f}", f"{trade.quantity:.8f}")
                for trade in self._newest(50)
            ]
            return web.json_response(self._wire.rest_trades(deals))
        dialect.now = self._player.now
        if not path.endswith(dialect.path):
            dialect.now += self._player.clock_offset
            return web.json_response(dialect.other(path, query))
        dialect.asked += 1
        since = int(next((query[name] for name in _SINCE if name in query), 0))
        since = since if since > 10**12 else since * 1000
        at = self._market.last_before(dialect.now)
        first = max(0, min(at - _RECENT, self._market.last_before(since)))
        klines = [self._market.kline(k, dialect.now) for k in range(first, at + 1)]
        dialect.rows = [_row(kline) for kline in klines]
        self._polled(since)
        return web.json_response(dialect.candles({**query, "path": path}))


def _row(kline: Kline) -> tuple[int, float, float, float, float, float]:
    return (kline.time, kline.open, kline.high, kline.low, kline.close, kline.volume)


def _candle(event: dict[str, Any]) -> Candle:
    body = event["k"]
    prices = (body["o"], body["h"], body["l"], body["c"], body["v"])
    return Candle(body["t"], *prices, body["x"], event["E"])
