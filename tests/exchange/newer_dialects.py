"""Exchanges younger or smaller, as `dialects` has them.

What they do is from their documents as the methods of ccxt 4.5.90 name them; the fields of markets
and candles are those that the comments of its `fetch_markets` and `fetch_ohlcv` show:

* bingx: bingx-api.github.io/docs, spot, Kline/Candlestick Data
* bitrue: github.com/Bitrue-exchange/Spot-official-api-docs, kline data
* deribit: docs.deribit.com, public/get_tradingview_chart_data
* hashkey: hashkeyglobal-apidoc.readme.io, get-kline
* lbank: lbank.com/en-US/docs, query K bar data
* paradex: docs.paradex.trade, markets klines

Where a document does not say which candles of a window too wide are given, the last ones are: the
case in which a naive downloader loses most.
"""

from __future__ import annotations

from typing import Any

from tests.exchange.dialects import QUARTER, Dialect, Query, quoted, text


class Bingx(Dialect):
    """The newest 1440 of a window, newest first; the open of the window itself is left out."""

    id, path, most = "bingx", "/market/kline", 1440

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/server/time"):
            return {"code": 0, "msg": "", "data": {"serverTime": self.now}}
        market = {
            "symbol": "BTC-USDT",
            "minQty": 0.00002,
            "maxQty": 100,
            "minNotional": 1,
            "maxNotional": 500000,
            "status": 1,
            "tickSize": 0.01,
            "stepSize": 0.000001,
            "apiStateSell": True,
            "apiStateBuy": True,
            "timeOnline": 0,
            "offTime": 0,
            "maintainTime": 0,
        }
        spot = path.endswith("/common/symbols")
        return {"code": 0, "msg": "", "debugMsg": "", "data": {"symbols": [market]} if spot else []}

    def candles(self, query: Query) -> Any:
        rows = self.inside(int(query.get("startTime", 0)) + 1, int(query.get("endTime", self.now)))
        rows = rows[-min(self.most, int(query.get("limit", 500))) :]
        table = []
        for row in reversed(rows):
            open_, high, low, close, volume = (float(cell) for cell in text(row))
            after = row[0] + QUARTER - 1
            table.append([row[0], open_, high, low, close, volume, after, float(quoted(row))])
        return {"code": 0, "timestamp": self.now, "data": table}


