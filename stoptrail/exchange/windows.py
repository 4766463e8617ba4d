"""Requests for candles that name their end as well, where an exchange needs that.

Some exchanges answer "so many from here" with the newest of all that open from there on
(hitbtc, dydx), or do not hear the start at all (deepcoin, nado): the old ones come only where
the end of the window is named, in ccxt `until`. Others refuse that, or do not hear it: hence
it is tried where a window was not answered, and kept up where it helps.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

from stoptrail.core.time import DAY_MS
from stoptrail.exchange.errors import RequestError
from stoptrail.exchange.rows import Row

_ENDS: dict[str, tuple[str, Literal["s", "iso"]]] = {
    "bequant": ("till", "iso"),
    "btcmarkets": ("to", "iso"),
    "fmfwio": ("till", "iso"),
    "foxbit": ("end_time", "iso"),
    "hitbtc": ("till", "iso"),
    "indodax": ("to", "s"),
    "whitebit": ("end", "s"),
}
"""Exchanges whose documents know an end that ccxt 4.5.90 does not send for `until`, or in another
unit: its name there, in seconds or as ISO 8601."""

_OLDER: dict[str, dict[str, Any]] = {"weex": {"historical": True}}
"""What else ccxt 4.5.90 wants to be told of exchanges whose older candles have an address of their
own: without it their swaps give the newest 1000, whatever start or end is named."""


def end_at(exchange: Any, until: int) -> dict[str, Any]:
    """ccxt's parameters for candles of `exchange` that open at or before `until`, ms."""
    name, unit = _ENDS.get(exchange.id, ("", "s"))
    if not name:
        return {"until": until, **_OLDER.get(exchange.id, {})}
    return {name: until // 1000 if unit == "s" else exchange.iso8601(until)}


_TRIES = 3


class AskUntil(Protocol):
    """Candles at or after `since`, at most `limit`, ascending, on the grid, each once; those that
    open at or before `until` (ms) where that is given."""

    def __call__(self, since: int, limit: int, until: int | None = None, /) -> list[Row]:
        """Raises RequestError where the exchange will not answer that."""


class Windows:
    """Candles of `interval` milliseconds that `ask` gives, window by window."""

    def __init__(self, ask: AskUntil, interval: int) -> None:
        self._ask = ask
        self._interval = interval
        self._ends: bool | None = None
        """Whether the end is named; None while it is not known whether that helps."""
        self._answered = False
        self._tries = 0
        """How often an answer was looked for that begins earlier."""

    def __call__(self, since: int, limit: int) -> list[Row]:
        """Candles of the window where the exchange can be made to give those."""
        end = since + limit * self._interval
        if self._ends:
            rows = self._inside(since, limit, end)
            return self._ask(since, limit) if rows is None else rows
        try:
            rows = self._ask(since, limit)
        except RequestError:
            found = None if self._answered else self._inside(since, limit, end)
            if found is None:
                raise
            return found
        self._answered = True
        if self._ends is None and rows and rows[0][0] >= end:
            inside = self._inside(since, limit, end)
            if inside or self._left_out(limit, rows[0][0]):
                return inside or []
        late = since + self._interval  # a request begins at a candle, or just before the first
        if self._ends is None and rows and rows[0][0] > late and rows[0][0] < end <= rows[-1][0]:
            return self._earlier(since, limit, rows)
        return rows

    def _earlier(self, since: int, limit: int, rows: list[Row]) -> list[Row]:
        """The window of `rows` that begin late in it and go beyond it: it may be cut at its start,
        which shows where one that ends before them is answered."""
        if self._tries == _TRIES:
            return rows
        self._tries += 1
        before = self._inside(since, limit, rows[0][0])
        if not before:
            return rows
        self._ends = True
        return self._inside(since, limit, since + limit * self._interval) or rows

    def _left_out(self, limit: int, first: int) -> bool:
        """Whether there are candles right before `first`, with which an answer began."""
        return bool(self._inside(first - limit * self._interval, limit, first))

    def _inside(self, since: int, limit: int, end: int) -> list[Row] | None:
        """Candles before `end`; None where the exchange refuses that or gives others."""
        if self._ends is False:
            return None
        try:
            rows = self._ask(since, limit, end - 1)
        except RequestError:
            return None
        if self._ends is None and rows:
            self._ends = rows[0][0] < end
        return rows if not rows or rows[0][0] < end else None


def reach(since: int, size: int, interval: int) -> int:
    """How far an answer without candles is sure to look, ms: some end at midnight."""
    window = size * interval
    return window if interval >= DAY_MS else min(window, DAY_MS - since % DAY_MS)
