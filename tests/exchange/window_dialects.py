"""Exchanges of windows, as `dialects` has them, each with another idea of a window's ends and of a
candle's time.

The fields of markets and candles are those that the comments of ccxt 4.5.90's `fetch_markets`,
`parse_market` and `fetch_ohlcv` show; what the exchanges do is from these and from the documents
that they name:

* bydfi: developers.bydfi.com/en/futures/market, candlestick data
* coinsph: coins-docs.github.io/rest-api, kline/candlestick data
* derive: docs.derive.xyz/reference/public-get_tradingview_chart_data
* digifinex: docs.digifinex.com/en-ww/spot/v3/rest.html, get candles data
* foxbit: docs.foxbit.com.br/rest/v3, market data, get candlesticks
* onetrading: docs.onetrading.com/rest/public/candlesticks

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
    clock,
    moment,
    quoted,
    text,
)


class Bydfi(Dialect):
    """The last 500 of a window, newest first; volumes are contracts."""

    id, symbol, path, most = "bydfi", "BTC/USDT:USDT", "/klines", 500

    def other(self, path: str, query: Query) -> Any:
        market = {
            "symbol": "BTC-USDT",
            "baseAsset": "BTC",
            "marginAsset": "USDT",
            "quoteAsset": "USDT",
            "contractFactor": "0.001",
            "limitMaxQty": "50000",
            "limitMinQty": "1",
            "marketMaxQty": "10000",
            "marketMinQty": "1",
            "pricePrecision": "8",
            "basePrecision": "8",
            "priceOrderPrecision": "1",
            "volumePrecision": "3",
            "maxLeverageLevel": "100",
            "reverse": False,
            "status": "NORMAL",
        }
        data = [market] if path.endswith("/exchange_info") else []
        return {"code": "200", "message": "success", "data": data, "success": True}

    def candles(self, query: Query) -> Any:
        rows = self.inside(int(query["startTime"]), int(query["endTime"]) + 1)
        table = []
        for row in reversed(rows[-min(self.most, int(query.get("limit", 500))) :]):
            cells = dict(zip("ohlcv", (f"{value:.18f}" for value in row[1:]), strict=True))
            table.append({"s": "BTC-USDT", "t": str(row[0]), **cells})
        return {"code": 200, "message": "success", "data": table, "success": True}


class Coinsph(Dialect):
    """The last 1000 before an end, whatever the start."""

    id, path, most = "coinsph", "/klines", 1000

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"serverTime": self.now}
        price = {"filterType": "PRICE_FILTER", "minPrice": "0.1", "maxPrice": "1000000"}
        lot = {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "900"}
        market = {
            "symbol": "BTCUSDT",
            "status": "TRADING",
            "baseAsset": "BTC",
            "baseAssetPrecision": 8,
            "quoteAsset": "USDT",
            "quoteAssetPrecision": 8,
            "orderTypes": ["LIMIT", "MARKET"],
            "filters": [
                {**price, "tickSize": "0.1"},
                {**lot, "stepSize": "0.00001"},
                {"filterType": "NOTIONAL", "minNotional": "1"},
            ],
        }
        return {"timezone": "UTC", "serverTime": self.now, "symbols": [market]}

    def candles(self, query: Query) -> Any:
        rows = self.inside(0, int(query.get("endTime", self.now)) + 1)
        rows = rows[-min(self.most, int(query["limit"])) :]
        return [[r[0], *text(r), r[0] + QUARTER - 1, quoted(r), 308, "1.7", "28.4"] for r in rows]


class Derive(Dialect):
    """The last 5000 buckets of a window in seconds; times without trades have none."""

    id, symbol, path, most = "derive", "BTC/USD:USDC", "/get_tradingview_chart_data", 5000

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/get_time"):
            return {"id": "8be9f582", "result": self.now}
        market = {
            "instrument_type": "perp",
            "instrument_name": "BTC-PERP",
            "scheduled_activation": 1701840228,
            "scheduled_deactivation": 9223372036854775807,
            "is_active": True,
            "tick_size": "0.1",
            "minimum_amount": "0.001",
            "maximum_amount": "10000",
            "amount_step": "0.001",
            "maker_fee_rate": "0.0001",
            "taker_fee_rate": "0.0003",
            "base_currency": "BTC",
            "quote_currency": "USD",
            "option_details": None,
            "perp_details": {"index": "BTC-USD", "max_rate_per_hour": "0.004"},
            "erc20_details": None,
        }
        perps = query.get("instrument_type") == "perp"
        pages = {"num_pages": 1, "count": 1}
        return {"result": {"instruments": [market] if perps else [], "pagination": pages}}

    def candles(self, query: Query) -> Any:
        start, end = (int(query[f"{name}_timestamp"]) * 1000 for name in ("start", "end"))
        table = []
        for row in self.inside(max(start, end - self.most * QUARTER), end + 1):
            prices = zip(("open", "high", "low", "close"), text(row)[:4], strict=True)
            cells = {f"{name}_price": price for name, price in prices}
            cells |= {"volume_usd": quoted(row), "volume_contracts": text(row)[4]}
            table.append(cells | {"timestamp": row[0] // 1000, "timestamp_bucket": row[0] // 1000})
        return {"id": "da5c0d45", "result": table}


class Digifinex(Dialect):
    """The last 500 of a window in seconds; a row begins with its volume."""

    id, path, most = "digifinex", "/kline", 500

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"server_time": self.now // 1000, "code": 0}
        market = {
            "order_types": ["LIMIT", "MARKET"],
            "quote_asset": "USDT",
            "minimum_value": "2",
            "amount_precision": "5",
            "status": "TRADING",
            "minimum_amount": "5e-05",
            "symbol": "BTC_USDT",
            "is_allow": "1",
            "zone": "MAIN",
            "base_asset": "BTC",
            "price_precision": "2",
        }
        return {"code": 0, "data": [], "symbol_list": [market]}

    def candles(self, query: Query) -> Any:
        start = int(query.get("start_time", 0)) * 1000
        rows = self.inside(start, int(query["end_time"]) * 1000 + 1)[-self.most :]
        return {
            "code": 0,
            "data": [
                [row[0] // 1000, row[5], row[4], row[2], row[3], row[1]]  # close before high
                for row in rows
            ],
        }


class Foxbit(Dialect):
    """The newest 500 from a start on, unless an end is named."""

    id, symbol, path, most = "foxbit", "BTC/BRL", "/candlesticks", 500

    def other(self, path: str, query: Query) -> Any:
        coin = {"symbol": "btc", "name": "Bitcoin", "type": "CRYPTO", "precision": 8}
        market = {
            "symbol": "btcbrl",
            "quantity_min": "0.00000236",
            "quantity_increment": "0.00000001",
            "quantity_precision": 8,
            "price_min": "0.0001",
            "price_increment": "0.1",
            "price_precision": 4,
            "default_fees": {"maker": "0.001", "taker": "0.001"},
            "base": coin,
            "quote": {**coin, "symbol": "brl", "name": "Real"},
            "order_type": ["LIMIT", "MARKET"],
        }
        return {"data": [market] if path.endswith("/markets") else []}

    def candles(self, query: Query) -> Any:
        start = moment(query["start_time"]) if "start_time" in query else 0
        end = moment(query["end_time"]) if "end_time" in query else self.now
        rows = self.inside(start, end + 1)[-min(self.most, int(query["limit"])) :]
        table = []
        for row in rows:
            times, prices = (str(row[0]), str(row[0] + QUARTER)), text(row)
            table.append([times[0], *prices[:4], times[1], prices[4], quoted(row), 66, "0.1", "15"])
        return table


class Onetrading(Dialect):
    """A window, up to 5000 candles of it; a wider one is refused. A candle's time is the last
    millisecond of it, that of the one under way is yet to come."""

    id, symbol, path, most = "onetrading", "BTC/EUR", "/candlesticks/BTC_EUR", 5000

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"iso": clock(self.now) + "Z", "epoch_millis": self.now}
        market = {
            "base": {"code": "BTC", "precision": "5"},
            "quote": {"code": "EUR", "precision": "2"},
            "amount_precision": "5",
            "market_precision": "2",
            "min_size": "10.0",
            "min_price": "1000",
            "max_price": "10000000",
            "id": "BTC_EUR",
            "type": "SPOT",
            "state": "ACTIVE",
        }
        return [market] if path.endswith("/instruments") else []

    def candles(self, query: Query) -> Any:
        start, end = moment(query["from"]), moment(query["to"])
        if (end - start) // QUARTER > self.most:
            raise RefusedError(400, {"error": "BAD_REQUEST"})
        table = []
        for row in self.inside(start, end):
            cells = dict(zip(("open", "high", "low", "close"), text(row)[:4], strict=True))
            cells |= {"total_amount": text(row)[4], "volume": quoted(row), "last_sequence": 461123}
            cells |= {"time": clock(row[0] + QUARTER - 1) + ".999Z"}
            unit = {"unit": "MINUTES", "period": 15}
            table.append({"instrument_code": "BTC_EUR", "granularity": unit, **cells})
        return {"candlesticks": table}


WINDOWS: dict[str, type[Dialect]] = {
    kind.id: kind for kind in (Bydfi, Coinsph, Derive, Digifinex, Foxbit, Onetrading)
}
