"""Exchanges that are asked with less than others, as `dialects` has them: no number of candles, no
start, or no end; and one that leaves out what is zero.

The fields of markets and candles are those that the comments of ccxt 4.5.90's `fetch_markets`,
`parse_market` and `fetch_ohlcv` show; what the exchanges do is from these and from the documents
that they name:

* bittrade: api-doc.bittrade.co.jp, /market/history/kline
* delta: docs.delta.exchange, historical OHLC candles
* hibachi: api-doc.hibachi.xyz, market data, klines
* lighter: apidocs.lighter.xyz/reference/candles
* mercado: api.mercadobitcoin.net/api/v4/docs, candles
* polymarket: docs.polymarket.com/api-reference/get-klines
* revolutx: developer.revolut.com, Revolut X, get-candles

Where a document does not say which candles of a window too wide are given, the last ones are: the
case in which a naive downloader loses most.
"""

from __future__ import annotations

from typing import Any

from tests.exchange.dialects import QUARTER, Dialect, Query, RefusedError, Row, quoted, text

PRICES = ("open", "high", "low", "close")


class Bittrade(Dialect):
    """The newest of all, newest first, at most 2000; neither start nor end is heard."""

    id, path, kept = "bittrade", "/market/history/kline", 2000

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/timestamp"):
            return {"status": "ok", "data": self.now}
        market = {
            "base-currency": "btc",
            "quote-currency": "usdt",
            "price-precision": 2,
            "amount-precision": 6,
            "symbol-partition": "main",
            "symbol": "btcusdt",
            "state": "online",
            "value-precision": 8,
            "min-order-amt": 0.0001,
            "max-order-amt": 1000,
            "min-order-value": 5,
        }
        return {"status": "ok", "data": [market] if path.endswith("/symbols") else []}

    def candles(self, query: Query) -> Any:
        table = []
        for row in reversed(self.newest()[-int(query["size"]) :]):
            cells = dict(zip(PRICES, row[1:5], strict=True))
            rest = {"amount": row[5], "vol": float(quoted(row)), "count": 5}
            table.append({"id": row[0] // 1000, **cells, **rest})
        return {"status": "ok", "ch": "market.btcusdt.kline.15min", "ts": self.now, "data": table}


class Delta(Dialect):
    """The last 2000 of a window in seconds whose ends belong to it, newest first; volumes count
    contracts. Its clock counts microseconds."""

    id, symbol, path, most = "delta", "BTC/USDT:USDT", "/history/candles", 2000

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/settings"):
            return {"success": True, "result": {"server_time": self.now * 1000}}
        asset = {"symbol": "USDT", "minimum_precision": 2, "precision": 8}
        market = {
            "id": 139,
            "symbol": "BTCUSDT",
            "contract_type": "perpetual_futures",
            "contract_value": "1",
            "contract_unit_currency": "BTC",
            "notional_type": "vanilla",
            "tick_size": "0.1",
            "position_size_limit": 229167,
            "state": "live",
            "settlement_time": None,
            "underlying_asset": {**asset, "symbol": "BTC"},
            "quoting_asset": asset,
            "settling_asset": asset,
            "product_specs": {},
        }
        return {"success": True, "result": [market] if path.endswith("/products") else []}

    def candles(self, query: Query) -> Any:
        rows = self.inside(int(query["start"]) * 1000, int(query["end"]) * 1000 + 1)
        table = [
            {"time": row[0] // 1000, **dict(zip((*PRICES, "volume"), row[1:], strict=True))}
            for row in rows[-self.most :]
        ]
        return {"success": True, "result": table[::-1]}


class Hibachi(Dialect):
    """The last of a window, which ends now unless an end is named, however many are asked for;
    volumes count the quote currency."""

    id, symbol, path, most = "hibachi", "BTC/USDT:USDT", "/klines", 1000

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/utc-timestamp"):
            return {"timestampMs": self.now}
        market = {
            "displayName": "BTC/USDT Perps",
            "id": 2,
            "minNotional": "1",
            "minOrderSize": "0.0000000001",
            "orderbookGranularities": ["0.1", "1", "10", "100"],
            "settlementDecimals": 6,
            "settlementSymbol": "USDT",
            "status": "LIVE",
            "stepSize": "0.0000000001",
            "symbol": "BTC/USDT-P",
            "tickSize": "0.00001",
            "underlyingDecimals": 10,
            "underlyingSymbol": "BTC",
        }
        return {"futureContracts": [market]}

    def candles(self, query: Query) -> Any:
        rows = self.inside(int(query.get("fromMs", 0)), int(query.get("toMs", self.now)) + 1)
        names = (*PRICES, "volumeNotional")
        return {
            "klines": [
                {
                    **dict(zip(names, text(row), strict=True)),
                    "interval": "15min",
                    "timestamp": row[0] // 1000,
                }
                for row in rows[-self.most :]
            ]
        }


class Lighter(Dialect):
    """The last 500 of a window. What is zero is left out: a candle without trades has no volume."""

    id, symbol, path, most = "lighter", "BTC/USDC:USDC", "/candles", 500

    def __init__(self, rows: list[Row], now: int) -> None:
        super().__init__([self._filled(row) for row in rows], now)

    @staticmethod
    def _filled(row: Row) -> Row:
        """A candle; some are of times without trades."""
        return (*row[:5], 0.0) if row[0] // QUARTER % 7 == 0 else row

    def other(self, path: str, query: Query) -> Any:
        if not path.endswith("/orderBookDetails"):
            return {"status": "1", "network_id": "1", "timestamp": str(self.now // 1000)}
        market = {
            "symbol": "BTC",
            "market_id": 1,
            "market_type": "perp",
            "status": "active",
            "taker_fee": "0.0000",
            "maker_fee": "0.0000",
            "min_base_amount": "0.00020",
            "min_quote_amount": "10.000000",
            "size_decimals": 5,
            "price_decimals": 1,
            "quote_multiplier": 1,
        }
        return {"code": "200", "order_book_details": [market], "spot_order_book_details": []}

    def candles(self, query: Query) -> Any:
        start, end = (int(query[f"{name}_timestamp"]) for name in ("start", "end"))
        table = []
        for row in self.inside(start, end + 1)[-self.most :]:
            cells = {"t": row[0], **dict(zip("ohlcv", row[1:], strict=True)), "i": 779870452}
            cells["V"] = float(quoted(row))
            table.append({name: value for name, value in cells.items() if value})
        return {"code": 200, "r": "15m", "c": table}


class Mercado(Dialect):
    """A window in seconds, by columns. It has no clock, and hears of no other end than the one that
    the number of candles makes."""

    id, symbol, path, most = "mercado", "BTC/BRL", "/candles", 1000

    def other(self, path: str, query: Query) -> Any:
        return ["BTC", "ETH", "USDC"]

    def candles(self, query: Query) -> Any:
        rows = self.inside(int(query["from"]) * 1000, int(query["to"]) * 1000 + 1)[-self.most :]
        columns = list(zip(*(text(row) for row in rows), strict=True)) or [()] * 5
        table = dict(zip("ohlcv", map(list, columns), strict=True))
        return {**table, "t": [row[0] // 1000 for row in rows]}


class Polymarket(Dialect):
    """The last 1000 of a window that ends now unless an end is named; no number is sent."""

    id, symbol, path, most = "polymarket", "BTC/USD:PUSD", "/klines", 1000

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"time": self.now}
        market = {
            "instrument_id": 7,
            "instrument_type": "perpetual",
            "category": "crypto",
            "isolated_only": False,
            "symbol": "BTC-USD",
            "base_asset": "BTC",
            "quote_asset": "pUSD",
            "funding_interval": "1h",
            "quantity_decimals": 5,
            "price_decimals": 1,
            "liquidation_fee": "0.005",
            "min_notional": "10",
            "max_limit_notional": "5000000",
            "max_leverage": 20,
        }
        return [market] if path.endswith("/instruments") else []

    def candles(self, query: Query) -> Any:
        start = int(query["start_timestamp"])
        rows = self.inside(start, int(query.get("end_timestamp", self.now)) + 1)
        table = [[row[0], *text(row), 42] for row in rows[-self.most :]]
        return {"data": table, "more": len(rows) > self.most}


class Revolutx(Dialect):
    """A window of which the end is always named, now where nobody does; one of more than 5000
    candles is refused. It has no clock."""

    id, symbol, path, most = "revolutx", "BTC/USD", "/BTC-USD", 5000

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/currencies"):
            coin = {"symbol": "BTC", "name": "Bitcoin", "scale": 8, "asset_type": "crypto"}
            return {"BTC": {**coin, "status": "active"}}
        market = {
            "base": "BTC",
            "quote": "USD",
            "base_step": "0.0000001",
            "quote_step": "0.01",
            "min_order_size": "0.0000001",
            "max_order_size": "1000",
            "min_order_size_quote": "0.01",
            "status": "active",
        }
        return {"BTC/USD": market}

    def candles(self, query: Query) -> Any:
        start, end = int(query["since"]), int(query["until"])
        if end - start > self.most * QUARTER:
            raise RefusedError(400, {"message": "The requested range is too wide"})
        names = (*PRICES, "volume")
        table = [
            {"start": row[0], **dict(zip(names, text(row), strict=True))}
            for row in self.inside(start, end + 1)
        ]
        return {"data": table, "metadata": {"region": "EEA", "timestamp": self.now}}


PLAIN: dict[str, type[Dialect]] = {
    kind.id: kind for kind in (Bittrade, Delta, Hibachi, Lighter, Mercado, Polymarket, Revolutx)
}
