"""Exchanges that publish funding, each in its own way, for the real ccxt client."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import ccxt

from stoptrail.exchange.rows import Row
from stoptrail.live.market.store import CCXTStore
from stoptrail.live.market.stream import Transport
from stoptrail.rules.margin import Mark
from tests.exchange import market_answers as answers
from tests.exchange.standin import hosted_at
from tests.live.scenario import QUICK

HOUR = 3_600_000
NOW = 1_735_725_600_000
"""2025-01-01 10:00 UTC, the exchange's clock when a test begins."""


class RefusedError(Exception):
    """The exchange answers HTTP 400."""


class Exchange:
    """What an exchange has published, and when its clock says it is; one class each."""

    id: str
    symbol: str
    forecast: int | None = NOW + 2 * HOUR
    rate = 0.0001
    now = NOW
    tiers: Any = ()
    """Rows of its maintenance margin, as it writes them; None: it refuses to tell them."""

    def __init__(self, times: list[int]) -> None:
        self.times = times
        self.asked = 0

    def answer(self, path: str, query: dict[str, Any]) -> Any:
        raise NotImplementedError

    def told_tiers(self) -> list[Any]:
        if self.tiers is None:
            raise RefusedError
        return list(self.tiers)

    def between(self, start: Any, end: Any) -> list[int]:
        self.asked += 1
        return [t for t in self.times if int(start or 0) <= t <= int(end or 2**62)]


class Bybit(Exchange):
    id, symbol = "bybit", "BTC/USDT:USDT"

    def answer(self, path: str, query: dict[str, Any]) -> Any:
        if path.endswith("/instruments-info"):
            swap = {
                "symbol": "BTCUSDT",
                "contractType": "LinearPerpetual",
                "status": "Trading",
                "baseCoin": "BTC",
                "quoteCoin": "USDT",
                "settleCoin": "USDT",
                "fundingInterval": 480,
                "launchTime": "1585526400000",
                "deliveryTime": "0",
                "priceScale": "2",
                "priceFilter": {"tickSize": "0.1"},
                "lotSizeFilter": {"qtyStep": "0.001", "minOrderQty": "0.001"},
            }
            linear = query.get("category") == "linear"
            return self._told({"category": "linear", "list": [swap] if linear else []})
        if path.endswith("/risk-limit"):
            return self._told({"category": query["category"], "list": self.told_tiers()})
        if path.endswith("/funding/history"):
            found = self.between(query["startTime"], query["endTime"])
            rows = [
                {
                    "symbol": "BTCUSDT",
                    "fundingRate": str(self.rate),
                    "fundingRateTimestamp": str(t + 11),
                }
                for t in reversed(found)
            ]
            return self._told({"category": "linear", "list": rows})
        ticker = {"symbol": "BTCUSDT", "fundingRate": "0.0003", "nextFundingTime": self.forecast}
        return self._told({"category": "linear", "list": [ticker]})

    def _told(self, result: Any) -> Any:
        return {"retCode": 0, "retMsg": "OK", "result": result, "time": self.now}


