"""Times of candles where ccxt takes the end of one for its beginning.

ccxt 4.5.90 gives the first number of ndax's rows, which is when a candle ends; when it began is
their last one, as its recorded answer shows (ts/src/test/static/response/ndax.json). Whatever
exchange it is: a row that also has the time one candle before its own is stamped with its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_ENDS_BY_SOCKET = {"ndax"}
"""Exchanges whose candles have their ends for times on sockets too (ccxt 4.5.90, `handle_ohlcv`):
they are polled instead."""
_NUMBER = re.compile(r"\d{9,19}(\.0*)?")


def tell_opens(exchange: Any) -> None:
    """Let `exchange`, of any of ccxt's modules, give the opens of candles."""
    if exchange.id in _ENDS_BY_SOCKET:
        exchange.has["watchOHLCV"] = False
    original = exchange.parse_ohlcvs

    def parse(
        entries: Any, market: Any = None, timeframe: str = "1m", *rest: Any, **named: Any
    ) -> Any:
        rows = original(entries, market, timeframe, *rest, **named)
        length = _length(exchange, timeframe)
        if not length or not isinstance(entries, list) or not entries:
            return rows
        seen = entries[:: max(1, len(entries) - 1)]
        if all(_ends(entry, exchange.parse_ohlcv(entry, market), length) for entry in seen):
            return [[row[0] - length, *row[1:]] for row in rows]
        return rows

    exchange.parse_ohlcvs = parse


def _length(exchange: Any, timeframe: str) -> int:
    """Milliseconds; 0 where ccxt was given the exchange's own word for it."""
    if timeframe not in (exchange.timeframes or {}):
        return 0
    return int(exchange.parse_timeframe(timeframe)) * 1000


def _ends(entry: Any, row: Any, length: int) -> bool:
    """Whether `row`, made of `entry`, has a time one candle after another that `entry` tells."""
    values = entry.values() if isinstance(entry, dict) else entry
    if not isinstance(row, list) or not row or not isinstance(row[0], int):
        return False
    return isinstance(values, Iterable) and row[0] - length in map(_milliseconds, values)


def _milliseconds(value: Any) -> int | None:
    """A time since 1970 in any unit, None for what is none."""
    text = str(value)
    if isinstance(value, bool) or not _NUMBER.fullmatch(text):
        return None
    number = int(text.partition(".")[0])
    while number >= 10**14:
        number //= 1000
    return number * 1000 if number < 10**11 else number
