"""Exchanges that differ in what they must be asked, as `dialects` has them.

What they do is from their documents as the methods of ccxt 4.5.90 name them; the fields of markets
and candles are those that the comments of its `fetch_markets` and `fetch_ohlcv` show:

* backpack: docs.backpack.exchange, Markets, Get K-lines
* bitso: docs.bitso.com/bitso-api/docs, ohlc
* btcturk: docs.btcturk.com/public-endpoints/get-kline-data
* hollaex: apidocs.hollaex.com, chart
* indodax: github.com/btcid/indodax-official-api-docs, Public-RestAPI.md, OHLC history
* pacifica: docs.pacifica.fi/api-documentation/api/rest-api/markets/get-candle-data
* zebpay: github.com/zebpay/zebpay-api-references, spot, public-endpoints.md

Where a document does not say which candles of a window too wide are given, the last ones are: the
case in which a naive downloader loses most.
"""

from __future__ import annotations

from typing import Any

from tests.exchange.dialects import (
    QUARTER,
    Dialect,
    Query,
    RefusedError,
    average,
    clock,
    last_trade,
    quoted,
    text,
)


class Backpack(Dialect):
    """The last 1000 of a window in seconds, with times as texts."""

    id, symbol, path, most = "backpack", "BTC/USDC", "/klines", 1000

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return self.now
        if not path.endswith("/markets"):
            return []
        price = {"maxMultiplier": "1.25", "maxPrice": None, "minPrice": "0.1", "tickSize": "0.1"}
        quantity = {"maxQuantity": None, "minQuantity": "0.00001", "stepSize": "0.00001"}
        market = {
            "baseSymbol": "BTC",
            "createdAt": "2025-01-21T06:34:54.691858",
            "filters": {"price": price, "quantity": quantity},
            "fundingInterval": 28800000,
            "imfFunction": None,
            "marketType": "SPOT",
            "openInterestLimit": "0",
            "orderBookState": "Open",
            "quoteSymbol": "USDC",
            "symbol": "BTC_USDC",
        }
        return [market]

    def candles(self, query: Query) -> Any:
        start, end = int(query["startTime"]) * 1000, int(query["endTime"]) * 1000
        rows = self.inside(start, end)[-self.most :]
        table = []
        for row in rows:
            open_, high, low, close, volume = text(row)
            cells = {"close": close, "end": clock(row[0] + QUARTER).replace("T", " ")}
            cells |= {"high": high, "low": low, "open": open_, "quoteVolume": quoted(row)}
            start_ = clock(row[0]).replace("T", " ")
            table.append({**cells, "start": start_, "trades": "12", "volume": volume})
        return table


class Bitso(Dialect):
    """The last 300 of a window, newest first; every fourth request is told to wait in an ordinary
    answer."""

    id, path, most = "bitso", "/ohlc", 300

    def other(self, path: str, query: Query) -> Any:
        tiers = [{"volume": "1500000", "maker": "0.00500", "taker": "0.00650"}]
        market = {
            "book": "btc_usdt",
            "minimum_price": "500",
            "maximum_price": "10000000",
            "minimum_amount": "0.00005",
            "maximum_amount": "500",
            "minimum_value": "5",
            "maximum_value": "10000000",
            "tick_size": "0.01",
            "fees": {"flat_rate": {"maker": "0.500", "taker": "0.650"}, "structure": tiers},
        }
        books = path.endswith("/available_books")
        return {"success": True, "payload": [market] if books else []}

    def candles(self, query: Query) -> Any:
        if self.asked % 4 == 0:
            message = "Too many requests, please try again later"
            return {"success": False, "error": {"code": "0203", "message": message}}
        rows = self.inside(int(query.get("start", 0)), int(query.get("end", self.now)))
        table = []
        for row in reversed(rows[-self.most :]):
            open_, high, low, close, volume = text(row)
            cells = {"bucket_start_time": row[0], "first_trade_time": row[0] + 4990}
            cells |= {"last_trade_time": last_trade(row), "first_rate": open_, "last_rate": close}
            cells |= {"min_rate": low, "max_rate": high, "trade_count": 8, "volume": volume}
            table.append({**cells, "vwap": average(row)})
        return {"success": True, "payload": table}


