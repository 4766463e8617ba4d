"""How MEXC speaks on its sockets: every message of the market in binary, in ccxt by protobuf.

The forms are those of https://www.mexc.com/api-docs/spot-v3/websocket-market-streams, as the
comments of ccxt 4.5.90's `pro/mexc.py` quote them. What the package protobuf would make of a
message's bytes is sent here as JSON in them: `decoding` lets ccxt read that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import ccxt.pro
from aiohttp import web
from ccxt.base.errors import NotSupported

from tests.exchange.dialects import Mexc
from tests.exchange.streams import Connection, Streams
from tests.exchange.wire_simulator import WireConnection, WireSimulator, WireStreams
from tests.exchange.wires import Asked, Candle, Deal, Json, Quote, Wire

_NAMES = {"kline": "candles", "deals": "trades", "bookTicker": "quotes"}


class MexcWire(Wire):
    """One socket for spot."""

    dialect, paths, trades_path = Mexc, ("/ws",), "/trades"

    def pong(self, text: str) -> str | None:
        request = json.loads(text)
        return '{"id":0,"code":0,"msg":"PONG"}' if request.get("method") == "ping" else None

    def asked(self, request: Json) -> list[Asked]:
        topics = request["params"] if request.get("method") == "SUBSCRIPTION" else []
        kinds = [
            next((kind for name, kind in _NAMES.items() if f".{name}." in topic), "")
            for topic in topics
        ]
        return [Asked(kind, request, topic) for kind, topic in zip(kinds, topics, strict=True)]

    def accepted(self, asked: Asked) -> Json:
        return {"id": 0, "code": 0, "msg": asked.arg}

    def refused(self, asked: Asked) -> Json:
        words = f"Not Subscribed successfully! [{asked.arg}].  Reason: Blocked!"
        return {"id": 0, "code": 0, "msg": words}

    def candle(self, candle: Candle, first: bool) -> Json:
        row = {
            "interval": "Min15",
            "windowStart": str(candle.time // 1000),
            "openingPrice": candle.open,
            "closingPrice": candle.close,
            "highestPrice": candle.high,
            "lowestPrice": candle.low,
            "volume": candle.volume,
            "amount": f"{float(candle.volume) * float(candle.close):.8f}",
            "windowEnd": str(candle.time // 1000 + 900),
        }
        return self._message("kline", "@BTCUSDT@Min15", "publicSpotKline", row)

    def trades(self, deals: list[Deal], first: bool) -> Json:
        rows = [
            {"price": deal.price, "quantity": deal.size, "tradeType": 1, "time": str(deal.time)}
            for deal in deals
        ]
        body = {"dealsList": rows, "eventType": "spot@public.aggre.deals.v3.api.pb@100ms"}
        return self._message("aggre.deals", "@100ms@BTCUSDT", "publicAggreDeals", body)

    def quote(self, quote: Quote, before: Quote | None) -> Json:
        row = {"bidPrice": quote.bid, "askPrice": quote.ask}
        row |= {"bidQuantity": "3.73485", "askQuantity": "7.669875"}
        return self._message("aggre.bookTicker", "@100ms@BTCUSDT", "publicAggreBookTicker", row)

    def rest_trades(self, deals: list[Deal]) -> Json:
        rows: Any = [
            {
                "id": None,
                "price": deal.price,
                "qty": deal.size,
                "quoteQty": f"{float(deal.price) * float(deal.size):.8f}",
                "time": deal.time,
                "isBuyerMaker": False,
                "isBestMatch": True,
                "tradeType": "BID",
            }
            for deal in reversed(deals)
        ]
        found: Json = rows
        return found

    @staticmethod
    def _message(name: str, rest: str, key: str, body: Json) -> Json:
        head = {"channel": f"spot@public.{name}.v3.api.pb{rest}", "symbol": "BTCUSDT"}
        return {**head, key: body, "sendTime": "1736409765052"}


class MexcConnection(WireConnection):
    """A client socket on which what the market does is told in bytes."""

    async def send_text(self, text: str) -> None:
        if ".pb@" not in text or '"msg"' in text:
            await super().send_text(text)
        elif not (self.silent or self.socket.closed):
            await self.socket.send_bytes(text.encode())


class MexcStreams(WireStreams):
    """All client sockets of MEXC."""

    def connection(
        self, socket: web.WebSocketResponse, streams: Iterable[str], combined: bool
    ) -> Connection:
        return MexcConnection(socket, self, self.greeting)


class MexcSimulator(WireSimulator):
    """The simulator that speaks as MEXC; see WireSimulator. `wires.WIRES` has to know it."""

    def _make_streams(self) -> Streams:
        return MexcStreams(self.wire)


def decoding(installed: bool) -> Callable[[Any, bytes], Any]:
    """ccxt's `decode_proto_msg`, as it is with the package protobuf `installed` and without."""

    def read(exchange: Any, data: bytes) -> Any:
        if not installed:
            raise NotSupported(
                f"{exchange.id} requires protobuf to decode messages, install it with "
                '`pip install "protobuf==5.29.5"`'
            )
        return json.loads(data)

    assert hasattr(ccxt.pro.mexc, "decode_proto_msg")
    return read