class BybitMarket(Bybit):
    """Bybit with hourly candles and trades, at a time that goes on as a test lets it; a row of
    funding is published two minutes late."""

    LATE = 120_000

    def __init__(self, rows: list[Row], rates: dict[int, float], now: int) -> None:
        super().__init__([])
        self.rows, self.rates, self.now = rows, rates, now
        self.marks: dict[int, Mark] = {}
        """Mark candles, by open time; the last one that has begun is unfinished."""

    def published(self) -> list[int]:
        return [time for time in self.rates if time + self.LATE <= self.now]

    def answer(self, path: str, query: dict[str, Any]) -> Any:
        if path.endswith("/time"):
            told = {"timeSecond": str(self.now // 1000), "timeNano": f"{self.now}000000"}
            return self._told(told)
        if path.endswith("/kline"):
            start, end = int(query.get("start", 0)), int(query.get("end", 2**62))
            begun = [r for r in self.rows if start <= r[0] <= min(end, self.now)]
            found = begun[: int(query["limit"])] if "start" in query else begun
            table = [[str(value) for value in (*row, 0.0)] for row in reversed(found)]
            return self._told({"category": "linear", "symbol": "BTCUSDT", "list": table})
        if path.endswith("/mark-price-kline"):
            start, count = int(query["start"]), int(query["limit"])
            begun = [t for t in sorted(self.marks) if start <= t <= self.now][:count]
            marks = [
                self.marks[t] if t + HOUR <= self.now else begun_of(self.marks[t]) for t in begun
            ]
            table = [[str(t), *map(repr, m)] for t, m in zip(begun, marks, strict=True)]
            return self._told({"category": "linear", "symbol": "BTCUSDT", "list": table[::-1]})
        if path.endswith("/recent-trade"):
            row = max(row for row in self.rows if row[0] <= self.now)
            trade = {"execId": str(self.now), "symbol": "BTCUSDT", "price": str(row[1])}
            trade |= {"size": "1", "side": "Buy", "time": str(self.now)}
            return self._told({"category": "linear", "list": [trade]})
        if path.endswith("/funding/history"):
            start, end = int(query["startTime"]), int(query["endTime"])
            found = [t for t in self.published() if start <= t <= end]
            table = [
                {"symbol": "BTCUSDT", "fundingRate": repr(self.rates[t]), "fundingRateTimestamp": t}
                for t in reversed(found)
            ]
            return self._told({"category": "linear", "list": table})
        self.forecast = self.now // HOUR * HOUR + HOUR
        return super().answer(path, query)


def begun_of(mark: Mark) -> Mark:
    """A mark candle of which only the open is known."""
    return Mark(*[mark.open] * 4)


class Okx(Exchange):
    id, symbol = "okx", "BTC/USDT:USDT"

    def answer(self, path: str, query: dict[str, Any]) -> Any:
        if path.endswith("/instruments"):
            swap = {
                "instType": "SWAP",
                "instId": "BTC-USDT-SWAP",
                "uly": "BTC-USDT",
                "instFamily": "BTC-USDT",
                "settleCcy": "USDT",
                "ctVal": "0.01",
                "ctMult": "1",
                "ctValCcy": "BTC",
                "ctType": "linear",
                "state": "live",
                "tickSz": "0.1",
                "lotSz": "0.01",
                "minSz": "0.01",
            }
            return self._told([swap] if query.get("instType") == "SWAP" else [])
        if path.endswith("/position-tiers"):
            assert (query["instType"], query["instFamily"]) == ("SWAP", "BTC-USDT")
            return self._told(self.told_tiers())
        if path.endswith("/funding-rate-history"):
            # `before` alone gives the newest of what is later.
            found = self.between(
                int(query.get("before", -1)) + 1, int(query.get("after", 2**62)) - 1
            )
            found = found[-int(query.get("limit", 100)) :]
            rows = [
                {
                    "instId": "BTC-USDT-SWAP",
                    "fundingTime": str(t),
                    "fundingRate": "0.5",
                    "realizedRate": str(self.rate),
                }
                for t in reversed(found)
            ]
            return self._told(rows)
        later = str(self.forecast + 8 * HOUR if self.forecast else "")
        told = {
            "instId": "BTC-USDT-SWAP",
            "fundingRate": "0.0003",
            "fundingTime": str(self.forecast),
            "nextFundingTime": later,
            "nextFundingRate": "",
        }
        return self._told([told])

    def _told(self, data: Any) -> Any:
        return {"code": "0", "msg": "", "data": data}


class Krakenfutures(Exchange):
    """The whole list whatever is asked; an absolute and a relative rate; no time of the next."""

    id, symbol, forecast = "krakenfutures", "BTC/USD:USD", None

    def answer(self, path: str, query: dict[str, Any]) -> Any:
        if path.endswith("/instruments"):
            swap = {
                "symbol": "PF_XBTUSD",
                "base": "BTC",
                "quote": "USD",
                "type": "flexible_futures",
                "tickSize": 1,
                "contractSize": 1,
                "tradeable": True,
                "contractValueTradePrecision": 4,
                "openingDate": "2022-03-22T15:12:53.000Z",
                "marginLevels": self.told_tiers(),
            }
            return {"result": "success", "instruments": [swap], "serverTime": iso(NOW)}
        if path.endswith(("historicalfundingrates", "historical-funding-rates")):
            self.asked += 1
            rates = [
                {"timestamp": iso(t), "fundingRate": 9.5, "relativeFundingRate": self.rate}
                for t in self.times
            ]
            return {"result": "success", "serverTime": iso(NOW), "rates": rates}
        ticker = {
            "symbol": "PF_XBTUSD",
            "tag": "perpetual",
            "pair": "XBT:USD",
            "markPrice": 50_000.0,
            "fundingRate": 5.0,
            "fundingRatePrediction": 6.0,
            "lastTime": iso(NOW),
        }
        return {"result": "success", "serverTime": iso(NOW), "tickers": [ticker]}


class Bitget(Exchange):
    id, symbol = "bitget", "BTC/USDT:USDT"

    def answer(self, path: str, query: dict[str, Any]) -> Any:
        if path.endswith("/query-position-lever"):
            assert (query["symbol"], query["productType"]) == ("BTCUSDT", "USDT-FUTURES")
            data: Any = self.told_tiers()
        else:
            usdt = query.get("productType") == "USDT-FUTURES"
            data = [answers.BITGET_SWAP] if usdt and path.endswith("/contracts") else []
        return {"code": "00000", "msg": "success", "requestTime": self.now, "data": data}


class Gate(Exchange):
    id, symbol = "gate", "BTC/USDT:USDT"

    def answer(self, path: str, query: dict[str, Any]) -> Any:
        if path.endswith("/usdt/risk_limit_tiers"):
            assert query["contract"] == "BTC_USDT"
            return self.told_tiers()
        return [answers.GATE_SWAP] if path.endswith("/usdt/contracts") else []


class Hyperliquid(Exchange):
    """Hourly; ccxt works the next time out from this machine's clock."""

    id, symbol, forecast = "hyperliquid", "BTC/USDC:USDC", None

    def answer(self, path: str, query: dict[str, Any]) -> Any:
        match query.get("type"):
            case "fundingHistory":
                found = self.between(query["startTime"], query.get("endTime"))
                return [
                    {"coin": "BTC", "fundingRate": str(self.rate), "premium": "0", "time": t + 47}
                    for t in found
                ]
            case "metaAndAssetCtxs":
                coin = {"name": "BTC", "szDecimals": 5, "maxLeverage": 50, "onlyIsolated": False}
                context = {"funding": "0.0003", "markPx": "50000", "oraclePx": "50000"}
                context |= {"midPx": "50000", "prevDayPx": "50000", "dayNtlVlm": "1"}
                context |= {"openInterest": "1", "premium": "0", "impactPxs": ["50000", "50001"]}
                return [{"universe": [coin], "marginTables": []}, [context]]
            case "perpDexs":
                return [None]
        return [{"tokens": [], "universe": []}, []]


def iso(time_: int) -> str:
    return datetime.fromtimestamp(time_ / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@contextmanager
def hosted(exchange: Exchange) -> Iterator[dict[str, Any]]:
    """ccxt's options for `exchange`, which is on 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self.reply(parts.path, dict(parse_qsl(parts.query)))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.reply(urlsplit(self.path).path, json.loads(body or b"{}"))

        def reply(self, path: str, query: dict[str, Any]) -> None:
            try:
                status, answer = 200, exchange.answer(path, query)
            except RefusedError:
                status, answer = 400, {"message": "refused"}
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    here = f"http://127.0.0.1:{server.server_port}"
    urls = hosted_at(here, getattr(ccxt, exchange.id)().urls["api"])
    try:
        yield {"urls": {"api": urls}, "enableRateLimit": False}
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def served(exchange: Exchange, transport: Transport = "auto") -> Iterator[CCXTStore]:
    """A store whose exchange is `exchange`, on 127.0.0.1."""
    quote = exchange.symbol.rpartition(":")[2]
    with (
        hosted(exchange) as options,
        CCXTStore(
            exchange.id,
            quote,
            options,
            3,
            timing=QUICK._replace(forecast=0.02, timeout=10.0, hold=30.0, marks=10.0),
            market_type="swap",
            transport=transport,
        ) as store,
    ):
        yield store
