"""The one path on which anything is read from the exchange over REST.

Reads only: nothing here can place, change or cancel an order.
"""

from __future__ import annotations

import asyncio
import copy
import math
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

from stoptrail.core.errors import ExchangeError
from stoptrail.core.retry import Patience, wait_after
from stoptrail.core.time import iso_time, timeframe_ms
from stoptrail.exchange.client import Client, check_whole, clock_time, has_clock
from stoptrail.exchange.errors import (
    Answer,
    BannedError,
    RequestError,
    UnreachableError,
    explained,
    judged,
)
from stoptrail.exchange.history import MOST
from stoptrail.exchange.rows import Row, candle_row, in_coins, open_time, other_length, step_of
from stoptrail.exchange.windows import end_at
from stoptrail.live.market.exchange_time import ExchangeTime
from stoptrail.live.market.timing import Timing
from stoptrail.live.market.warnings import WarningLog

T = TypeVar("T")

_READINGS = 3
"""Readings after which a row that is no candle is left out."""
_NO_PRICES = (math.nan, math.nan, math.nan, math.nan, 0.0)
_WORDS = {
    "limit": "limits our requests",
    "maintenance": "is down for maintenance",
    "server error": "fails",
    "timeout": "does not answer in time",
    "network": "cannot be reached",
    "rejected": "refuses a request",
}


def _moment_in(seconds: float) -> str:
    """The time in so many seconds by this machine's clock, for people."""
    return iso_time(int(time.time() + seconds) * 1000)


class _Bar:
    """Until when an exchange wants no request, by the monotonic clock."""

    until = -math.inf
    why = ""


class _Asked:
    """What was last asked of an exchange."""

    what = ""


