"""The one path on which anything is read from the exchange over REST.

Reads only: nothing here can place, change or cancel an order.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from stoptrail.core.errors import ExchangeError
from stoptrail.core.time import timeframe_ms
from stoptrail.exchange.retry import backoff, retry_after
from stoptrail.live.market.timing import Timing
from stoptrail.live.market.warnings import Troubles

T = TypeVar("T")
Row = tuple[int, float, float, float, float, float]
"""Open time in milliseconds, open, high, low, close, volume."""

_READINGS = 3
"""Readings after which a row that is no candle is left out."""
_NO_PRICES = (math.nan, math.nan, math.nan, math.nan, 0.0)
_WIDEST = 1e4
"""A candle whose high is more than so many times its low is a mistake."""
PAGE = 1000
"""Most candles of one request (Binance's limit, and more than most others')."""


class Source(Protocol):
    """The reads of an exchange, as ccxt's asynchronous classes have them."""

    id: str
    has: dict[str, Any]

    async def fetch_ohlcv(
        self, symbol: str, timeframe: str, since: int | None, limit: int | None
    ) -> list[list[Any]]:
        """Candles from `since`, oldest first; the newest may be unfinished."""

    async def fetch_trades(
        self, symbol: str, since: int | None = None, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """The newest trades, oldest first."""


@dataclass
class _Answer:
    """The worst HTTP answer to one read, which may take several requests at once; reads
    run side by side, so each has its own."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)


class Reader:
    """Reads with bounded waits: Retry-After is kept, failures are retried with backoff."""

    def __init__(self, source: Source, retries: int, timing: Timing, troubles: Troubles) -> None:
        self._source = source
        self._retries = retries
        self._timing = timing
        self._troubles = troubles
        self._answer: ContextVar[_Answer] = ContextVar("answer")
        self._barred_until = -math.inf
        self._left_out: deque[str] = deque(maxlen=64)

    def answered(self, status: int, headers: dict[str, str], body: str) -> None:
        """Hear of an HTTP answer before ccxt reads it.

        Raises ValueError for half an answer, which ccxt would take for no data.
        """
        answer = self._answer.get(_Answer())
        if status >= answer.status:
            answer.status, answer.headers = status, headers
        if status == 200 and not body.rstrip().endswith(("]", "}")):
            raise ValueError(f"half an answer: {body[-40:]!r}")

    async def candles(
        self, symbol: str, timeframe: str, since: int, limit: int, patient: bool = False
    ) -> list[Row]:
        """Up to `limit` candles from `since`, ascending; the newest may be unfinished, and
        then without prices (NaN) where the exchange gives none yet.

        A row that is no candle however often it is read is left out. `patient` retries for
        as long as it takes; otherwise ExchangeError after the configured number of retries.
        """
        interval, readings = timeframe_ms(timeframe), 0
        limit = min(PAGE, limit + 1)

        async def read() -> list[Row]:
            nonlocal readings
            readings += 1
            # From one candle earlier: some exchanges take `since` as "later than".
            earlier = since - interval
            answer = await self._source.fetch_ohlcv(symbol, timeframe, earlier, limit)
            return self._rows(answer, since, interval, readings > _READINGS)

        return await self.read("candles", read, patient)

    def _rows(
        self, answer: list[list[Any]], since: int, interval: int, resigned: bool
    ) -> list[Row]:
        """The exchange's candles from `since` on, ascending, the last of equal times kept.

        Raises ValueError where one is no candle, unless `resigned` to that.
        """
        found: dict[int, Row] = {}
        newest = max((at for at in map(open_time, answer) if at is not None), default=0)
        for entry in answer:
            row, at = candle_row(entry), open_time(entry)
            if row is None and at == newest and at % interval == 0:
                row = (at, *_NO_PRICES)
            if row is None or row[0] % interval:
                self._odd(entry, resigned)
            elif row[0] >= since:
                found[row[0]] = row
        return [found[at] for at in sorted(found)]

    def _odd(self, entry: Any, resigned: bool) -> None:
        """Leave `entry` out; raises ValueError where it should be read again first."""
        text = str(entry)[:80]
        if not resigned and text not in self._left_out:
            raise ValueError(f"not a candle: {text}")
        self._left_out.append(text)
        self._troubles.say(
            "malformed candle",
            f"the exchange's record holds a candle that makes no sense: it is left out: {text}",
        )

    async def trades(self, symbol: str, patient: bool = False) -> list[dict[str, Any]]:
        """The newest trades, oldest first."""

        async def read() -> list[dict[str, Any]]:
            found = await self._source.fetch_trades(symbol, None, 100)
            return sorted(found, key=lambda trade: int(trade["timestamp"]))

        return await self.read("trades", read, patient)

    async def read(self, what: str, call: Callable[[], Awaitable[T]], patient: bool = False) -> T:
        """The result of `call`, which only reads, tried again where that can help."""
        failures = 0
        while True:
            await self._wait_for_ban(what, patient)
            self._answer.set(_Answer())
            try:
                async with asyncio.timeout(self._timing.timeout * 1.5):
                    return await call()
            except Exception as error:
                failures += 1
                wait = self._wait_after(what, error, failures)
                if not patient and failures > self._retries:
                    raise self._failed(what, error) from None
            await asyncio.sleep(wait)

    async def _wait_for_ban(self, what: str, patient: bool) -> None:
        while (left := self._barred_until - time.monotonic()) > 0:
            if not patient and left > self._timing.ban_cap:
                raise ExchangeError(
                    f"{self._source.id} refuses requests for another {left:.0f} s "
                    f"(HTTP 418 or 429) while reading {what}: start again after that"
                )
            await asyncio.sleep(left)

    def _wait_after(self, what: str, error: Exception, failures: int) -> float:
        """Seconds to wait after `error`; raises ExchangeError where waiting cannot help."""
        name = type(error).__name__
        answer = self._answer.get()
        if _refused_region(error, answer.status):
            raise region_error(self._source.id) from None
        if answer.status in (418, 429) or name in ("DDoSProtection", "RateLimitExceeded"):
            asked = retry_after(answer.headers)
            wait = self._timing.ban if asked is None else asked
            self._barred_until = max(self._barred_until, time.monotonic() + wait)
            self._troubles.say(
                "rate limit",
                f"{self._source.id} limits our requests (HTTP {answer.status or 429}): "
                f"no request for {wait:g} s, as it asks",
            )
            return 0.0
        if answer.status < 500 and _permanent(error):  # ccxt takes some 503 for a bad request
            raise self._failed(what, error) from None
        kind, words = _describe(name, answer.status)
        self._troubles.say(
            kind, f"{self._source.id} {words} while reading {what}: trying again ({error})"[:300]
        )
        return backoff(failures, self._timing.backoff, self._timing.backoff_cap)

    def _failed(self, what: str, error: Exception) -> ExchangeError:
        text = self._troubles.redaction.clean(error)[:200]
        return ExchangeError(
            f"{self._source.id} gave no {what}: {type(error).__name__} {text}: "
            "check the connection and [exchange], then start again"
        )


def region_error(exchange: str) -> ExchangeError:
    """The error of an exchange that does not serve this region (HTTP 451)."""
    others = [name for name in ("kraken", "coinbase", "bitstamp", "okx") if name != exchange]
    return ExchangeError(
        f"{exchange} does not serve this region (HTTP 451): set [exchange] id to another, "
        f"such as {', '.join(others)}"
    )


def open_time(entry: Any) -> int | None:
    """The open time of a row, or None where it cannot be read."""
    try:
        return int(entry[0])
    except (TypeError, ValueError, IndexError, KeyError, OverflowError):
        return None


def candle_row(entry: Any) -> Row | None:
    """`entry` as a candle, or None where it cannot be one."""
    try:
        at, *values = entry
        row = (int(at), *(float(value) for value in values[:5]))
    except (TypeError, ValueError, OverflowError):
        return None
    if len(row) != 6 or not all(map(math.isfinite, row)):
        return None
    _, open_, high, low, close, volume = row
    if not 0.0 < low <= min(open_, close) <= max(open_, close) <= high or volume < 0.0:
        return None
    if high > low * _WIDEST:
        return None
    return int(row[0]), open_, high, low, close, volume


def _refused_region(error: Exception, status: int) -> bool:
    """Whether the exchange does not serve this region."""
    text = str(error)
    return (
        status == 451
        or type(error).__name__ == "RestrictedLocation"
        or "restricted location" in text
        or re.search(r" 451 ", text) is not None
    )


def _permanent(error: Exception) -> bool:
    """Whether the same request would fail again however long one waits."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return bool(
        kinds & {"AuthenticationError", "BadRequest", "NotSupported", "ArgumentsRequired"}
    ) or isinstance(error, ExchangeError)


def _describe(name: str, status: int) -> tuple[str, str]:
    """(kind, words) of a failure that may pass."""
    if name == "OnMaintenance" or status == 503:
        return "maintenance", f"is down for maintenance (HTTP {status or 503})"
    if status >= 500:
        return "server error", f"answers HTTP {status}"
    if name in ("RequestTimeout", "TimeoutError"):
        return "timeout", "does not answer in time"
    if name in ("ExchangeNotAvailable", "NetworkError") and status == 0:
        return "network", "cannot be reached"
    return "malformed answer", "gives an answer that makes no sense"
