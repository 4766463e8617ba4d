"""Still more exchanges, as `dialects` has them: windows of their own, and limits of few sizes.

What they do is from their documents as the methods of ccxt 4.5.90 name them; the fields of markets
and candles are those that the comments of its `fetch_markets` and `parse_ohlcv` show:

* bitvavo: docs.bitvavo.com/docs/rest-api/get-candlestick-data
* blofin: blofin.com/docs, get-candlesticks
* phemex: github.com/phemex/phemex-api-docs/blob/2f54a9281e9fe1486bd21d619b6199e539c1877b/
  Public-Hedged-Perpetual-API.md, "Query kline": a limit is 5, 10, 50, 100, 500 or 1000
* poloniex: api-docs.poloniex.com/spot/api/public/market-data, candles
* weex: weex.com/api-doc/contract/Market_API, GetKlines and GetHistoryKlines
* whitebit: docs.whitebit.com/public/http-v1, kline
* woo: developer.woox.io/api-reference/endpoint/public_data/klineHistory
* xt: doc.xt.com/docs/spot/Market/GetKlineData

Where a document does not say which candles of a window too wide are given, the last ones are: the
case in which a naive downloader loses most.
"""

from __future__ import annotations

from typing import Any

from tests.exchange.dialects import QUARTER, Dialect, Query, RefusedError, quoted, text
from tests.exchange.market_answers import WEEX_SWAP


class Bitvavo(Dialect):
    """The newest 1440 of a window, newest first."""

    id, symbol, path, most = "bitvavo", "BTC/EUR", "/candles", 1440

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"time": self.now}
        if path.endswith("/assets"):
            return []
        return [
            {
                "market": "BTC-EUR",
                "status": "trading",
                "base": "BTC",
                "quote": "EUR",
                "pricePrecision": "0",
                "tickSize": "1.00",
                "minOrderInBaseAsset": "0.00006100",
                "minOrderInQuoteAsset": "5.00",
                "maxOrderInBaseAsset": "1000000000.00000000",
                "maxOrderInQuoteAsset": "1000000000.00",
                "quantityDecimals": "8",
                "notionalDecimals": "2",
                "maxOpenOrders": "100",
                "feeCategory": "A",
                "orderTypes": ["market", "limit"],
            }
        ]

    def candles(self, query: Query) -> Any:
        rows = self.inside(int(query.get("start", 0)), int(query.get("end", self.now)) + 1)
        rows = rows[-min(self.most, int(query.get("limit", 1440))) :]
        return [[row[0], *text(row)] for row in reversed(rows)]


class Blofin(Dialect):
    """The newest 100 between `before` and `after`, both left out; no clock."""

    id, symbol, path = "blofin", "BTC/USDT:USDT", "/market/candles"

    def other(self, path: str, query: Query) -> Any:
        return {
            "code": "0",
            "msg": "success",
            "data": [
                {
                    "instId": "BTC-USDT",
                    "baseCurrency": "BTC",
                    "quoteCurrency": "USDT",
                    "contractValue": "0.001",
                    "listTime": "1638316800000",
                    "expireTime": "3000000000000",
                    "maxLeverage": "125",
                    "minSize": "0.1",
                    "lotSize": "0.1",
                    "tickSize": "0.1",
                    "instType": "SWAP",
                    "contractType": "linear",
                    "maxLimitSize": "100000000",
                    "maxMarketSize": "200000",
                    "state": "live",
                    "settleCurrency": "USDT",
                }
            ],
        }

    def candles(self, query: Query) -> Any:
        rows = self.inside(int(query.get("before", -1)) + 1, int(query.get("after", self.now + 1)))
        rows = rows[-min(100, int(query.get("limit", 100))) :]
        table = [
            [
                *(str(row[0]), *text(row)[:4], f"{row[5] * 1000:.10g}", text(row)[4], quoted(row)),
                str(int(self.closed(row))),
            ]
            for row in reversed(rows)
        ]
        return {"code": "0", "msg": "success", "data": table}


