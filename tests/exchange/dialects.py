"""How exchanges answer for candles: pages, caps, orders and refusals, one class each.

What an exchange does is from its documentation as the methods of ccxt 4.5.90 name it. What it
says of its markets is in `market_answers`. The fields of candles are those of ccxt's recorded
answers, `ts/src/test/static/response/<id>.json` in github.com/ccxt/ccxt, at these commits:

- bigone 3802e1a243497a0ffd025df7a97023315217391f
- bitstamp 04162df38c0403709547b9568c3be180019c78b5
- cryptocom 0f7fb4a7008a89d09a296724ca3a4d59b049c49e
- gemini 058471012169086ef73c651c4f259cfe0cd6dd97
- kraken 0621cdc032679f13075cb28fbdb7e6c96a959552
- kucoin 012012e91dc8bcc508c5ba63b4058ffd8b727128
- mexc 17e0370116d2914fd7987932a8a02068d0629ca3
- upbit 2dbb152f07524882b411b02cad8d158312e1e25c

Of the others no candles are recorded there; theirs are those of the exchanges' documents, which
the comments of ccxt's `parse_ohlcv` show:

* binance: developers.binance.com, binance-spot-api-docs, klines
* bitfinex: docs.bitfinex.com/reference/rest-public-candles
* bitget: bitget.com/api-doc/spot/market/Get-Candle-Data and Get-History-Candle-Data
* bithumb: apidocs.bithumb.com, reference, minute candles
* bybit: bybit-exchange.github.io/docs/v5/market/kline
* coinbase: docs.cdp.coinbase.com, advanced-trade-api, get-public-product-candles
* gate: gate.com/docs/developers/apiv4, market-k-line-chart
* htx: huobiapi.github.io/docs/spot/v1/en, get-klines-candles
* hyperliquid: hyperliquid.gitbook.io, api/info-endpoint, candle-snapshot
* okx: okx.com/docs-v5/en, rest-api-market-data-get-candlesticks and -history

Every field has a value that could be true, so that one read for another would show.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from tests.exchange import market_answers as answers

Row = tuple[int, float, float, float, float, float]
Query = dict[str, Any]
QUARTER = 900_000


class RefusedError(Exception):
    """The exchange answers with this status and body."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status)
        self.status, self.body = status, body


class Dialect:
    """An exchange at a moment of its own time; candles of 15 minutes unless said."""

    id: ClassVar[str]
    symbol: ClassVar[str] = "BTC/USDT"
    path: ClassVar[str]
    """End of the path of candles."""
    kept = 0
    """Newest candles that can be had; 0 for all."""
    most = 10_000
    """Candles that one answer has, of those whose answers end with the newest."""

    def __init__(self, rows: list[Row], now: int) -> None:
        self.rows = rows
        self.now = now
        self.asked = 0

    def begun(self) -> list[Row]:
        """Candles that have begun, ascending; the last may be under way."""
        return [row for row in self.rows if row[0] <= self.now]

    def closed(self, row: Row) -> bool:
        """Whether a candle is over."""
        return row[0] + QUARTER <= self.now

    def newest(self) -> list[Row]:
        """The newest that are kept."""
        return self.begun()[-self.kept :]

    def inside(self, start: int, end: int) -> list[Row]:
        """Those that open in [start, end)."""
        return [row for row in self.begun() if start <= row[0] < end]

    def speaks(self, path: str, query: Query) -> bool:
        """Whether candles are asked for."""
        return path.endswith(self.path) or query.get("type") == self.path

    def other(self, path: str, query: Query) -> Any:
        """Answers of everything but candles."""
        raise NotImplementedError

    def candles(self, query: Query) -> Any:
        """The answer for candles."""
        raise NotImplementedError


def text(row: Row) -> list[str]:
    """Prices and volume as exchanges write them."""
    return [f"{value:.10g}" for value in row[1:]]


def average(row: Row) -> str:
    """A price of the candle."""
    return f"{(row[2] + row[3]) / 2:.10g}"


def quoted(row: Row) -> str:
    """The amount in the quote currency."""
    return f"{row[5] * (row[2] + row[3]) / 2:.10g}"


