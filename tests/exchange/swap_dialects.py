"""Exchanges of swaps, as `dialects` has them.

What they do is from their documents as the methods of ccxt 4.5.90 name them; the fields of markets
and candles are those that the comments of its `fetch_markets` and `fetch_ohlcv` show:

* apex: api-docs.omni.apex.exchange, Get Candlestick Chart Data V3
* aster: asterdex.github.io/aster-api-website/futures-v3/market-data, Kline/Candlestick Data
* extended: api.docs.extended.exchange, Get candles history
* grvt: api-docs.grvt.io/market_data_api, Candlestick
* krakenfutures: docs.kraken.com/api-reference/candles/market-candles
* nado: docs.nado.xyz/developer-resources/api/archive-indexer/candlesticks

Of apex the document does not say which candles of a window too wide are given: the last ones are,
the case in which a naive downloader loses most.
"""

from __future__ import annotations

from typing import Any

from tests.exchange.dialects import QUARTER, Dialect, Query, quoted, text

NANO = 10**6
"""Nanoseconds in a millisecond."""


class Apex(Dialect):
    """The last 200 of a window in seconds, of all where no end is named."""

    id, symbol, path, most = "apex", "BTC/USDT:USDT", "/klines", 200

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"data": {"time": self.now}}
        market = {
            "crossId": 30002,
            "crossSymbolId": 10,
            "crossSymbolName": "BTCUSDT",
            "displayMaxLeverage": "100",
            "displayMinLeverage": "1",
            "enableDisplay": True,
            "enableOpenPosition": True,
            "enableTrade": True,
            "maintenanceMarginRate": "0.005",
            "maxOrderSize": "50",
            "minOrderSize": "0.0010",
            "settleAssetId": "USDT",
            "baseTokenId": "BTC",
            "stepSize": "0.001",
            "symbol": "BTC-USDT",
            "symbolDisplayName": "BTCUSDT",
            "tickSize": "0.1",
            "l2PairId": "50001",
        }
        return {"data": {"contractConfig": {"perpetualContract": [market]}}}

    def candles(self, query: Query) -> Any:
        end = int(query["end"]) * 1000 if "end" in query else self.now
        rows = self.inside(int(query.get("start", 0)) * 1000, end + 1)
        table = []
        for row in rows[-min(self.most, int(query["limit"])) :]:
            cells = {"s": "BTCUSDT", "i": "15", "t": row[0], "tr": quoted(row)}
            table.append(cells | dict(zip("ohlcv", text(row), strict=True)))
        return {"data": {"BTCUSDT": table}}