class Phemex(Dialect):
    """Of swaps a window of at most 1000; a limit of another size than the usual ones is refused."""

    id, symbol, path = "phemex", "BTC/USDT:USDT", "/md/v2/kline/list"

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"code": 0, "msg": "", "data": {"serverTime": self.now}}
        if "/v2/public/products" not in path and not path.endswith("/public/products"):
            return {"code": 0, "msg": "OK", "data": {"rows": []}}
        if "exchange" in path:
            return {"code": 0, "msg": "OK", "data": []}
        product = {
            "symbol": "BTCUSDT",
            "code": 41541,
            "type": "PerpetualV2",
            "displaySymbol": "BTC / USDT",
            "indexSymbol": ".BTCUSDT",
            "markSymbol": ".MBTCUSDT",
            "fundingRateSymbol": ".BTCUSDTFR",
            "contractUnderlyingAssets": "BTC",
            "settleCurrency": "USDT",
            "quoteCurrency": "USDT",
            "tickSize": "0.1",
            "priceScale": 0,
            "ratioScale": 0,
            "pricePrecision": 1,
            "baseCurrency": "BTC",
            "status": "Listed",
            "listTime": 1668225600000,
            "majorSymbol": True,
            "minPriceRp": "0.1",
            "maxPriceRp": "2000000000",
            "maxOrderQtyRq": "500000",
            "qtyPrecision": 3,
            "qtyStepSize": "0.001",
            "minOrderValueRv": "1",
        }
        data = {"ratioScale": 8, "currencies": [], "products": [], "perpProductsV2": [product]}
        return {"code": 0, "msg": "", "data": data}

    def candles(self, query: Query) -> Any:
        if int(query.get("limit", 1000)) not in (5, 10, 50, 100, 500, 1000):
            raise RefusedError(400, {"code": 30018, "msg": "phemex.data.size.uplimits"})
        rows = self.inside(int(query["from"]) * 1000, int(query["to"]) * 1000)
        rows = rows[: int(query.get("limit", 1000))]
        table = []
        for row in rows:
            open_, high, low, close, volume = text(row)
            at = (row[0] // 1000, 900, open_)
            table.append([*at, open_, high, low, close, volume, quoted(row)])
        return {"code": 0, "msg": "OK", "data": {"total": -1, "rows": table}}


class Poloniex(Dialect):
    """The last 500 of a window."""

    id, path = "poloniex", "/candles"

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/timestamp"):
            return {"serverTime": self.now}
        if path.endswith("/markets"):
            limits = {
                "symbol": "BTC_USDT",
                "priceScale": 2,
                "quantityScale": 6,
                "amountScale": 2,
                "minQuantity": "0.000001",
                "minAmount": "1",
                "highestBid": "0",
                "lowestAsk": "0",
            }
            return [
                {
                    "symbol": "BTC_USDT",
                    "baseCurrencyName": "BTC",
                    "quoteCurrencyName": "USDT",
                    "displayName": "BTC/USDT",
                    "state": "NORMAL",
                    "visibleStartTime": 1659018816626,
                    "tradableStartTime": 1659018816626,
                    "symbolTradeLimit": limits,
                }
            ]
        return []

    def candles(self, query: Query) -> Any:
        rows = self.inside(int(query.get("startTime", 0)), int(query.get("endTime", self.now)) + 1)
        table = []
        for row in rows[-min(500, int(query.get("limit", 100))) :]:
            open_, high, low, close, volume = text(row)
            prices = (low, high, open_, close, quoted(row), volume, "1", "0.001", 33, 0)
            table.append([*prices, open_, "MINUTE_15", row[0], row[0] + QUARTER - 1])
        return table


class Whitebit(Dialect):
    """The last 1440 of a window, which ends now unless `end` is named."""

    id, path = "whitebit", "/kline"

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"time": self.now // 1000}
        if path.endswith("/markets"):
            return [
                {
                    "name": "BTC_USDT",
                    "stock": "BTC",
                    "money": "USDT",
                    "stockPrec": "6",
                    "moneyPrec": "2",
                    "feePrec": "6",
                    "makerFee": "0.1",
                    "takerFee": "0.1",
                    "minAmount": "0.000001",
                    "minTotal": "5.05",
                    "tradesEnabled": True,
                    "isCollateral": True,
                    "type": "spot",
                    "maxTotal": "2000000000",
                }
            ]
        return {}

    def candles(self, query: Query) -> Any:
        end = int(query["end"]) * 1000 if "end" in query else self.now
        rows = self.inside(int(query.get("start", 0)) * 1000, end + 1)
        table = []
        for row in rows[-min(1440, int(query.get("limit", 1440))) :]:
            open_, high, low, close, volume = text(row)
            table.append([row[0] // 1000, open_, close, high, low, volume, quoted(row)])
        return {"success": True, "message": None, "result": table}


class Woo(Dialect):
    """The newest 1000 of a window, newest first, of old candles 100."""

    id, path = "woo", "/klineHistory"

    def other(self, path: str, query: Query) -> Any:
        head = {"success": True, "timestamp": self.now}
        if path.endswith("/instruments"):
            market = {
                "symbol": "SPOT_BTC_USDT",
                "status": "TRADING",
                "baseAsset": "BTC",
                "baseAssetMultiplier": 1,
                "quoteAsset": "USDT",
                "quoteMin": "0",
                "quoteMax": "200000",
                "quoteTick": "0.01",
                "baseMin": "0.00001",
                "baseMax": "300",
                "baseTick": "0.00000001",
                "minNotional": "1",
                "bidCapRatio": "1.1",
                "orderMode": "NORMAL",
            }
            return {**head, "data": {"rows": [market]}}
        return {**head, "rows": [], "data": {"status": 0, "msg": "", "rows": []}}

    def candles(self, query: Query) -> Any:
        since = int(query.get("after", -1)) + 1
        most = 1000 if since > self.now - 999 * QUARTER else 100
        rows = self.inside(since, int(query.get("before", self.now + 1)))
        rows = rows[-min(most, int(query.get("limit", 100))) :]
        names = ("open", "high", "low", "close", "volume")
        table = [
            {
                "symbol": "SPOT_BTC_USDT",
                **dict(zip(names, text(row), strict=True)),
                "amount": quoted(row),
                "type": "15m",
                "startTimestamp": row[0],
                "endTimestamp": row[0] + QUARTER,
            }
            for row in reversed(rows)
        ]
        return {"success": True, "data": {"rows": table}, "timestamp": self.now}


class Xt(Dialect):
    """The newest 1000 of a window, newest first."""

    id, path = "xt", "/v4/public/kline"

    def other(self, path: str, query: Query) -> Any:
        head: dict[str, Any] = {"rc": 0, "mc": "SUCCESS", "ma": []}
        if path.endswith("/time"):
            return {**head, "result": {"serverTime": self.now}}
        if not path.endswith("/symbol"):
            return {**head, "result": {"currencies": []} if "currencies" in path else []}
        market = {
            "id": 614,
            "symbol": "btc_usdt",
            "state": "ONLINE",
            "tradingEnabled": True,
            "openapiEnabled": True,
            "nextStateTime": None,
            "nextState": None,
            "depthMergePrecision": 5,
            "baseCurrency": "btc",
            "baseCurrencyPrecision": 10,
            "baseCurrencyId": 2,
            "quoteCurrency": "usdt",
            "quoteCurrencyPrecision": 8,
            "quoteCurrencyId": 11,
            "pricePrecision": 2,
            "quantityPrecision": 5,
            "orderTypes": ["LIMIT", "MARKET"],
            "timeInForces": ["GTC", "IOC"],
            "filters": [{"filter": "QUOTE_QTY", "min": "1"}],
        }
        result = {"time": self.now, "version": "abb101d1543e54bee40687b135411ba0"}
        return {**head, "result": {**result, "symbols": [market]}}

    def candles(self, query: Query) -> Any:
        rows = self.inside(int(query.get("startTime", 0)), int(query.get("endTime", self.now)) + 1)
        table = []
        for row in reversed(rows[-min(1000, int(query.get("limit", 100))) :]):
            open_, high, low, close, volume = text(row)
            prices = {"t": row[0], "o": open_, "c": close, "h": high, "l": low}
            table.append({**prices, "q": volume, "v": quoted(row)})
        return {"rc": 0, "mc": "SUCCESS", "ma": [], "result": table}


class Weex(Dialect):
    """Of swaps the newest 1000, whatever is asked; older ones at an address of their own, which
    gives the last 100 of a window."""

    id, symbol, path = "weex", "BTC/USDT:USDT", "lines"

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"serverTime": self.now}
        market = {
            **WEEX_SWAP,
            "baseAssetPrecision": "2",
            "quotePrecision": "8",
            "delivery": ["00:00:00", "08:00:00", "16:00:00"],
            "minLeverage": "1",
            "maxLeverage": "400",
            "makerFeeRate": "0.0002",
            "takerFeeRate": "0.0008",
            "maxPositionSize": "5000000",
        }
        return {"symbols": [market] if "capi" in path else []}

    def candles(self, query: Query) -> Any:
        if query["path"].endswith("/historyKlines"):
            rows = self.inside(int(query["startTime"]), int(query["endTime"]) + 1)[-100:]
        else:
            rows = self.begun()[-min(KEPT, int(query.get("limit", 100))) :]
        return [
            [row[0], *text(row), row[0] + QUARTER - 1, quoted(row), 87, "1", "2"] for row in rows
        ]


KEPT = 300
"""In place of 1000, of which the market of the tests has no more."""
MORE: dict[str, type[Dialect]] = {
    kind.id: kind for kind in (Bitvavo, Blofin, Phemex, Poloniex, Weex, Whitebit, Woo, Xt)
}
