"""Exchanges whose rows are stamped otherwise than ccxt takes them, as `dialects` has them.

The fields of candles are those of ccxt's recorded answers, `ts/src/test/static/response/<id>.json`
in github.com/ccxt/ccxt, at these commits; those of markets are in the comments of `fetch_markets`:

- ndax 2dbb152f07524882b411b02cad8d158312e1e25c
"""

from __future__ import annotations

from typing import Any

from tests.exchange.dialects import QUARTER, Dialect, Query, moment


class Ndax(Dialect):
    """A window without an open end; a row begins with when its candle ends, and ends with when it
    begins. It has no clock."""

    id, path = "ndax", "/GetTickerHistory"

    def other(self, path: str, query: Query) -> Any:
        market = {
            "OMSId": 1,
            "InstrumentId": 82,
            "Symbol": "BTCUSDT",
            "Product1": 1,
            "Product1Symbol": "BTC",
            "Product2": 10,
            "Product2Symbol": "USDT",
            "InstrumentType": "Standard",
            "SessionStatus": "Running",
            "QuantityIncrement": 0.00001,
            "PriceIncrement": 0.01,
            "MinimumQuantity": 0.0001,
            "MinimumPrice": 0.01,
            "IsDisable": False,
        }
        return [market] if path.endswith("/GetInstruments") else []

    def candles(self, query: Query) -> Any:
        start, end = (moment(query[name] + "Z") for name in ("FromDate", "ToDate"))
        table = []
        for row in self.inside(start, end + 1):
            time, open_, high, low, close, volume = row
            prices = [high, low, open_, close, volume, low, high]
            table.append([time + QUARTER, *prices, 82, time])
        return table


STAMPED: dict[str, type[Dialect]] = {kind.id: kind for kind in (Ndax,)}
