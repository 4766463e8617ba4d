"""OKX with a spot market and a swap of the same coin: one host, sockets that both share, amounts
of the swap in contracts, and funding every eight hours."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import ccxt.pro
from aiohttp import web

from stoptrail.core.time import HOUR_MS
from stoptrail.rules.candles import Candles
from tests.exchange import market_answers as answers
from tests.exchange.market import Kline
from tests.exchange.player import Pace, Player
from tests.exchange.standin import hosted_at
from tests.exchange.streams import Connection, Streams
from tests.live.book_exchange import SeveralMarkets

SPOT, SWAP = "BTC/USDT", "BTC/USDT:USDT"
IDS = {SPOT: "BTC-USDT", SWAP: "BTC-USDT-SWAP"}
CONTRACT = float(answers.OKX_SWAP["ctVal"])
"""Coins in a contract of the swap."""
EVERY = 8 * HOUR_MS
_CHANNELS = {"candle1H": "kline_1h", "trades": "trade", "bbo-tbt": "bookTicker"}
_KINDS = {kind: channel for channel, kind in _CHANNELS.items()}


def rate_at(time: int) -> float:
    """The funding rate at a multiple of EVERY."""
    return 0.0001 * (1 + time // EVERY % 5)


class OkxSide(SeveralMarkets):
    """Candles of the spot market and of the swap."""

    def __init__(self, markets: Mapping[str, Candles], start: int, pace: Pace) -> None:
        super().__init__(markets, start, pace)
        self.asked: list[str] = []
        """Paths of the requests so far."""

    def urls(self) -> dict[str, Any]:
        here = f"http://127.0.0.1:{self.port}"
        found: dict[str, Any] = {"api": hosted_at(here, ccxt.pro.okx().urls["api"])}
        found["api"]["ws"] = f"ws://127.0.0.1:{self.port}/ws/v5"
        return found

    def _make_streams(self) -> Streams:
        return _OkxStreams()

    def _routes(self, rests: Any) -> list[web.RouteDef]:
        del rests
        return [web.get("/{path:.*}", self._answer)]

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        data = self._data(request.path, dict(request.query))
        return web.json_response({"code": "0", "msg": "", "data": data})

    def _data(self, path: str, query: dict[str, str]) -> Any:
        now = max(player.now for player in self.players.values())
        if path.endswith("/time"):
            return [{"ts": str(now)}]
        if path.endswith("/instruments"):
            known = {"SPOT": answers.OKX, "SWAP": answers.OKX_SWAP}
            return [known[query["instType"]]] if query["instType"] in known else []
        if path.endswith("/funding-rate-history"):
            return self._published(now, query)
        if path.endswith("/funding-rate"):
            due = now - now % EVERY + EVERY
            told = {"instId": query["instId"], "fundingRate": str(rate_at(due))}
            return [told | {"fundingTime": str(due), "nextFundingTime": str(due + EVERY)}]
        if path.endswith("/position-tiers"):
            return []
        symbol = next(name for name, id_ in IDS.items() if id_ == query["instId"])
        if "trades" in path:
            return []
        return self._candles(self.players[symbol], query, symbol == SWAP)

    def _published(self, now: int, query: dict[str, str]) -> list[dict[str, str]]:
        first = max(self._begins - 40 * EVERY, int(query.get("before", 0)) + 1)
        last = min(now, int(query.get("after", 2**62)) - 1)
        times = list(range(first + -first % EVERY, last + 1, EVERY))[-int(query["limit"]) :]
        return [
            {
                "instId": query["instId"],
                "fundingTime": str(time),
                "fundingRate": "0.5",
                "realizedRate": repr(rate_at(time)),
            }
            for time in reversed(times)
        ]

    def _candles(self, player: Player, query: dict[str, str], swap: bool) -> list[list[str]]:
        after, before = int(query.get("after", 2**62)), int(query.get("before", 0))
        begun = player.market.klines(HOUR_MS, before + 1, after - 1, 10_000, player.now)
        player.polled(before + 1 if before else None)
        return [_row(kline, swap) for kline in reversed(begun[-int(query.get("limit", 100)) :])]


def _row(kline: Kline, swap: bool) -> list[str]:
    coins = kline.volume
    amounts = [coins / CONTRACT if swap else coins, coins, coins * kline.close]
    prices = (kline.open, kline.high, kline.low, kline.close)
    return [str(kline.time), *map(repr, [*prices, *amounts]), str(int(kline.closed))]


class _OkxStreams(Streams):
    """Candles on one socket, trades and quotes on another, of both markets."""

    _newest = 0
    """Time of the newest trade, ms."""

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/ws/v5/public", self._serve), web.get("/ws/v5/business", self._serve)]

    def connection(
        self, socket: web.WebSocketResponse, streams: Iterable[str], combined: bool
    ) -> Connection:
        return _OkxConnection(socket, (), False, self.greeting)

    async def send(self, stream: str, text: str) -> None:
        event = json.loads(text)
        self._newest = max(self._newest, event.get("T", 0))
        await super().send(stream, told(stream, event, self._newest))


class _OkxConnection(Connection):
    async def _command(self, text: str) -> None:
        if text == "ping":
            await self.send_text("pong")
            return
        for arg in json.loads(text)["args"]:
            accepted = {"event": "subscribe", "arg": arg, "connId": "a4d3ae55"}
            await self.send_text(json.dumps(accepted))
            name = next(name for name, id_ in IDS.items() if id_ == arg["instId"])
            stream = f"{_named(name)}@{_CHANNELS[arg['channel']]}"
            self.streams.add(stream)
            if (greeting := self._greeting(stream)) is not None:
                await self.send(stream, told(stream, json.loads(greeting)))


def _named(symbol: str) -> str:
    """As the player's streams name a market."""
    return symbol.replace("/", "").lower()


def told(stream: str, event: dict[str, Any], now: int = 0) -> str:
    """One of the player's messages, which are Binance's, as OKX writes it."""
    name, _, kind = stream.partition("@")
    symbol = next(symbol for symbol in IDS if _named(symbol) == name)
    swap, id_ = symbol == SWAP, IDS[symbol]
    if kind == "kline_1h":
        body = event["k"]
        prices = (float(body[key]) for key in "ohlcv")
        data: Any = _row(Kline(body["t"], *prices, 0, body["x"]), swap)
    elif kind == "trade":
        size = float(event["q"]) / (CONTRACT if swap else 1.0)
        data = {"instId": id_, "tradeId": str(event["t"]), "px": event["p"], "sz": repr(size)}
        data |= {"side": "buy", "ts": str(event["T"]), "count": "1"}
    else:
        book = {"asks": [[event["a"], "1", "0", "1"]], "bids": [[event["b"], "1", "0", "1"]]}
        data = {**book, "ts": str(now), "seqId": event["u"]}
    return json.dumps({"arg": {"channel": _KINDS[kind], "instId": id_}, "data": [data]})