class Aster(Dialect):
    """The first 1500 from the start; 500 unless more are asked for."""

    id, symbol, path, most = "aster", "BTC/USDT:USDT", "/klines", 1500

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"serverTime": self.now}
        price = {"filterType": "PRICE_FILTER", "minPrice": "1", "maxPrice": "1000000"}
        lot = {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"}
        market = {
            "symbol": "BTCUSDT",
            "pair": "BTCUSDT",
            "contractType": "PERPETUAL",
            "deliveryDate": "4133404800000",
            "onboardDate": "1627628400000",
            "status": "TRADING",
            "maintMarginPercent": "2.5000",
            "requiredMarginPercent": "5.0000",
            "baseAsset": "BTC",
            "quoteAsset": "USDT",
            "marginAsset": "USDT",
            "pricePrecision": "1",
            "quantityPrecision": "3",
            "baseAssetPrecision": "8",
            "quotePrecision": "8",
            "underlyingType": "COIN",
            "filters": [
                {**price, "tickSize": "0.1"},
                lot,
                {**lot, "filterType": "MARKET_LOT_SIZE"},
                {"filterType": "MIN_NOTIONAL", "notional": "5"},
            ],
        }
        return {"timezone": "UTC", "serverTime": self.now, "symbols": [market]}

    def candles(self, query: Query) -> Any:
        end = int(query.get("endTime", self.now))
        rows = self.inside(int(query.get("startTime", 0)), end + 1)
        most = min(self.most, int(query.get("limit", 500)))
        rows = rows[:most] if "startTime" in query else rows[-most:]
        rest = ["1756.87402397", "28.46694368", "0"]
        return [[r[0], *text(r), r[0] + QUARTER - 1, quoted(r), 308, *rest] for r in rows]


class Extended(Dialect):
    """The last of all, newest first, up to an end where one is named; no start is heard."""

    id, symbol, path, most = "extended", "BTC/USDC:USDC", "/candles", 10_000

    def speaks(self, path: str, query: Query) -> bool:
        return "/candles/" in path

    def other(self, path: str, query: Query) -> Any:
        trading = {
            "minOrderSize": "0.0001",
            "minOrderSizeChange": "0.00001",
            "minPriceChange": "0.1",
            "maxLimitOrderValue": "15000000",
            "maxLeverage": "50.00",
        }
        market = {
            "name": "BTC-USD",
            "category": "Crypto",
            "assetName": "BTC",
            "assetPrecision": 5,
            "collateralAssetName": "USD",
            "collateralAssetPrecision": 6,
            "active": True,
            "status": "ACTIVE",
            "tradingConfig": trading,
            "createdAt": 1752829532673,
        }
        return {"status": "OK", "data": [market]}

    def candles(self, query: Query) -> Any:
        rows = self.inside(0, int(query.get("endTime", self.now)) + 1)
        table = [
            {"T": row[0], **dict(zip("ohlcv", text(row), strict=True))}
            for row in rows[-min(self.most, int(query["limit"])) :]
        ]
        return {"status": "OK", "data": table[::-1]}


class Grvt(Dialect):
    """The last 1000 of a window in nanoseconds, newest first."""

    id, symbol, path, most = "grvt", "BTC/USDT:USDT", "/kline", 1000

    def other(self, path: str, query: Query) -> Any:
        market = {
            "instrument": "BTC_USDT_Perp",
            "instrument_hash": "0x030501",
            "base": "BTC",
            "quote": "USDT",
            "kind": "PERPETUAL",
            "venues": ["ORDERBOOK", "RFQ"],
            "settlement_period": "PERPETUAL",
            "base_decimals": 9,
            "quote_decimals": 6,
            "tick_size": "0.1",
            "min_size": "0.001",
            "max_position_size": "1000.0",
            "funding_interval_hours": 8,
            "min_notional": "100.0",
        }
        return {"result": [market]}

    def candles(self, query: Query) -> Any:
        start = int(query.get("start_time", 0)) // NANO
        end = int(query.get("end_time", self.now * NANO)) // NANO
        table = []
        for row in self.inside(start, end + 1)[-min(self.most, int(query.get("limit", 500))) :]:
            times = {"open_time": row[0] * NANO, "close_time": (row[0] + QUARTER) * NANO}
            cells = dict(zip(("open", "high", "low", "close", "volume_b"), text(row), strict=True))
            cells |= {name: str(time) for name, time in times.items()}
            cells |= {"volume_q": quoted(row), "instrument": "BTC_USDT_Perp"}
            table.append({**cells, "trades": 38})
        return {"result": table[::-1], "next": "eyJvcGVuVGltZSI6MX0"}


class Krakenfutures(Dialect):
    """The first 2000 of a window in seconds whose ends belong to it."""

    id, symbol, path, most = "krakenfutures", "BTC/USD:USD", "/15m", 2000

    def other(self, path: str, query: Query) -> Any:
        level = {"numNonContractUnits": 0, "initialMargin": 0.02, "maintenanceMargin": 0.01}
        market = {
            "symbol": "PF_XBTUSD",
            "type": "flexible_futures",
            "tickSize": 0.1,
            "contractSize": 1,
            "tradeable": True,
            "impactMidSize": 1,
            "contractValueTradePrecision": 4,
            "marginLevels": [level],
            "category": "Layer 1",
            "tags": [],
        }
        index = {"symbol": "in_xbtusd", "type": "spot index", "tradeable": False}
        return {"result": "success", "instruments": [market, index]}

    def candles(self, query: Query) -> Any:
        rows = self.inside(int(query["from"]) * 1000, int(query["to"]) * 1000 + 1)
        table = []
        for row in rows[: self.most]:
            prices = zip(("open", "high", "low", "close"), text(row)[:4], strict=True)
            table.append({"time": row[0], **dict(prices), "volume": row[5]})
        return {"candles": table, "more_candles": len(rows) > self.most}


class Nado(Dialect):
    """The last 500 of all, newest first, up to an end in seconds where one is named; no start is
    heard. Numbers are multiples of 1e-18."""

    id, symbol, path, most = "nado", "BTC/USDT0:USDT0", "candlesticks", 500

    def speaks(self, path: str, query: Query) -> bool:
        return self.path in query

    def other(self, path: str, query: Query) -> Any:
        if query.get("type") == "time":
            return {"status": "success", "method": "time", "id": 2, "server_time": str(self.now)}
        if path.endswith("/pairs"):
            return [{"product_id": 2, "ticker_id": "BTC-PERP_USDT0", "quote": "USDT0"}]
        if path.endswith("/assets"):
            coin = {"product_id": 2, "ticker_id": "BTC-PERP_USDT0", "symbol": "BTC-PERP"}
            return [coin, {"product_id": 0, "symbol": "USDT0", "can_deposit": True}]
        market = {
            "type": "perp",
            "product_id": 2,
            "symbol": "BTC-PERP",
            "price_increment_x18": "100000000000000000",
            "size_increment": "50000000000000",
            "min_size": "100000000000000000000",
            "maker_fee_rate_x18": "100000000000000",
            "taker_fee_rate_x18": "350000000000000",
            "trading_status": "live",
        }
        return [market]

    def candles(self, query: Query) -> Any:
        asked = query[self.path]
        rows = self.inside(0, int(asked.get("max_time", self.now // 1000)) * 1000 + 1)
        names = ("open_x18", "high_x18", "low_x18", "close_x18", "volume")
        table = []
        for row in rows[-min(self.most, asked.get("limit", 100)) :]:
            numbers = [f"{round(value * 10**6)}{0:012d}" for value in row[1:]]
            cells = {"product_id": 2, "granularity": 900, "submission_idx": "627709"}
            cells |= dict(zip(names, numbers, strict=True))
            table.append({**cells, "timestamp": str(row[0] // 1000)})
        return {"candlesticks": table[::-1]}


SWAPS: dict[str, type[Dialect]] = {
    kind.id: kind for kind in (Apex, Aster, Extended, Grvt, Krakenfutures, Nado)
}
