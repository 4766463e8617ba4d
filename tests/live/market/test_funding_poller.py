"""A swap's published funding through the real ccxt client, from exchanges that answer each in
their own way."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import ccxt
import pytest

from stoptrail.live.market.events import Published
from stoptrail.live.market.funding_poller import FundingPoller
from stoptrail.live.market.store import CCXTStore
from tests.live.scenario import QUICK

HOUR = 3_600_000
NOW = 1_735_725_600_000
"""2025-01-01 10:00 UTC, the exchange's clock when a test begins."""


class Exchange:
    """What an exchange has published, and when its clock says it is; one class each."""

    id: str
    symbol: str
    forecast: int | None = NOW + 2 * HOUR
    rate = 0.0001

    def __init__(self, times: list[int]) -> None:
        self.times = times
        self.asked = 0

    def answer(self, path: str, query: dict[str, Any]) -> Any:
        raise NotImplementedError

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
        return {"retCode": 0, "retMsg": "OK", "result": result, "time": NOW}


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
        if path.endswith("/funding-rate-history"):
            found = self.between(int(query.get("before", -1)) + 1, None)
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
def served(exchange: Exchange) -> Iterator[CCXTStore]:
    """A store whose exchange is `exchange`, on 127.0.0.1."""

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
            body = json.dumps(exchange.answer(path, query)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    here = f"http://127.0.0.1:{server.server_port}"
    urls = replaced(getattr(ccxt, exchange.id)().urls["api"], here)
    options = {"urls": {"api": urls}, "enableRateLimit": False}
    quote = exchange.symbol.rpartition(":")[2]
    try:
        with CCXTStore(exchange.id, quote, options, 3, timing=QUICK, market_type="swap") as store:
            yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def replaced(urls: Any, here: str) -> Any:
    """ccxt's addresses, all of them on this machine."""
    if isinstance(urls, dict):
        return {name: replaced(url, here) for name, url in urls.items()}
    return here + urlsplit(urls.replace("{hostname}", "host")).path if urls else urls


EXCHANGES = (Bybit, Okx, Krakenfutures, Hyperliquid)


@pytest.mark.parametrize("kind", EXCHANGES)
def test_rows_since_a_time_are_read_on_the_minute(
    kind: type[Exchange], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [NOW - hours * HOUR for hours in (40, 17, 9, 1)]
    exchange = kind(times)
    monkeypatch.setattr(CCXTStore, "_local_time", lambda self: NOW)
    with served(exchange) as store:
        rows = store.fetch_funding(exchange.symbol, NOW - 20 * HOUR)
    assert [(row.time, row.rate) for row in rows] == [(t, 0.0001) for t in times[1:]]
    assert {row.hours for row in rows} == {1.0 if kind is Krakenfutures else 0.0}


class Told:
    """What a poller tells, at a time of the test's own."""

    def __init__(self, exchange: Exchange, store: CCXTStore, known: int) -> None:
        self.now = NOW
        self.rows: list[int] = []
        connected, reader = store._open(exchange.symbol)
        timing = QUICK._replace(poll=0.005, forecast=0.02)
        self.poller = FundingPoller(
            connected,
            reader,
            exchange.symbol,
            known,
            lambda: self.now,
            timing,
            self._hear,
            store.warning_log,
        )
        self._running = store._background_or_new().start(self.poller.run())

    def _hear(self, events: list[Any]) -> None:
        self.rows += [event.row.time for event in events if isinstance(event, Published)]

    def until(self, enough: Callable[[], bool]) -> None:
        end = time.monotonic() + 30
        while not enough():
            assert time.monotonic() < end
            assert not self._running.done(), self._running.exception()
            time.sleep(0.005)


@pytest.mark.parametrize("kind", EXCHANGES)
def test_a_row_is_asked_for_from_a_minute_after_its_time_until_it_is_there(
    kind: type[Exchange],
) -> None:
    """Forecasts alone come before; each row is told once."""
    exchange = kind([NOW - HOUR])
    with served(exchange) as store:
        told = Told(exchange, store, NOW - HOUR)
        told.until(lambda: told.poller.forecast is not None)
        assert told.rows == []
        due = exchange.forecast or NOW
        told.now = due + 59_000
        asked = exchange.asked
        time.sleep(0.1)
        assert exchange.asked == asked
        told.now = due + 60_000
        told.until(lambda: exchange.asked >= asked + 3)
        assert told.rows == []
        exchange.times = [*exchange.times, due]
        told.until(lambda: told.rows == [due])
        time.sleep(0.1)
        assert told.rows == [due]


def test_a_row_behind_a_later_one_is_told_too() -> None:
    exchange = Hyperliquid([NOW - HOUR])
    with served(exchange) as store:
        told = Told(exchange, store, NOW - HOUR)
        exchange.times = [NOW - HOUR, NOW + HOUR]
        told.now = NOW + HOUR + 60_000
        told.until(lambda: told.rows == [NOW + HOUR])
        exchange.times = [NOW - HOUR, NOW, NOW + HOUR, NOW + 2 * HOUR]
        told.now = NOW + 2 * HOUR + 60_000
        told.until(lambda: told.rows == [NOW + HOUR, NOW, NOW + 2 * HOUR])


def test_a_promised_row_is_waited_for_when_the_forecast_has_gone_on() -> None:
    """Bybit tells the next time at once; the row of the one before is still to come."""
    exchange = Bybit([NOW - 6 * HOUR])
    with served(exchange) as store:
        told = Told(exchange, store, NOW - 6 * HOUR)
        told.until(lambda: told.poller.forecast is not None)
        due = NOW + 2 * HOUR
        exchange.forecast = due + 8 * HOUR
        told.now = due + 30 * 60_000  # long after the minutes in which any hour is looked at
        told.until(
            lambda: (
                told.poller.forecast is not None and told.poller.forecast.time == exchange.forecast
            )
        )
        exchange.times = [*exchange.times, due]
        told.until(lambda: told.rows == [due])


def test_an_exchange_that_fails_is_asked_again() -> None:
    exchange = Okx([NOW - HOUR])
    with served(exchange) as store:
        told = Told(exchange, store, NOW - HOUR)
        told.until(lambda: told.poller.forecast is not None)
        working = exchange.answer
        exchange.answer = lambda path, query: {"code": "50013", "msg": "busy", "data": []}  # type: ignore[method-assign]
        told.now = NOW + 2 * HOUR + 60_000
        time.sleep(0.1)
        exchange.times = [*exchange.times, NOW + 2 * HOUR]
        exchange.answer = working  # type: ignore[method-assign]
        told.until(lambda: told.rows == [NOW + 2 * HOUR])
