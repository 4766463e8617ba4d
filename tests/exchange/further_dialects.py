"""Further exchanges as `dialects` has them: of two platforms that others use too, and those that
count the quote currency or hear nothing at all.

The fields of markets and candles are those that the comments of ccxt 4.5.90's `fetch_markets`,
`parse_market` and `fetch_ohlcv` show; what the exchanges do is from these and from the documents
that they name:

* bitteam: bit.team/trade/api/documentation, history of a pair
* btse: docs.btse.com/markets/rest/get-klines
* coinbaseexchange: docs.cloud.coinbase.com/exchange/reference/exchangerestapi_getproductcandles
* coinbaseinternational: docs.cdp.coinbase.com/api-reference/market-data,
  public-get_tradingview_chart_data
* tokocrypto: tokocrypto.com/apidocs, klines
* toobit: api-docs.toobit.com, spot market data, kline/candlestick data

Where a document does not say which candles of a window too wide are given, the last ones are: the
case in which a naive downloader loses most.
"""

from __future__ import annotations

from typing import Any

from tests.exchange.dialects import QUARTER, Dialect, Query, RefusedError, moment, quoted, text


class Bitteam(Dialect):
    """The newest of all in seconds, oldest first; neither start, end nor number is heard."""

    id, path, kept = "bitteam", "/15", 1000

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/assets"):
            return []
        market = {
            "id": 24,
            "name": "btc_usdt",
            "baseAssetId": 9,
            "quoteAssetId": 3,
            "fullName": "BTC USDT",
            "active": True,
            "baseStep": 8,
            "quoteStep": 6,
            "status": 1,
            "settings": {"limit_usd": "0.1", "price_tick": "1", "lot_size_tick": "1"},
            "timeStart": "2021-01-28T09:19:30.706Z",
        }
        result = {"count": 1, "pairs": [market]} if path.endswith("/pairs") else {"currencies": []}
        return {"ok": True, "result": result}

    def candles(self, query: Query) -> Any:
        table = [
            {"t": row[0] // 1000, **dict(zip("ohlcv", row[1:], strict=True))}
            for row in self.newest()
        ]
        return {"ok": True, "result": {"count": len(table), "data": table}}


class Btse(Dialect):
    """The last 300 of a window in seconds, newest first, which ends now unless an end is named; a
    wider one with both its ends is refused. Volumes count the quote currency."""

    id, path, most = "btse", "/klines", 300

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"iso": "", "epoch": self.now // 1000}
        market = {
            "symbol": "BTC-USDT",
            "type": "Spot",
            "category": "CRYPTO",
            "tradeCurrency": "BTC",
            "baseCurrency": "BTC",
            "quoteCurrency": "USDT",
            "displayName": "Bitcoin",
            "active": True,
            "minOrderPrice": "0.1",
            "minPriceIncrement": "0.1",
            "pricePrecision": 1,
            "minOrderSize": "0.00001",
            "maxOrderSize": "100",
            "minSizeIncrement": "0.00001",
            "sizePrecision": 5,
        }
        return {"code": 1, "success": True, "data": {"symbols": [market]}}

    def candles(self, query: Query) -> Any:
        start, end = int(query.get("start", 0)), int(query.get("end", self.now // 1000))
        if "end" in query and (end - start) * 1000 > self.most * QUARTER:
            raise RefusedError(400, {"code": -1, "msg": "range is too large", "success": False})
        rows = self.inside(start * 1000, end * 1000 + 1)[-min(self.most, int(query["limit"])) :]
        table = [[str(row[0] // 1000), *text(row)] for row in reversed(rows)]
        return {"code": 1, "msg": "Success", "success": True, "data": table, "time": self.now}


class Coinbaseexchange(Dialect):
    """A window whose ends belong to it, in seconds and newest first; refuses more than 300."""

    id, symbol, path = "coinbaseexchange", "BTC/USD", "/candles"

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"iso": "", "epoch": self.now / 1000}
        market = {
            "id": "BTC-USD",
            "base_currency": "BTC",
            "quote_currency": "USD",
            "base_min_size": "0.000016",
            "base_max_size": "1500",
            "quote_increment": "0.01",
            "base_increment": "0.00000001",
            "display_name": "BTC/USD",
            "min_market_funds": "1",
            "max_market_funds": "20000000",
            "margin_enabled": False,
            "post_only": False,
            "limit_only": False,
            "cancel_only": False,
            "trading_disabled": False,
            "status": "online",
            "status_message": "",
            "auction_mode": False,
        }
        return [market] if path.endswith("/products") else []

    def candles(self, query: Query) -> Any:
        start, end = (moment(query[name]) for name in ("start", "end"))
        if end - start > 300 * QUARTER:
            said = "granularity too small for the requested time range"
            raise RefusedError(400, {"message": said})
        return [
            [row[0] // 1000, row[3], row[2], row[1], row[4], row[5]]
            for row in reversed(self.inside(start, end + 1))
        ]


class Coinbaseinternational(Dialect):
    """The last 5000 of a window, by columns; volumes count coins. Its clock is that of deribit."""

    id, symbol, path, most = (
        "coinbaseinternational",
        "BTC/USDC:USDC",
        "/get_tradingview_chart_data",
        5000,
    )

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/get_time"):
            return {"jsonrpc": "2.0", "result": self.now}
        market = {
            "settlement_currency": "USDC",
            "creation_timestamp": 1786804445000,
            "state": "open",
            "taker_commission": 3.5e-4,
            "base_currency": "BTC",
            "kind": "future",
            "instrument_id": 675320,
            "is_active": True,
            "instrument_type": "linear",
            "expiration_timestamp": 32503708800000,
            "max_leverage": 50,
            "counter_currency": "USDC",
            "tick_size_steps": [],
            "maker_commission": 1.5e-4,
            "tick_size": 0.1,
            "settlement_period": "perpetual",
            "min_trade_amount": 0.0001,
            "contract_size": 0.0001,
            "quote_currency": "USDC",
            "instrument_name": "BTC_USDC-PERPETUAL",
        }
        return {"jsonrpc": "2.0", "result": [market]}

    def candles(self, query: Query) -> Any:
        start, end = (int(query[f"{name}_timestamp"]) for name in ("start", "end"))
        rows = self.inside(start, end + 1)[-self.most :]
        columns = list(zip(*rows, strict=True)) or [()] * 6
        names = ("ticks", "open", "high", "low", "close", "volume")
        table = dict(zip(names, map(list, columns), strict=True))
        cost = [float(quoted(row)) for row in rows]
        status = "ok" if rows else "no_data"
        return {"jsonrpc": "2.0", "result": {**table, "cost": cost, "status": status}}


class Tokocrypto(Dialect):
    """The first 500 from `startTime`, in an envelope."""

    id, path = "tokocrypto", "/klines"

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"code": 0, "msg": "Success", "data": None, "timestamp": self.now}
        market = {
            "type": 1,
            "symbol": "BTC_USDT",
            "baseAsset": "BTC",
            "basePrecision": 8,
            "quoteAsset": "USDT",
            "quotePrecision": 8,
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.01", "tickSize": "0.01"},
                {"filterType": "LOT_SIZE", "minQty": "0.00001", "stepSize": "0.00001"},
                {"filterType": "MIN_NOTIONAL", "minNotional": "5.0"},
            ],
            "orderTypes": ["LIMIT", "MARKET"],
            "spotTradingEnable": 1,
            "marginTradingEnable": 1,
            "permissions": ["SPOT", "MARGIN"],
        }
        return {"code": 0, "msg": "Success", "data": {"list": [market]}, "timestamp": self.now}

    def candles(self, query: Query) -> Any:
        rows = self.inside(int(query.get("startTime", 0)), int(query.get("endTime", self.now)) + 1)
        table = [
            [row[0], *text(row), row[0] + QUARTER - 1, quoted(row), 9, "1", "2", "0"]
            for row in rows[: min(500, int(query["limit"]))]
        ]
        if query["path"].startswith("/open"):
            return {"code": 0, "msg": "Success", "data": table, "timestamp": self.now}
        return table


class Toobit(Dialect):
    """The last 1000 of a window that ends now unless an end is named; lots of swaps are coins. Mark
    candles are counted back from an end, newest first, whatever the start."""

    id, symbol, path, most = "toobit", "BTC/USDT:USDT", "/klines", 1000

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"serverTime": str(self.now)}
        market = {
            "filters": [
                {"minPrice": "0.1", "tickSize": "0.1", "filterType": "PRICE_FILTER"},
                {"minQty": "0.001", "stepSize": "0.001", "filterType": "LOT_SIZE"},
                {"minNotional": "5", "filterType": "MIN_NOTIONAL"},
            ],
            "symbol": "BTC-SWAP-USDT",
            "symbolName": "BTC-SWAP-USDTUSDT",
            "status": "TRADING",
            "baseAsset": "BTC-SWAP-USDT",
            "quoteAsset": "USDT",
            "inverse": False,
            "index": "BTC",
            "marginToken": "USDT",
            "contractMultiplier": "0.001",
            "underlying": "BTC",
        }
        return {
            "timezone": "UTC",
            "serverTime": str(self.now),
            "symbols": [],
            "contracts": [market],
        }

    def candles(self, query: Query) -> Any:
        if "mark" in query["path"]:
            rows = self.inside(0, int(query["to"]) + 1)[-int(query["limit"]) :]
            names, rest = ("open", "high", "low", "close"), {"symbol": "BTCUSDT", "volume": "0"}
            table = [
                {"time": row[0], **dict(zip(names, text(row), strict=False)), **rest}
                for row in reversed(rows)
            ]
            return {"code": 200, "data": table}
        start, end = int(query.get("startTime", 0)), int(query.get("endTime", self.now))
        rows = self.inside(start, end + 1)[-min(self.most, int(query["limit"])) :]
        return [[row[0], *text(row), 0, quoted(row), 12, "1", "2"] for row in rows]


FURTHER: dict[str, type[Dialect]] = {
    kind.id: kind
    for kind in (Bitteam, Btse, Coinbaseexchange, Coinbaseinternational, Tokocrypto, Toobit)
}
