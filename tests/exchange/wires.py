"""How exchanges other than Binance speak on their sockets: subscriptions, acknowledgements,
refusals, pings, candles, trades and quotes, one class each.

The forms are those of the exchanges' documents, as the comments of ccxt 4.5.90's `pro` classes
quote them: https://bybit-exchange.github.io/docs/v5/ws/connect,
https://www.okx.com/docs-v5/en/#overview-websocket, https://docs.kraken.com/api/docs/websocket-v2,
https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, ClassVar, NamedTuple

from tests.exchange.dialects import Bybit, Coinbase, Dialect, Kraken, Okx

Json = dict[str, Any]


class Candle(NamedTuple):
    """A state of the candle of 15 minutes that opens at `time`."""

    time: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    closed: bool
    now: int


class Deal(NamedTuple):
    """A trade."""

    number: int
    time: int
    price: str
    size: str


class Quote(NamedTuple):
    """Best bid and ask."""

    bid: str
    ask: str
    time: int
    number: int


class Asked(NamedTuple):
    """One subscription that a client asks for."""

    kind: str
    """"candles", "trades", "quotes", or something that there is not."""
    request: Json
    arg: Any


class Wire:
    """An exchange's sockets. Every method gives texts to send."""

    dialect: ClassVar[type[Dialect]]
    paths: ClassVar[tuple[str, ...]]
    """Of its sockets."""
    has_candles = True
    has_quotes = True
    repeated = 0
    """Trades that a new subscriber is told again."""
    trades_path: ClassVar[str]

    def pong(self, text: str) -> str | None:
        """The answer to a ping of the application; None where `text` is none."""
        raise NotImplementedError

    def asked(self, request: Json) -> list[Asked]:
        """What the client subscribes to."""
        raise NotImplementedError

    def accepted(self, asked: Asked) -> Json:
        """The subscription stands."""
        raise NotImplementedError

    def refused(self, asked: Asked) -> Json:
        """It does not."""
        raise NotImplementedError

    def candle(self, candle: Candle, first: bool) -> Json:
        raise NotImplementedError

    def trades(self, deals: list[Deal], first: bool) -> Json:
        """Oldest first."""
        raise NotImplementedError

    def quote(self, quote: Quote, before: Quote | None) -> Json:
        raise NotImplementedError

    def rest_trades(self, deals: list[Deal]) -> Json:
        """What REST answers for the newest trades, given oldest first."""
        raise NotImplementedError


