"""More exchanges, as `dialects` has them: an end to be named, candles made up, days.

The fields of candles and clocks are those of ccxt's recorded answers,
`ts/src/test/static/response/<id>.json` in github.com/ccxt/ccxt, at these commits:

- bitopro 15c16345450bd995fb2e005d672770cf70cc9c0e
- dydx 0200a9dd9c6bf13726bcba15110e18ff623644d0

Of the others no candles are recorded there; theirs are those of the exchanges' documents, which
the comments of ccxt's `parse_ohlcv` show:

* bitbank: github.com/bitbankinc/bitbank-api-docs/blob/master/public-api.md, candlestick
* deepcoin: deepcoin.com/docs/DeepCoinMarket/getKlineData
* hitbtc: api.hitbtc.com, candles (`sort` is DESC unless told otherwise)
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from stoptrail.core.time import DAY_MS
from tests.exchange import market_answers as answers
from tests.exchange.dialects import Dialect, Query, RefusedError, Row, clock, moment, quoted, text


class Hitbtc(Dialect):
    """The newest 1000 of those from `from` to `till`; it has no clock."""

    id, path, most = "hitbtc", "/public/candles/BTCUSDT", 1000

    def other(self, path: str, query: Query) -> Any:
        return {"BTCUSDT": answers.HITBTC} if path.endswith("/symbol") else {}

    def candles(self, query: Query) -> Any:
        end = moment(query["till"]) if "till" in query else self.now
        rows = self.inside(moment(query["from"]), end + 1)[-min(self.most, int(query["limit"])) :]
        names = ("open", "max", "min", "close", "volume")
        return [
            {
                "timestamp": clock(row[0]) + ".000Z",
                **dict(zip(names, text(row), strict=True)),
                "volume_quote": quoted(row),
            }
            for row in reversed(rows)
        ]


class Dydx(Dialect):
    """The newest 1000 of those from `fromIso` to `toIso`; its clock counts seconds."""

    id, symbol, path = "dydx", "BTC/USDC:USDC", "/candles/perpetualMarkets/BTC-USD"
    most = 1000

    def other(self, path: str, query: Query) -> Any:
        if path.endswith("/time"):
            return {"iso": clock(self.now) + "Z", "epoch": self.now // 1000}
        return {"markets": {"BTC-USD": answers.DYDX}}

    def candles(self, query: Query) -> Any:
        end = moment(query["toIso"]) if "toIso" in query else self.now + 1
        rows = self.inside(moment(query["fromIso"]), end)[-min(self.most, int(query["limit"])) :]
        return {"candles": [self._candle(row) for row in reversed(rows)]}

    def _candle(self, row: Row) -> dict[str, Any]:
        open_, high, low, close, volume = text(row)
        return {
            "startedAt": clock(row[0]) + ".000Z",
            "ticker": "BTC-USD",
            "resolution": "15MINS",
            "low": low,
            "high": high,
            "open": open_,
            "close": close,
            "baseTokenVolume": volume,
            "usdVolume": quoted(row),
            "trades": 3,
            "startingOpenInterest": "59.0763",
            "orderbookMidPriceOpen": low,
            "orderbookMidPriceClose": high,
        }


class Deepcoin(Dialect):
    """The newest 300 before `after`, else of all: ccxt sends no start; no clock."""

    id, path, most = "deepcoin", "/market/candles", 300

    def other(self, path: str, query: Query) -> Any:
        data = [answers.DEEPCOIN] if query.get("instType") == "SPOT" else []
        return {"code": "0", "msg": "", "data": data}

    def candles(self, query: Query) -> Any:
        rows = self.inside(0, int(query.get("after", self.now + 1)))
        rows = rows[-min(self.most, int(query.get("limit", 100))) :]
        table = [[str(row[0]), *text(row), quoted(row)] for row in reversed(rows)]
        return {"code": "0", "msg": "", "data": table}


class Bitopro(Dialect):
    """A window, without the candles in which nothing was traded; it has no clock."""

    id, path = "bitopro", "/trading-history/btc_usdt"

    def other(self, path: str, query: Query) -> Any:
        return {"data": [answers.BITOPRO] if path.endswith("/trading-pairs") else []}

    def candles(self, query: Query) -> Any:
        rows = self.inside(int(query["from"]) * 1000, int(query["to"]) * 1000 + 1)
        names = ("open", "high", "low", "close", "volume")
        table = [
            {"timestamp": str(row[0]), **dict(zip(names, text(row), strict=True))} for row in rows
        ]
        return {"data": table}


class Bitbank(Dialect):
    """A day (UTC), of which `since` is one; HTTP 404 for days without any; it has no clock."""

    id, symbol, path = "bitbank", "BTC/JPY", ""

    def speaks(self, path: str, query: Query) -> bool:
        return "/candlestick/" in path

    def other(self, path: str, query: Query) -> Any:
        return {"success": 1, "data": {"pairs": [answers.BITBANK]}}

    def candles(self, query: Query) -> Any:
        day = datetime.strptime(query["path"].rpartition("/")[2], "%Y%m%d").replace(tzinfo=UTC)
        start = int(day.timestamp()) * 1000
        table = [[*text(row), row[0]] for row in self.inside(start, start + DAY_MS)]
        if not table:
            raise RefusedError(404, {"success": 0, "data": {"code": 10000}})
        told = {"candlestick": [{"type": "15min", "ohlcv": table}], "timestamp": self.now}
        return {"success": 1, "data": told}


OTHERS: dict[str, type[Dialect]] = {
    kind.id: kind for kind in (Hitbtc, Dydx, Deepcoin, Bitopro, Bitbank)
}
