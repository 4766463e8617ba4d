"""Asks for a swap's funding: what is expected, and what was published (C19).

Of ccxt's answers `fundingTimestamp` alone is trusted: `nextFundingTimestamp` is late, past or
absent on most exchanges. Where there is none, every full hour may bring a row.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from stoptrail.core.errors import ExchangeError
from stoptrail.core.retry import backoff
from stoptrail.core.time import DAY_MS, HOUR_MS, MINUTE_MS, iso_time
from stoptrail.exchange.funding import following, requests, rows_of
from stoptrail.live.market.events import Event, Published
from stoptrail.live.market.mark_reader import MarkReader
from stoptrail.live.market.reader import Reader
from stoptrail.live.market.timing import Timing
from stoptrail.live.market.warnings import WarningLog
from stoptrail.rules.funding import FundingRow, on_the_minute

AGAIN = DAY_MS
"""How far back rows are asked for once more: one may be published behind a later one."""
_UNTOLD_MS = 10 * MINUTE_MS
"""For how long after a full hour a row is asked for that nobody has promised."""


class Forecast(NamedTuple):
    """The funding that an exchange expects."""

    rate: float
    time: int | None
    """When it is paid, ms; None where the exchange does not say."""


async def published(
    reader: Reader, exchange: Any, symbol: str, since: int, until: int, patient: bool = False
) -> list[FundingRow]:
    """The rows at [since, until], ms, ascending, on the minute. Raises ExchangeError, with
    `patient` only where waiting cannot help."""
    found: dict[int, FundingRow] = {}
    questions = requests(exchange.id, since, until)
    question = next(questions, None)
    while question is not None:
        ask = partial(exchange.fetch_funding_rate_history, symbol, *question)
        entries = await reader.read("funding", ask, patient)
        rows = [row._replace(time=on_the_minute(row.time)) for row in rows_of(exchange.id, entries)]
        found |= {row.time: row for row in rows if since <= row.time <= until}
        question = following(questions, rows)
    return [found[time] for time in sorted(found)]


class FundingPoller:
    """Tells every row after `known` (ms) once, from a minute after its time until it is there.

    `clock` is the exchange's, in ms; `marks` prices rows that have no price.
    """

    def __init__(
        self,
        exchange: Any,
        reader: Reader,
        symbol: str,
        known: int,
        clock: Callable[[], int],
        timing: Timing,
        tell: Callable[[list[Event]], None],
        warning_log: WarningLog,
        marks: MarkReader | None = None,
    ) -> None:
        self.forecast: Forecast | None = None
        """What the exchange expects next, as it last said."""
        self._exchange = exchange
        self._reader = reader
        self._marks = marks
        self._symbol = symbol
        self._first = known
        self._newest = known
        self._clock = clock
        self._timing = timing
        self._tell = tell
        self._warning_log = warning_log
        self._told: dict[int, float] = {}
        """Rates of the last answer by their times, ms."""
        self._promised: set[int] = set()
        """Times for which a forecast was made, and whose row has not come."""
        self._forecasts = bool(exchange.has.get("fetchFundingRate"))

    async def run(self) -> None:
        """Until cancelled."""
        failures, longest = 0, self._timing.forecast
        while True:
            await self._look_ahead()
            seconds = self._until_due() / 1000
            if seconds > 0.0:
                failures = 0
                await asyncio.sleep(min(seconds, longest))
                continue
            before = self._newest
            await self._ask()
            failures = 0 if self._newest > before else failures + 1
            if failures:
                await asyncio.sleep(backoff(failures, self._timing.poll, longest))

    def _until_due(self) -> int:
        """Milliseconds until a row has to be asked for: one that was promised until it is there,
        and for some minutes after every full hour, as not all are."""
        now, minute = self._clock(), MINUTE_MS
        self._promised = {time for time in self._promised if time > self._newest}
        hour = now // HOUR_MS * HOUR_MS
        if hour > self._newest and now < hour + _UNTOLD_MS:
            return min([hour, *self._promised]) + minute - now
        return min([hour + HOUR_MS, *self._promised]) + minute - now

    async def _ask(self) -> None:
        since = max(self._first + 1, self._newest - AGAIN)
        try:
            rows = await published(
                self._reader, self._exchange, self._symbol, since, self._clock(), patient=True
            )
        except ExchangeError as error:
            self._warning_log.say("funding", f"{error}: funding is asked for again and again")
            return
        fresh = [row for row in rows if row.time not in self._told]
        for row in rows:
            if row.rate != (before := self._told.get(row.time, row.rate)):
                text = f"the funding of {iso_time(row.time)} was corrected from {before:+.4%} to"
                words = f"{text} {row.rate:+.4%} by the exchange: what was booked stays"
                self._warning_log.say("funding corrected", words, again=True)
        self._told = {row.time: row.rate for row in rows}
        if fresh:
            self._newest = max(self._newest, fresh[-1].time)
            fresh = fresh if self._marks is None else await self._marks.price(fresh)
            self._tell([Published(row) for row in fresh])

    async def _look_ahead(self) -> None:
        """Hear what the exchange expects; nothing depends on it but when to ask."""
        if not self._forecasts:
            return
        try:
            told = await self._reader.read(
                "expected funding", lambda: self._exchange.fetch_funding_rate(self._symbol)
            )
        except ExchangeError as error:
            self._warning_log.say("funding", f"no forecast of funding: {error}")
            self.forecast = None
            return
        rate, time = told.get("fundingRate"), told.get("fundingTimestamp")
        known = isinstance(rate, int | float) and math.isfinite(rate)
        moment = on_the_minute(int(time)) if time else None
        self._promised |= set() if moment is None else {moment}
        self.forecast = Forecast(float(rate), moment) if known else None