class Btcturk(Dialect):
    """The last 1000 of a window in seconds whose ends belong to it, as columns."""

    id, path, most = "btcturk", "/klines/history", 1000

    def other(self, path: str, query: Query) -> Any:
        price = {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "10000000"}
        exact = {"tickSize": "0.01", "minExchangeValue": "5", "minAmount": None, "maxAmount": None}
        market = {
            "id": "1",
            "name": "BTCUSDT",
            "nameNormalized": "BTC_USDT",
            "status": "TRADING",
            "numerator": "BTC",
            "denominator": "USDT",
            "numeratorScale": "8",
            "denominatorScale": "2",
            "hasFraction": False,
            "filters": [{**price, **exact}],
            "orderMethods": ["MARKET", "LIMIT"],
            "displayFormat": "#,###",
            "order": "1000",
        }
        body = {"timeZone": "UTC", "serverTime": self.now, "symbols": [market], "currencies": []}
        return {"data": body, "success": True, "message": None, "code": 0}

    def candles(self, query: Query) -> Any:
        start, end = int(query["from"]) * 1000, int(query["to"]) * 1000
        rows = self.inside(start, end + 1)[-self.most :]
        columns: dict[str, Any] = {"s": "ok" if rows else "no_data"}
        columns["t"] = [row[0] // 1000 for row in rows]
        return columns | {n: [row[i] for row in rows] for i, n in enumerate("ohlcv", 1)}


class Indodax(Dialect):
    """The last 1000 of a window in seconds that ends now unless an end is named."""

    id, symbol, path, most = "indodax", "BTC/IDR", "/history_v2", 1000

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/server_time"):
            return {"timezone": "UTC", "server_time": self.now}
        market = {
            "id": "btcidr",
            "symbol": "BTCIDR",
            "base_currency": "idr",
            "traded_currency": "btc",
            "traded_currency_unit": "BTC",
            "description": "BTC/IDR",
            "ticker_id": "btc_idr",
            "volume_precision": 0,
            "price_precision": 1000,
            "price_round": 8,
            "pricescale": 1000,
            "trade_min_base_currency": 10000,
            "trade_min_traded_currency": 0.00007457,
            "has_memo": False,
            "memo_name": False,
            "has_payment_id": False,
            "trade_fee_percent": 0.3,
            "is_maintenance": 0,
        }
        return [market] if path.endswith("/pairs") else []

    def candles(self, query: Query) -> Any:
        start, end = int(query["from"]) * 1000, int(query["to"]) * 1000
        table = []
        for row in self.inside(start, end + 1)[-self.most :]:
            _, open_, high, low, close, volume = row
            cells = {"Time": row[0] // 1000, "Open": open_, "High": high, "Low": low}
            table.append({**cells, "Close": close, "Volume": f"{volume:.10g}"})
        return table


class Hollaex(Dialect):
    """The last 500 of a window that ends now unless an end is named."""

    id, path, most = "hollaex", "/chart", 500

    def other(self, path: str, query: Query) -> Any:
        market = {
            "id": 2,
            "name": "btc-usdt",
            "pair_base": "btc",
            "pair_2": "usdt",
            "taker_fees": {"1": 0.3},
            "maker_fees": {"1": 0.1},
            "min_size": 0.0001,
            "max_size": 1000,
            "min_price": 100,
            "max_price": 100000,
            "increment_size": 0.0001,
            "increment_price": 0.05,
            "active": True,
            "created_at": "2019-12-09T07:15:54.537Z",
            "updated_at": "2019-12-09T07:15:54.537Z",
        }
        return {"coins": {}, "pairs": {"btc-usdt": market}, "config": {"tiers": 10}, "status": True}

    def candles(self, query: Query) -> Any:
        rows = self.inside(int(query["from"]) * 1000, int(query["to"]) * 1000)[-self.most :]
        table = []
        for row in rows:
            _, open_, high, low, close, volume = row
            cells = {"time": clock(row[0]) + ".000Z", "close": close, "high": high, "low": low}
            table.append({**cells, "open": open_, "symbol": "btc-usdt", "volume": volume})
        return table


class Pacifica(Dialect):
    """A window, up to 3960 candles of it; a wider one is refused."""

    id, symbol, path, most = "pacifica", "BTC/USDC:USDC", "/kline", 3960

    def other(self, path: str, query: Query) -> Any:
        market = {
            "symbol": "BTC",
            "tick_size": "1",
            "min_tick": "0",
            "max_tick": "1000000",
            "lot_size": "0.00001",
            "max_leverage": 50,
            "isolated_only": False,
            "min_order_size": "10",
            "max_order_size": "5000000",
            "funding_rate": "0.0000125",
            "next_funding_rate": "0.0000125",
            "created_at": 1748881333944,
            "instrument_type": "perpetual",
            "base_asset": "BTC",
        }
        data = [market] if path.endswith("/info") else []
        return {"success": True, "data": data, "error": None, "code": None}

    def candles(self, query: Query) -> Any:
        start, end = int(query["start_time"]), int(query["end_time"])
        if (end - start) // QUARTER > self.most:
            message = {"success": False, "data": None, "error": "Range too wide", "code": 400}
            raise RefusedError(400, message)
        table = []
        for row in self.inside(start, end + 1):
            open_, high, low, close, volume = text(row)
            cells = {"t": row[0], "T": row[0] + QUARTER, "s": "BTC", "i": "15m", "o": open_}
            table.append({**cells, "c": close, "h": high, "l": low, "v": volume, "n": 2})
        return {"success": True, "data": table, "error": None, "code": None}


class Zebpay(Dialect):
    """The last 100 of a window of which both ends must be named."""

    id, path, most = "zebpay", "/klines", 100

    def other(self, path: str, query: Query) -> Any:
        head = {"statusDescription": "OK", "statusCode": 200, "customMessage": ["OK"]}
        if "/time" in path.lower():
            return {**head, "timestamp": self.now, "data": {"timestamp": self.now}}
        market = {
            "symbol": "BTC-USDT",
            "status": "TRADING",
            "baseAsset": "BTC",
            "quoteAsset": "USDT",
            "takerFee": "0.01",
            "makerFee": "0.01",
            "tickSz": "0.1",
            "lotSz": "0.00001",
        }
        spot = path.endswith("/exchangeInfo")
        return {**head, "data": {"symbols": [market] if spot else []}}

    def candles(self, query: Query) -> Any:
        if "startTime" not in query or "endTime" not in query:
            raise RefusedError(400, {"statusDescription": "Bad Request", "statusCode": 400})
        rows = self.inside(int(query["startTime"]), int(query["endTime"]))[-self.most :]
        table = [[str(row[0]), *text(row), quoted(row)] for row in rows]
        return {"statusDescription": "OK", "data": table, "statusCode": 200, "customMessage": []}


LATEST: dict[str, type[Dialect]] = {
    kind.id: kind for kind in (Backpack, Bitso, Btcturk, Hollaex, Indodax, Pacifica, Zebpay)
}