def clock(time: int) -> str:
    """A time without its zone."""
    return datetime.fromtimestamp(time / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def last_trade(row: Row) -> int:
    """When the last trade of a candle was: not on any grid."""
    return row[0] + QUARTER - 1 - (row[0] // QUARTER) ** 2 % 3331


def moment(iso: str) -> int:
    """Milliseconds of an ISO time."""
    return int(datetime.fromisoformat(iso.replace("Z", "+00:00")).timestamp() * 1000)


class Binance(Dialect):
    """The first 1000 from `startTime`, the one under way included."""

    id, path = "binance", "/klines"

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"serverTime": self.now}
        return {
            "timezone": "UTC",
            "serverTime": self.now,
            "rateLimits": [],
            "exchangeFilters": [],
            "symbols": [answers.BINANCE],
        }

    def candles(self, query: Query) -> Any:
        rows = self.inside(int(query.get("startTime", 0)), int(query.get("endTime", self.now)) + 1)
        rows = rows[: min(1000, int(query.get("limit", 500)))]
        return [
            [row[0], *text(row), row[0] + QUARTER - 1, quoted(row), 308, "1", "2", "0"]
            for row in rows
        ]


class Kraken(Dialect):
    """The newest 720 only; `since` is exclusive."""

    id, symbol, path, kept = "kraken", "BTC/USD", "/OHLC", 720

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/Time"):
            return {"error": [], "result": {"unixtime": self.now // 1000}}
        if path.endswith("/Assets"):
            return {"error": [], "result": {}}
        return {"error": [], "result": {"XXBTZUSD": answers.KRAKEN}}

    def candles(self, query: Query) -> Any:
        since = int(query.get("since", 0)) * 1000
        rows = [row for row in self.newest() if row[0] > since]
        table = [[row[0] // 1000, *text(row)[:4], average(row), text(row)[4], 3] for row in rows]
        last = rows[-2][0] // 1000 if len(rows) > 1 else since // 1000  # that has closed
        return {"error": [], "result": {"XXBTZUSD": table, "last": str(last)}}


class Coinbase(Dialect):
    """A window of time, newest first; refuses one of more than 350 candles."""

    id, symbol, path = "coinbase", "BTC/USD", "/candles"

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"data": {"iso": "", "epoch": self.now // 1000}, "epochMillis": str(self.now)}
        if "currencies" in path or "rates" in path:
            return {"data": []}
        if query.get("product_type") == "FUTURE":
            return {"products": []}
        return {"products": [answers.COINBASE], "num_products": 1}

    def candles(self, query: Query) -> Any:
        start, end = int(query["start"]) * 1000, int(query["end"]) * 1000
        if end - start > 350 * QUARTER:
            raise RefusedError(400, {"error": "INVALID_ARGUMENT", "message": "too many candles"})
        names = ("open", "high", "low", "close", "volume")
        rows = self.inside(start, end)
        table = [
            {"start": str(row[0] // 1000), **dict(zip(names, text(row), strict=True))}
            for row in reversed(rows)
        ]
        return {"candles": table}


class Okx(Dialect):
    """The last `limit` before `after`, newest first; the recent endpoint keeps 1440."""

    id, path = "okx", "candles"

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"code": "0", "msg": "", "data": [{"ts": str(self.now)}]}
        return {"code": "0", "msg": "", "data": [answers.OKX]}

    def candles(self, query: Query) -> Any:
        limit = min(int(query.get("limit", 100)), 300)
        after, before = int(query.get("after", self.now + 1)), int(query.get("before", 0))
        rows = self.begun() if "history" in query["path"] else self.begun()[-1440:]
        rows = [row for row in rows if before < row[0] < after][-limit:]
        table = [
            [str(row[0]), *text(row), quoted(row), quoted(row), str(int(self.closed(row)))]
            for row in reversed(rows)
        ]
        return {"code": "0", "msg": "", "data": table}


class Kucoin(Dialect):
    """The last 1500 of a window, newest first."""

    id, path = "kucoin", "/market/candles"

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/timestamp"):
            return {"code": "200000", "data": self.now}
        if path.endswith("/allTickers"):
            return {"code": "200000", "data": {"time": self.now, "ticker": []}}
        if path.endswith("/currencies"):
            return {"code": "200000", "data": []}
        return {"code": "200000", "data": [answers.KUCOIN]}

    def candles(self, query: Query) -> Any:
        rows = self.inside(int(query["startAt"]) * 1000, int(query["endAt"]) * 1000)[-1500:]
        table = []
        for row in reversed(rows):
            open_, high, low, close, volume = text(row)
            table.append([str(row[0] // 1000), open_, close, high, low, volume, quoted(row)])
        return {"code": "200000", "data": table}


class Gate(Dialect):
    """A window of at most 1000; refuses what is more than 10,000 candles ago."""

    id, path, kept = "gate", "/spot/candlesticks", 10_000

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"server_time": self.now}
        if path.endswith("/spot/currency_pairs"):
            return [answers.GATE]
        return []

    def candles(self, query: Query) -> Any:
        start, end = int(query["from"]) * 1000, int(query["to"]) * 1000
        if start < self.now - self.kept * QUARTER:
            said = "Candlestick too long ago. Maximum 10000 points ago are allowed"
            raise RefusedError(400, {"label": "INVALID_PARAM_VALUE", "message": said})
        if end - start > 999 * QUARTER:
            said = "Candlestick range too broad. Maximum 1000 data points are allowed"
            raise RefusedError(400, {"label": "INVALID_PARAM_VALUE", "message": said})
        table = []
        for row in self.inside(start, end + 1):
            open_, high, low, close, volume = text(row)
            known = (close, high, low, open_, volume, str(self.closed(row)).lower())
            table.append([str(row[0] // 1000), quoted(row), *known])
        return table


class Mexc(Dialect):
    """The first 500 of a window."""

    id, path = "mexc", "/klines"

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"serverTime": self.now}
        return {"timezone": "CST", "serverTime": self.now, "symbols": [answers.MEXC]}

    def candles(self, query: Query) -> Any:
        end = int(query.get("endTime", self.now))
        rows = self.inside(int(query["startTime"]), end + 1)[: min(500, int(query["limit"]))]
        return [[row[0], *text(row), row[0] + QUARTER, quoted(row)] for row in rows]


class Bitget(Dialect):
    """The last 200 before `endTime` of old candles, of recent ones 1000 of a window."""

    id, path = "bitget", "candles"

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"code": "00000", "data": {"serverTime": str(self.now)}}
        data = [answers.BITGET] if path.endswith("/symbols") else []
        return {"code": "00000", "msg": "success", "requestTime": self.now, "data": data}

    def candles(self, query: Query) -> Any:
        end = int(query.get("endTime", self.now))
        if "history" in query["path"]:
            rows = self.inside(0, end)[-min(200, int(query.get("limit", 100))) :]
        else:
            first = max(int(query.get("startTime", 0)), self.now - 30 * 86_400_000)
            rows = self.inside(first, end)[-min(1000, int(query.get("limit", 100))) :]
        table = [[str(row[0]), *text(row), quoted(row), quoted(row)] for row in rows]
        return {"code": "00000", "msg": "success", "requestTime": self.now, "data": table}


class Upbit(Dialect):
    """The last 200 before `to`, however many are asked for; it has no clock."""

    id, path = "upbit", "/candles/minutes/15"

    def other(self, path: str, query: Query) -> Any:
        return [answers.UPBIT]

    def candles(self, query: Query) -> Any:
        end = moment(query["to"]) if "to" in query else self.now + 1
        rows = self.inside(0, end)[-min(200, int(query["count"])) :]
        names = ("opening_price", "high_price", "low_price", "trade_price")
        return [
            {
                "market": "USDT-BTC",
                "candle_date_time_utc": clock(row[0]),
                "candle_date_time_kst": clock(row[0] + 9 * 3_600_000),
                **dict(zip(names, row[1:5], strict=True)),
                "timestamp": last_trade(row),
                "candle_acc_trade_price": float(quoted(row)),
                "candle_acc_trade_volume": row[5],
                "unit": 15,
            }
            for row in reversed(rows)
        ]


class Bybit(Dialect):
    """The first 1000 from `start`, newest first."""

    id, path = "bybit", "/market/kline"

    def other(self, path: str, query: Query) -> Any:
        head = {"retCode": 0, "retMsg": "OK", "retExtInfo": {}, "time": self.now}
        if path.endswith("/time"):
            return {**head, "result": {"timeSecond": str(self.now // 1000)}}
        return {**head, "result": {"category": "spot", "list": [answers.BYBIT]}}

    def candles(self, query: Query) -> Any:
        rows = self.inside(int(query["start"]), self.now + 1)[: min(1000, int(query["limit"]))]
        table = [[str(row[0]), *text(row), quoted(row)] for row in reversed(rows)]
        result = {"symbol": "BTCUSDT", "category": "spot", "list": table}
        return {"retCode": 0, "retMsg": "OK", "result": result, "time": self.now}


class Bitstamp(Dialect):
    """A window of at most 1000; it has no clock."""

    id, symbol, path = "bitstamp", "BTC/USD", "/ohlc/btcusd/"

    def other(self, path: str, query: Query) -> Any:
        return [answers.BITSTAMP]

    def candles(self, query: Query) -> Any:
        rows = self.inside(int(query["start"]) * 1000, int(query["end"]) * 1000 + 1)
        names = ("open", "high", "low", "close", "volume")
        table = [
            {"timestamp": str(row[0] // 1000), **dict(zip(names, text(row), strict=True))}
            for row in rows[: min(1000, int(query["limit"]))]
        ]
        return {"data": {"pair": "BTC/USD", "ohlc": table}}


class Bitfinex(Dialect):
    """The first from `start`, the close beside the open; it has no clock."""

    id, symbol, path = "bitfinex", "BTC/USD", "/hist"

    def other(self, path: str, query: Query) -> Any:
        if "currency" in path:
            return [[] for _ in path.split(",")]
        return [[["BTCUSD", answers.BITFINEX]], [], [], ["BTCUSD"]]

    def candles(self, query: Query) -> Any:
        rows = self.inside(int(query["start"]), self.now + 1)[: min(10_000, int(query["limit"]))]
        return [[row[0], row[1], row[4], row[2], row[3], row[5]] for row in rows]


class Gemini(Dialect):
    """The newest 1500 whatever is asked, newest first; it has no clock."""

    id, symbol, path, kept = "gemini", "BTC/USD", "/btcusd/15m", 1500

    def other(self, path: str, query: Query) -> Any:
        return ["btcusd"] if path.endswith("/symbols") else {}

    def candles(self, query: Query) -> Any:
        return [list(row) for row in reversed(self.newest())]


class Hyperliquid(Dialect):
    """A window of the newest 5000."""

    id, symbol, path, kept = "hyperliquid", "BTC/USDC:USDC", "candleSnapshot", 5000

    def other(self, path: str, query: Query) -> Any:
        if query.get("type") == "exchangeStatus":
            return {"time": self.now, "specialStatuses": None}
        if query.get("type") == "perpDexs":
            return [None]
        universe, context = [answers.HYPERLIQUID], answers.HYPERLIQUID_CONTEXT
        return [{"universe": universe, "marginTables": [], "collateralToken": 0}, [context]]

    def candles(self, query: Query) -> Any:
        asked = query["req"]
        rows = [row for row in self.newest() if asked["startTime"] <= row[0] <= asked["endTime"]]
        table = []
        for row in rows:
            open_, high, low, close, volume = text(row)
            ends, names = row[0] + QUARTER - 1, {"s": "BTC", "i": "15m", "n": 3}
            prices = {"o": open_, "c": close, "h": high, "l": low, "v": volume}
            table.append({"t": row[0], "T": ends, **names, **prices})
        return table


class Bithumb(Dialect):
    """The newest 200 at most, newest first; it has no clock."""

    id, symbol, path, kept = "bithumb", "BTC/KRW", "/candles/minutes/15", 200

    def other(self, path: str, query: Query) -> Any:
        return [answers.BITHUMB]

    def candles(self, query: Query) -> Any:
        rows = self.newest()[-int(query.get("count", 1)) :]
        names = ("opening_price", "high_price", "low_price", "trade_price")
        return [
            {
                "market": "KRW-BTC",
                "candle_date_time_utc": clock(row[0]),
                "candle_date_time_kst": clock(row[0] + 9 * 3_600_000),
                **dict(zip(names, row[1:5], strict=True)),
                "timestamp": last_trade(row),
                "candle_acc_trade_price": float(quoted(row)),
                "candle_acc_trade_volume": row[5],
                "unit": 15,
            }
            for row in reversed(rows)
        ]


class Bigone(Dialect):
    """The last 500 before `time`, newest first."""

    id, path = "bigone", "/candles"

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/ping"):
            return {"data": {"Timestamp": self.now * 1_000_000}}
        if path.endswith("/asset_pairs"):
            return {"code": 0, "data": [answers.BIGONE]}
        return [] if "contract" in path else {"code": 0, "data": []}

    def candles(self, query: Query) -> Any:
        end = moment(query["time"]) if "time" in query else self.now + 1
        rows = self.inside(0, end)[-min(500, int(query["limit"])) :]
        names = ("open", "high", "low", "close", "volume")
        table = [
            {
                "time": datetime.fromtimestamp(row[0] / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                **dict(zip(names, text(row), strict=True)),
            }
            for row in reversed(rows)
        ]
        return {"code": 0, "data": table}


class Cryptocom(Dialect):
    """The newest 300 of a window; ccxt knows no clock of it."""

    id, path = "cryptocom", "get-candlestick"

    def other(self, path: str, query: Query) -> Any:
        return {"id": 1, "code": 0, "result": {"data": [answers.CRYPTOCOM]}}

    def candles(self, query: Query) -> Any:
        rows = self.inside(int(query["start_ts"]), int(query["end_ts"]))
        rows = rows[-min(300, int(query.get("count", 25))) :]
        table = [{**dict(zip("ohlcv", text(row), strict=True)), "t": row[0]} for row in rows]
        result = {"interval": "15m", "data": table, "instrument_name": "BTC_USDT"}
        return {"id": -1, "method": "public/get-candlestick", "code": 0, "result": result}


class Htx(Dialect):
    """The first 1000 from `from`; days open at 16:00 UTC."""

    id, path = "htx", "/history/candles"
    lengths: ClassVar[dict[str, tuple[int, int]]] = {
        "15min": (QUARTER, 0),
        "4hour": (16 * QUARTER, 0),
        "1day": (96 * QUARTER, 64 * QUARTER),
    }
    """Length of a candle and the time of day at which one opens."""

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/timestamp"):
            return {"status": "ok", "data": self.now}
        data = [answers.HTX] if path.endswith("/symbols") else []
        return {"status": "ok", "code": 200, "data": data}

    def candles(self, query: Query) -> Any:
        length, shift = self.lengths[query["period"]]
        buckets: dict[int, list[Row]] = {}
        for row in self.begun():
            buckets.setdefault(row[0] - (row[0] - shift) % length, []).append(row)
        table = [
            {
                "id": time // 1000,
                "open": rows[0][1],
                "high": max(row[2] for row in rows),
                "low": min(row[3] for row in rows),
                "close": rows[-1][4],
                "amount": round(sum(row[5] for row in rows), 8),
                "vol": sum(float(quoted(row)) for row in rows),
                "count": len(rows),
            }
            for time, rows in buckets.items()
            if time >= int(query.get("from", 0)) * 1000
        ]
        return {"status": "ok", "ch": "", "data": table[: min(1000, int(query["size"]))][::-1]}


DIALECTS: dict[str, type[Dialect]] = {
    kind.id: kind
    for kind in (
        Binance,
        Kraken,
        Coinbase,
        Okx,
        Kucoin,
        Gate,
        Mexc,
        Bitget,
        Upbit,
        Bybit,
        Bitstamp,
        Bitfinex,
        Gemini,
        Hyperliquid,
        Bithumb,
        Bigone,
        Cryptocom,
        Htx,
    )
}
