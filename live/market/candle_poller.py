"""When the exchange's record is read: whenever a candle must have closed."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable

from stoptrail.core.retry import backoff
from stoptrail.live.market.events import Event
from stoptrail.live.market.ordering import Sequence
from stoptrail.live.market.reader import Reader
from stoptrail.live.market.timing import Timing


class Confirmation:
    """Reads closed candles of `symbol` into `sequence`; `tell` gets what that lets out.

    `expects_trades` says whether trades come on a socket of their own, so that a closed
    candle waits a moment for its last ones; `complete` is called when everything that the
    exchange has is delivered, after it was asked for by `ask`; `room` waits until the consumer
    has caught up.
    """

    def __init__(
        self,
        reader: Reader,
        sequence: Sequence,
        symbol: str,
        timeframe: str,
        timing: Timing,
        tell: Callable[[list[Event]], None],
        expects_trades: Callable[[], bool],
        complete: Callable[[], None],
        room: Callable[[], Awaitable[None]],
    ) -> None:
        self._reader = reader
        self._sequence = sequence
        self._symbol = symbol
        self._timeframe = timeframe
        self._timing = timing
        self._tell = tell
        self._expects_trades = expects_trades
        self._complete = complete
        self._room = room
        self._wake = asyncio.Event()
        self._asked = True
        self._due_at = math.inf

    def ask(self) -> None:
        """Data may be missing: let everything be read that the exchange has."""
        self._asked = True

    def look(self) -> None:
        """Something has come: go on where there is anything to do."""
        if self._asked or self._sequence.due:
            self._wake.set()

    @property
    def overdue(self) -> float:
        """Seconds for which a closed candle could not be had."""
        return time.monotonic() - self._due_at

    async def run(self) -> None:
        """Until cancelled."""
        stalls = 0
        while True:
            if not self._asked and not self._sequence.due:
                self._due_at = math.inf
                await self._wake.wait()
            self._wake.clear()
            self._due_at = min(self._due_at, time.monotonic())
            before = self._sequence.delivered
            await self._room()
            waits = await self._read()
            if self._sequence.delivered > before or not self._sequence.due:
                stalls = 0
                self._due_at = math.inf
            elif waits:
                await self._last_trades()
            else:
                stalls += 1
                await asyncio.sleep(backoff(stalls, self._timing.confirm, self._timing.poll))

    async def _read(self) -> bool:
        """Read the record once; whether closed candles wait for their trades."""
        asked, self._asked = self._asked, False
        most = self._reader.most - 1  # one before the first is asked for too
        limit = most if asked else min(most, self._sequence.missing)
        rows = await self._reader.candles(
            self._symbol, self._timeframe, self._sequence.since, limit, patient=True
        )
        waits = self._expects_trades() and self.overdue < self._timing.grace
        self._tell(self._sequence.confirm(rows, self._sequence.last_trade if waits else None))
        if asked and self._sequence.settled and len(rows) < limit:
            self._complete()
        elif asked:
            self._asked = True
        return waits and len(rows) > 1

    async def _last_trades(self) -> None:
        """Until a trade behind the candle that waits comes, for as long as it may wait: whatever
        else comes would only have the record read again for nothing."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.001, self._timing.grace - self.overdue)):
                while self._sequence.last_trade < self._sequence.awaited:
                    self._wake.clear()
                    await self._wake.wait()