class Bitrue(Dialect):
    """The newest 1440 before `fromIdx`, of all without it, newest first."""

    id, path, most = "bitrue", "/market/kline", 1440

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"serverTime": self.now}
        if "fapi" in path or "dapi" in path:
            return []
        price = {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "900000"}
        lot = {"filterType": "LOT_SIZE", "minQty": "0.0001", "minVal": "5.0", "maxQty": "1000"}
        market = {
            "symbol": "BTCUSDT",
            "status": "TRADING",
            "baseAsset": "btc",
            "baseAssetPrecision": 5,
            "quoteAsset": "usdt",
            "quotePrecision": 2,
            "orderTypes": ["MARKET", "LIMIT"],
            "icebergAllowed": False,
            "filters": [{**price, "priceScale": 2}, {**lot, "volumeScale": 5}],
            "defaultPrice": "30000.0",
        }
        return {"timezone": "CTT", "serverTime": self.now, "symbols": [market], "coins": []}

    def candles(self, query: Query) -> Any:
        rows = self.inside(0, int(query.get("fromIdx", self.now)) + 1)
        rows = rows[-min(self.most, int(query.get("limit", 300))) :]
        table = []
        for row in reversed(rows):
            open_, high, low, close, volume = text(row)
            cells = {"i": row[0] // 1000, "is": row[0], "a": quoted(row), "v": volume, "c": close}
            table.append({**cells, "h": high, "l": low, "o": open_})
        return {"symbol": "BTCUSDT", "scale": "KLINE_15MIN", "data": table}


class Deribit(Dialect):
    """The last 5000 of a window, as columns."""

    id, symbol, path, most = "deribit", "BTC/USDC:USDC", "/get_tradingview_chart_data", 5000

    def other(self, path: str, query: Query) -> Any:
        head = {"jsonrpc": "2.0", "usIn": 1, "usOut": 2, "usDiff": 1, "testnet": False}
        if path.endswith("/get_time"):
            return {**head, "result": self.now}
        market = {
            "tick_size": 0.5,
            "taker_commission": 0.0005,
            "settlement_period": "perpetual",
            "settlement_currency": "USDC",
            "quote_currency": "USDC",
            "min_trade_amount": 0.0001,
            "max_liquidation_commission": 0.0075,
            "max_leverage": 50,
            "maker_commission": 0.0,
            "kind": "future",
            "is_active": True,
            "instrument_name": "BTC_USDC-PERPETUAL",
            "future_type": "linear",
            "expiration_timestamp": 32503708800000,
            "creation_timestamp": 1641945600000,
            "counter_currency": "USDC",
            "contract_size": 0.0001,
            "block_trade_commission": 0.0001,
            "base_currency": "BTC",
        }
        return {**head, "result": [market] if path.endswith("/get_instruments") else []}

    def candles(self, query: Query) -> Any:
        start, end = int(query["start_timestamp"]), int(query["end_timestamp"])
        rows = self.inside(start, end + 1)[-self.most :]
        columns = {"ticks": [row[0] for row in rows], "status": "ok" if rows else "no_data"}
        for place, name in enumerate(("open", "high", "low", "close", "volume"), 1):
            columns[name] = [row[place] for row in rows]
        columns["cost"] = [float(quoted(row)) for row in rows]
        return {"jsonrpc": "2.0", "result": columns, "usIn": 1, "usOut": 2, "usDiff": 1}


class Hashkey(Dialect):
    """The last 1000 of a window, which ends now unless an end is named."""

    id, path, most = "hashkey", "/klines", 1000

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"serverTime": self.now}
        tick = {"minPrice": "0.01", "maxPrice": "900000.00000000", "tickSize": "0.01"}
        lot = {"minQty": "0.00001", "maxQty": "8", "stepSize": "0.00001"}
        market = {
            "symbol": "BTCUSDT",
            "symbolName": "BTCUSDT",
            "status": "TRADING",
            "baseAsset": "BTC",
            "baseAssetName": "BTC",
            "baseAssetPrecision": "0.00001",
            "quoteAsset": "USDT",
            "quoteAssetName": "USDT",
            "quotePrecision": "0.0000001",
            "retailAllowed": True,
            "icebergAllowed": False,
            "isAggregate": False,
            "allowMargin": False,
            "filters": [
                {**tick, "filterType": "PRICE_FILTER"},
                {**lot, "filterType": "LOT_SIZE"},
                {"minNotional": "1", "filterType": "MIN_NOTIONAL"},
            ],
        }
        lists: dict[str, Any] = {"symbols": [market], "options": [], "contracts": [], "coins": []}
        return {"timezone": "UTC", "serverTime": str(self.now), "brokerFilters": [], **lists}

    def candles(self, query: Query) -> Any:
        rows = self.inside(int(query.get("startTime", 0)), int(query.get("endTime", self.now)) + 1)
        rows = rows[-min(self.most, int(query.get("limit", 1000))) :]
        return [[row[0], *text(row), 0, quoted(row), 87, "1", "2"] for row in rows]


class Lbank(Dialect):
    """The first 2000 from `time` on, in seconds."""

    id, path, most = "lbank", "/kline.do", 2000

    def other(self, path: str, query: Query) -> Any:
        head = {"result": "true", "error_code": 0, "ts": self.now}
        if path.endswith(("/timestamp.do", "/getTime")):
            return {**head, "data": self.now}
        market = {
            "symbol": "btc_usdt",
            "quantityAccuracy": "4",
            "minTranQua": "0.0001",
            "priceAccuracy": "2",
        }
        return {**head, "data": [market] if path.endswith("/accuracy.do") else []}

    def candles(self, query: Query) -> Any:
        rows = self.inside(int(query["time"]) * 1000, self.now + 1)
        rows = rows[: min(self.most, int(query["size"]))]
        table = [[row[0] // 1000, *row[1:]] for row in rows]
        return {"result": "true", "data": table, "error_code": 0, "ts": self.now}


class Paradex(Dialect):
    """The last 1000 of a window whose ends are named."""

    id, symbol, path, most = "paradex", "BTC/USD:USDC", "/markets/klines", 1000

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/system/time"):
            return {"server_time": str(self.now)}
        market = {
            "symbol": "BTC-USD-PERP",
            "base_currency": "BTC",
            "quote_currency": "USD",
            "settlement_currency": "USDC",
            "order_size_increment": "0.00001",
            "price_tick_size": "0.1",
            "min_notional": "10",
            "open_at": 1691496000000,
            "expiry_at": 0,
            "asset_kind": "PERP",
            "position_limit": "500",
            "price_bands_width": "0.05",
            "max_open_orders": 100,
            "max_funding_rate": "0.02",
            "max_order_size": "100",
            "price_feed_id": "GVXRSBjFk6e6J3NbVPXohDJetcTjaeeuykUpbQF8UoMU",
        }
        return {"results": [market] if path.endswith("/markets") else []}

    def candles(self, query: Query) -> Any:
        rows = self.inside(int(query["start_at"]), int(query["end_at"]) + 1)[-self.most :]
        return {"results": [list(row) for row in rows]}


NEWER: dict[str, type[Dialect]] = {
    kind.id: kind for kind in (Bingx, Bitrue, Deribit, Hashkey, Lbank, Paradex)
}
