"""Reads mark prices of a swap: by them its exchange liquidates, on them funding is paid."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from stoptrail.core.errors import ExchangeError
from stoptrail.core.retry import backoff
from stoptrail.core.time import iso_time, timeframe_name
from stoptrail.exchange.history import SMALL
from stoptrail.exchange.rows import Row, rows_from
from stoptrail.live.market.reader import Reader
from stoptrail.live.market.timing import Timing
from stoptrail.rules.funding import FundingRow
from stoptrail.rules.margin import Mark


class MarkReader:
    """Mark candles of one market at `interval`, ms. Nothing waits for them for longer than
    `timing.marks`: what does not come by then is left out, and said."""

    def __init__(
        self, exchange: Any, reader: Reader, symbol: str, interval: int, timing: Timing
    ) -> None:
        self._exchange = exchange
        self._reader = reader
        self._symbol = symbol
        self._interval = interval
        self._timing = timing
        self._known: dict[int, Mark] = {}
        """Of the candles that were asked for last, by open time."""
        self._without: set[int] = set()
        """Those of them that have none."""

    async def read(self, opens: Iterable[int]) -> dict[int, Mark]:
        """The mark prices of the closed candles that opened at `opens`, ms, ascending. One counts
        as closed where a later one is shown."""
        closed = list(opens)
        self._known = {at: mark for at, mark in self._known.items() if at in closed}
        self._without &= set(closed)
        wanted = [at for at in closed if at not in self._known and at not in self._without]
        failures, began = 0, time.monotonic()
        while wanted:
            rows, trouble = await self._page(wanted, began)
            self._known |= {row[0]: Mark(*row[1:5]) for row, _ in pairwise(rows)}
            last = rows[-1][0] if rows else 0
            left = [at for at in wanted if at not in self._known and at >= last]
            self._leave_out([at for at in wanted if at < last and at not in self._known], trouble)
            failures = 0 if len(left) < len(wanted) else failures + 1
            began = began if failures else time.monotonic()
            if time.monotonic() - began >= self._timing.marks:
                self._leave_out(left, trouble)
                break
            wanted = left
            if failures:
                await asyncio.sleep(backoff(failures, self._timing.confirm, self._timing.poll))
        return {at: self._known[at] for at in closed if at in self._known}

    async def price(self, rows: list[FundingRow]) -> list[FundingRow]:
        """`rows` of funding; one without a price has that at which the mark candle of its time
        opened, where there is one. Rows that accrue are paid at later prices."""
        found = []
        for row in rows:
            if row.price != row.price and not row.hours and row.time % self._interval == 0:
                row = row._replace(price=await self._open(row.time))
            found.append(row)
        return found

    async def _open(self, opens: int) -> float:
        """What a mark candle opened at, finished or not; NaN where it does not come."""
        failures, began = 0, time.monotonic()
        while True:
            rows, trouble = await self._page([opens], began)
            if rows and rows[0][0] == opens:
                return float(rows[0][1])
            failures += 1
            if rows or time.monotonic() - began >= self._timing.marks:
                self._leave_out([opens], trouble)
                return float("nan")
            await asyncio.sleep(backoff(failures, self._timing.confirm, self._timing.poll))

    async def _page(self, wanted: list[int], began: float) -> tuple[list[Row], str]:
        """Candles from the first that is wanted, the last one maybe unfinished; and why there are
        none."""
        since, name = wanted[0], timeframe_name(self._interval)
        limit = min(SMALL, (wanted[-1] - since) // self._interval + 2)

        async def ask() -> list[Row]:
            answer = await self._exchange.fetch_ohlcv(
                self._symbol, name, since, limit, {"price": "mark"}
            )
            entries = [[*entry[:5], 0.0] for entry in answer]  # a mark price has no volume
            return rows_from(entries, since, self._interval, lambda _: None)

        left = self._timing.marks - (time.monotonic() - began)
        try:
            async with asyncio.timeout(max(left, self._timing.confirm)):
                return await self._reader.read("mark prices", ask), ""
        except TimeoutError:
            return [], f"{self._exchange.id} does not answer in time"
        except ExchangeError as error:
            return [], str(error)

    def _leave_out(self, opens: list[int], trouble: str) -> None:
        """Do without the mark prices of these candles."""
        self._without |= set(opens)
        for at in opens:
            why = f": {trouble}" if trouble else ""
            self._reader.warning_log.say(
                "mark prices",
                f"{self._exchange.id} shows no mark prices of {iso_time(at)} in time{why}; there "
                "the market's own liquidate, which is stricter, and price funding",
            )