class Source(Protocol):
    """The reads of an exchange, as ccxt's asynchronous classes have them."""

    id: str
    has: dict[str, Any]

    async def fetch_ohlcv(
        self,
        symbol: str,
        timeframe: str,
        since: int | None,
        limit: int | None,
        params: dict[str, Any] = ...,
        /,
    ) -> list[list[Any]]:
        """Candles from `since`, oldest first; the newest may be unfinished."""

    async def fetch_time(self) -> int:
        """The exchange's clock in milliseconds, where `has` names it."""

    async def fetch_trades(
        self, symbol: str, since: int | None = None, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """The newest trades, oldest first."""


_HEARD: ContextVar[Client | None] = ContextVar("heard", default=None)
"""What the read at hand has heard: reads run side by side, of several readers too."""


class Reader:
    """Reads with bounded waits: Retry-After is kept, failures are retried with backoff."""

    def __init__(
        self, source: Source, retries: int, timing: Timing, warning_log: WarningLog
    ) -> None:
        self._source = source
        self._timing = timing
        self._patience = Patience(
            retries + 1, None, timing.backoff, timing.backoff_cap, timing.ban, timing.ban_cap
        )
        self._endless = self._patience._replace(attempts=sys.maxsize, longest=math.inf)
        self.warning_log = warning_log
        self.most = MOST
        """Candles that one request may ask for."""
        self.unit = 1.0
        """Coins in one unit of the market's volume."""
        self.asked = _Asked()
        """Of all readers of the connection."""
        self._served: set[str] = set()
        self._bar = _Bar()
        """Of the address: HTTP 418 and 429 count its requests, whatever market they are for."""
        self._own_bar = _Bar()
        """Of this market: HTTP 403 and 451 may refuse one alone."""
        self._left_out: deque[str] = deque(maxlen=64)
        self.time = ExchangeTime(source)
        """What the reads go by, of all readers of the connection."""

    def beside(self, warning_log: WarningLog) -> Reader:
        """A reader of another market of the same exchange: what it asks not to be asked holds
        for both."""
        other = copy.copy(self)
        other.warning_log, other._left_out = warning_log, deque(maxlen=64)
        other.most, other.unit, other._own_bar = MOST, 1.0, _Bar()
        return other

    def answered(self, status: int, headers: Mapping[str, str], body: str) -> None:
        """Hear of an HTTP answer before ccxt reads it.

        Raises ValueError for half an answer, which ccxt would take for no data.
        """
        heard = _HEARD.get()
        if heard is None:
            check_whole(status, body)
        else:
            heard.hear(status, headers, body)

    async def page(
        self,
        symbol: str,
        timeframe: str,
        since: int,
        limit: int,
        patient: bool = False,
        until: int | None = None,
    ) -> list[Row]:
        """Candles from `since` (and, where it is given, up to `until`), ascending, of one request
        for up to `limit`; the newest may be unfinished, and then without prices (NaN) where the
        exchange gives none yet.

        A row that is no candle however often it is read is left out. `patient` retries for
        as long as it takes; otherwise ExchangeError after the configured number of retries.
        RequestError where the exchange will not answer that.
        """
        interval, readings = timeframe_ms(timeframe), 0
        params = () if until is None else (end_at(self._source, until),)

        async def read() -> list[Row]:
            nonlocal readings
            readings += 1
            size = min(self.most, limit)
            answer = await self._source.fetch_ohlcv(symbol, timeframe, since, size, *params)
            self._require_length(answer, interval, patient)
            return self._rows(answer, since, interval, readings > _READINGS)

        rows = await self.read("candles", read, patient)
        return [self.in_coins(row) for row in rows]

    def _require_length(self, answer: list[list[Any]], interval: int, patient: bool) -> None:
        """Raise where candles are shorter than asked for: ValueError, and they are asked for
        again, where it is waited for better ones."""
        if 0 < (step := step_of(answer)) < interval:
            words = other_length(self._source.id, step, interval)
            raise ValueError(words) if patient else ExchangeError(words)

    def in_coins(self, row: Row) -> Row:
        """`row` with its volume in coins."""
        return in_coins(row, self.unit)

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
        self.warning_log.say(
            "malformed candle",
            f"the exchange's record holds a candle that makes no sense: it is left out: {text}",
        )

    async def clock(self) -> int | None:
        """The exchange's clock in milliseconds; None where it has none to ask, or none answers."""
        if not has_clock(self._source):
            return None
        try:
            told = clock_time(self._source, await self.read("time", self._source.fetch_time))
            if told is not None:
                self.time.told(told)
            return told
        except RequestError:
            return clock_time(self._source, None)
        except UnreachableError:  # it may be on a host of its own
            return None

    @property
    def deadline(self) -> float:
        """Seconds after which a single reading is given up."""
        return self._timing.timeout * 1.5

    async def trades(
        self, symbol: str, patient: bool = False, most: int = 100
    ) -> list[dict[str, Any]]:
        """The newest trades, up to `most`, oldest first."""

        async def read() -> list[dict[str, Any]]:
            found = await self._source.fetch_trades(symbol, None, most)
            return sorted(found, key=lambda trade: int(trade["timestamp"]))

        return await self.read("trades", read, patient)

    async def read(self, what: str, call: Callable[[], Awaitable[T]], patient: bool = False) -> T:
        """The result of `call`, which only reads, tried again where that can help."""
        failures, self.asked.what = 0, what
        while True:
            await self._wait_for_ban(what, patient)
            _HEARD.set(heard := Client())
            try:
                with self.time.reading():
                    async with asyncio.timeout(self.deadline):
                        result = await call()
            except Exception as error:
                failures += 1
                wait = self._wait_after(what, error, heard.answer, failures, patient)
                if wait is None:
                    raise self._failed(what, error, heard.answer) from None
            else:
                self._served.add(what)
                return result
            await asyncio.sleep(wait)

    async def _wait_for_ban(self, what: str, patient: bool) -> None:
        while (left := (bar := self._barred()).until - time.monotonic()) > 0:
            if not patient and left > self._timing.ban_cap:
                raise BannedError(
                    f"{self._source.id} wants no request until {_moment_in(left)} "
                    f"(HTTP 418 or 429): the {what} cannot be read before",
                    left,
                )
            self.warning_log.why = bar.why  # another market's reader may have heard it
            await asyncio.sleep(left)

    def _barred(self) -> _Bar:
        return max(self._bar, self._own_bar, key=lambda bar: bar.until)

    def _wait_after(
        self, what: str, error: Exception, answer: Answer, failures: int, patient: bool
    ) -> float | None:
        """Seconds to wait after `error`, None where patience is over; raises ExchangeError
        where waiting cannot help."""
        if isinstance(error, ExchangeError):
            raise error
        failure = judged(error, answer, self._knows(what, patient))
        final = failure.kind == "rejected" and failures > (_READINGS if patient else 1)
        if final or not failure.passes:
            explanation = explained(self._source.id, failure, what)
            raise type(explanation)(self.warning_log.redaction.clean(explanation)) from None
        patience = self._endless if patient else self._patience
        named = patience.ban if failure.hard and failure.wait is None else failure.wait
        told = "" if failure.wait is None else ", as it asks"
        if patient and answer.status != 418 and (named or 0.0) > self._timing.ban_cap:
            named, told = self._timing.ban_cap, f", where it asks for {failure.wait:g}"
        if failure.kind == "limit" and named is not None:
            refused = failure.reason[:8] in ("HTTP 403", "HTTP 451")
            bar, verb = (self._own_bar, "refuses") if refused else (self._bar, "limits")
            bar.until = max(bar.until, time.monotonic() + named)
            until = f"until {_moment_in(named)} ({failure.reason})"
            bar.why = f"{self._source.id} {verb} our requests {until}"
            self.warning_log.say(
                "rate limit",
                f"{self._source.id} {verb} our requests ({failure.reason}): "
                f"no request for {named:g} s{told}",
                why=bar.why,
            )
            return wait_after(failures, patience, 0.0)
        words = _WORDS.get(failure.kind, "gives an answer that makes no sense")
        why = f"{self._source.id} {words} ({failure.reason})"[:200]
        text = f"{self._source.id} {words} while reading {what}: trying again ({failure.reason})"
        self.warning_log.say(failure.kind, text[:300], why=why)
        return wait_after(failures, patience, named)

    def _knows(self, what: str, patient: bool) -> bool:
        """Whether the exchange serves this place: it has answered such a read, or a session that
        runs any; what was not asked for before may be on a host of its own."""
        return what in self._served or (patient and bool(self._served))

    def _failed(self, what: str, error: Exception, answer: Answer) -> ExchangeError:
        """The error that the last try ends with: UnreachableError where nothing answered."""
        failure = judged(error, answer, what in self._served)
        kind = type(explained(self._source.id, failure, what))
        text = self.warning_log.redaction.clean(failure.reason)[:200]
        return kind(
            f"{self._source.id} gave no {what} ({text}): check the connection and [exchange]"
        )