def iso(ms: int) -> str:
    """ISO 8601 with microseconds."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


class BybitWire(Wire):
    """One socket for spot; a quote is a book of depth 1: a snapshot, then what changed."""

    dialect, paths, trades_path = Bybit, ("/v5/public/spot",), "/recent-trade"

    def pong(self, text: str) -> str | None:
        request = json.loads(text)
        if request.get("op") != "ping":
            return None
        pong = {"success": True, "ret_msg": "pong", "conn_id": "c1", "op": "ping"}
        return json.dumps({**pong, "req_id": request.get("req_id", "")})

    def asked(self, request: Json) -> list[Asked]:
        names = {"kline": "candles", "publicTrade": "trades", "orderbook": "quotes"}
        topics = request["args"] if request.get("op") == "subscribe" else []
        return [Asked(names.get(topic.split(".")[0], ""), request, topic) for topic in topics]

    def accepted(self, asked: Asked) -> Json:
        answer = {"success": True, "ret_msg": "", "conn_id": "c1", "op": "subscribe"}
        return {**answer, "req_id": asked.request.get("req_id", "")}

    def refused(self, asked: Asked) -> Json:
        words = f"error:handler not found,topic:{asked.arg}"
        answer = {"success": False, "ret_msg": words, "conn_id": "c1", "op": "subscribe"}
        return {**answer, "req_id": asked.request.get("req_id", "")}

    def candle(self, candle: Candle, first: bool) -> Json:
        row = {
            "start": candle.time,
            "end": candle.time + 899_999,
            "interval": "15",
            "open": candle.open,
            "close": candle.close,
            "high": candle.high,
            "low": candle.low,
            "volume": candle.volume,
            "turnover": f"{float(candle.volume) * float(candle.close):.8f}",
            "confirm": candle.closed,
            "timestamp": candle.now,
        }
        head = {"topic": "kline.15.BTCUSDT", "ts": candle.now, "type": "snapshot"}
        return {**head, "data": [row]}

    def trades(self, deals: list[Deal], first: bool) -> Json:
        rows = [
            {
                "T": deal.time,
                "s": "BTCUSDT",
                "S": "Buy",
                "v": deal.size,
                "p": deal.price,
                "i": f"22{deal.number:018d}",
                "BT": False,
            }
            for deal in deals
        ]
        head = {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": deals[-1].time}
        return {**head, "data": rows}

    def quote(self, quote: Quote, before: Quote | None) -> Json:
        bids, asks = [[quote.bid, "1.5"]], [[quote.ask, "0.7"]]
        if before is not None:  # a price that is not in the book any more has size 0
            bids += [[before.bid, "0"]] if before.bid != quote.bid else []
            asks += [[before.ask, "0"]] if before.ask != quote.ask else []
        data = {"s": "BTCUSDT", "b": bids, "a": asks, "u": quote.number, "seq": quote.number}
        kind = "snapshot" if before is None else "delta"
        head = {"topic": "orderbook.1.BTCUSDT", "type": kind, "ts": quote.time}
        return {**head, "data": data, "cts": quote.time}

    def rest_trades(self, deals: list[Deal]) -> Json:
        rows = [
            {
                "execId": f"22{deal.number:018d}",
                "symbol": "BTCUSDT",
                "price": deal.price,
                "size": deal.size,
                "side": "Buy",
                "time": str(deal.time),
                "isBlockTrade": False,
            }
            for deal in reversed(deals)
        ]
        return {"retCode": 0, "retMsg": "OK", "result": {"category": "spot", "list": rows}}


class OkxWire(Wire):
    """Candles on a socket of their own; a text "ping" is answered by the text "pong"."""

    dialect, paths = Okx, ("/ws/v5/public", "/ws/v5/business")
    trades_path = "/market/trades"

    def pong(self, text: str) -> str | None:
        return "pong" if text == "ping" else None

    def asked(self, request: Json) -> list[Asked]:
        names = {"candle15m": "candles", "trades": "trades", "bbo-tbt": "quotes"}
        args = request["args"] if request.get("op") == "subscribe" else []
        return [Asked(names.get(arg["channel"], ""), request, arg) for arg in args]

    def accepted(self, asked: Asked) -> Json:
        return {"event": "subscribe", "arg": asked.arg, "connId": "a4d3ae55"}

    def refused(self, asked: Asked) -> Json:
        words = f"Wrong URL or channel:{asked.arg['channel']},instId:BTC-USDT doesn't exist."
        return {"event": "error", "code": "60018", "msg": words, "connId": "a4d3ae55"}

    def candle(self, candle: Candle, first: bool) -> Json:
        turnover = f"{float(candle.volume) * float(candle.close):.8f}"
        row = [str(candle.time), *candle[1:6], turnover, turnover, "1" if candle.closed else "0"]
        return {"arg": {"channel": "candle15m", "instId": "BTC-USDT"}, "data": [row]}

    def trades(self, deals: list[Deal], first: bool) -> Json:
        return {"arg": {"channel": "trades", "instId": "BTC-USDT"}, "data": self._rows(deals)}

    def quote(self, quote: Quote, before: Quote | None) -> Json:
        book = {"asks": [[quote.ask, "1.9", "0", "17"]], "bids": [[quote.bid, "0.6", "0", "2"]]}
        data = [{**book, "ts": str(quote.time), "seqId": quote.number}]
        return {"arg": {"channel": "bbo-tbt", "instId": "BTC-USDT"}, "data": data}

    def rest_trades(self, deals: list[Deal]) -> Json:
        return {"code": "0", "msg": "", "data": self._rows(deals)[::-1]}

    @staticmethod
    def _rows(deals: list[Deal]) -> list[Json]:
        return [
            {
                "instId": "BTC-USDT",
                "tradeId": str(deal.number),
                "px": deal.price,
                "sz": deal.size,
                "side": "buy",
                "ts": str(deal.time),
                "count": "1",
            }
            for deal in deals
        ]


class KrakenWire(Wire):
    """Numbers, times in words; a new subscriber of trades is told the last 50 again."""

    dialect, paths, trades_path, repeated = Kraken, ("/v2",), "/Trades", 50

    def pong(self, text: str) -> str | None:
        request = json.loads(text)
        if request.get("method") != "ping":
            return None
        return json.dumps({"method": "pong", "req_id": request.get("req_id", 0)})

    def asked(self, request: Json) -> list[Asked]:
        if request.get("method") != "subscribe":
            return []
        names = {"ohlc": "candles", "trade": "trades", "ticker": "quotes"}
        channel = request["params"]["channel"]
        return [Asked(names.get(channel, ""), request, channel)]

    def accepted(self, asked: Asked) -> Json:
        result = {"channel": asked.arg, "snapshot": True, "symbol": "BTC/USD"}
        return {**self._head(asked), "result": result, "success": True}

    def refused(self, asked: Asked) -> Json:
        error = "Currency pair not supported BTC/USD"
        return {**self._head(asked), "error": error, "success": False, "symbol": "BTC/USD"}

    def candle(self, candle: Candle, first: bool) -> Json:
        prices = dict(zip(("open", "high", "low", "close"), map(float, candle[1:5]), strict=True))
        row = {
            "symbol": "BTC/USD",
            **prices,
            "trades": 3,
            "volume": float(candle.volume),
            "vwap": float(candle.close),
            "interval_begin": iso(candle.time),
            "interval": 15,
            "timestamp": iso(candle.time + 900_000),
        }
        return self._message("ohlc", [row], first, candle.now)

    def trades(self, deals: list[Deal], first: bool) -> Json:
        rows = [
            {
                "symbol": "BTC/USD",
                "side": "buy",
                "price": float(deal.price),
                "qty": float(deal.size),
                "ord_type": "market",
                "trade_id": deal.number,
                "timestamp": iso(deal.time),
            }
            for deal in deals
        ]
        return self._message("trade", rows, first, deals[-1].time)

    def quote(self, quote: Quote, before: Quote | None) -> Json:
        row = {
            "symbol": "BTC/USD",
            "bid": float(quote.bid),
            "bid_qty": 0.1,
            "ask": float(quote.ask),
            "ask_qty": 0.3,
            "last": float(quote.bid),
            "volume": 2158.3,
            "vwap": float(quote.bid),
            "low": float(quote.bid),
            "high": float(quote.ask),
            "change": 1.5,
            "change_pct": 0.1,
        }
        return self._message("ticker", [row], before is None, quote.time)

    def rest_trades(self, deals: list[Deal]) -> Json:
        rows = [
            [deal.price, deal.size, deal.time / 1000, "b", "m", "", deal.number] for deal in deals
        ]
        last = str(deals[-1].time * 1_000_000) if deals else "0"
        return {"error": [], "result": {"XXBTZUSD": rows, "last": last}}

    @staticmethod
    def _head(asked: Asked) -> Json:
        times = {"time_in": iso(0), "time_out": iso(0)}
        return {"method": "subscribe", "req_id": asked.request.get("req_id", 0), **times}

    @staticmethod
    def _message(channel: str, rows: list[Json], first: bool, now: int) -> Json:
        kind = "snapshot" if first else "update"
        return {"channel": channel, "type": kind, "data": rows, "timestamp": iso(now)}


class CoinbaseWire(Wire):
    """Trades alone, newest first, those of the snapshot a second time after a reconnect."""

    dialect, paths, trades_path, repeated = Coinbase, ("/",), "/ticker", 50
    has_candles = has_quotes = False

    def pong(self, text: str) -> str | None:
        return None  # by the protocol's own frames

    def asked(self, request: Json) -> list[Asked]:
        if request.get("type") != "subscribe":
            return []
        kind = "trades" if request["channel"] == "market_trades" else ""
        return [Asked(kind, request, request["channel"])]

    def accepted(self, asked: Asked) -> Json:
        events = [{"subscriptions": {asked.arg: ["BTC-USD"]}}]
        return {**self._head("subscriptions", 0), "events": events}

    def refused(self, asked: Asked) -> Json:
        return {"type": "error", "message": "too many connections"}

    def trades(self, deals: list[Deal], first: bool) -> Json:
        event = {"type": "snapshot" if first else "update", "trades": self._rows(deals)}
        return {**self._head("market_trades", deals[-1].time), "events": [event]}

    def rest_trades(self, deals: list[Deal]) -> Json:
        return {"trades": self._rows(deals), "best_bid": "1", "best_ask": "2"}

    @staticmethod
    def _head(channel: str, now: int) -> Json:
        return {"channel": channel, "client_id": "", "timestamp": iso(now), "sequence_num": 0}

    @staticmethod
    def _rows(deals: list[Deal]) -> list[Json]:
        return [
            {
                "trade_id": str(deal.number),
                "product_id": "BTC-USD",
                "price": deal.price,
                "size": deal.size,
                "side": "BUY",
                "time": iso(deal.time),
            }
            for deal in reversed(deals)
        ]


WIRES: dict[str, type[Wire]] = {
    "bybit": BybitWire,
    "okx": OkxWire,
    "kraken": KrakenWire,
    "coinbase": CoinbaseWire,
}
