"""When the exchange's record is read: whenever a candle must have closed; and how far, where one
answer does not reach over a hole."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping

from stoptrail.core.errors import ExchangeError
from stoptrail.core.retry import backoff
from stoptrail.core.text import number_of
from stoptrail.core.time import Spans, iso_time, within
from stoptrail.exchange.errors import RequestError, UnreachableError
from stoptrail.exchange.history import History
from stoptrail.exchange.rows import Row
from stoptrail.exchange.windows import AskUntil, reach
from stoptrail.live.market.events import CandleClosed, Event, Marked, not_served
from stoptrail.live.market.mark_reader import MarkReader
from stoptrail.live.market.ordering import Sequence
from stoptrail.live.market.reader import Reader
from stoptrail.live.market.timing import Timing
from stoptrail.rules.margin import Mark

_LOOKS = 3
"""Times that the exchange has to give nothing of a hole before it is left."""


class Confirmation:
    """Reads closed candles of `symbol` into `sequence`; `tell` gets what that lets out.

    `expects_trades` says whether trades come on a socket of their own, so that a closed
    candle waits a moment for its last ones; `complete` is called when everything that the
    exchange has is delivered, after it was asked for by `ask`; `room` waits until the consumer
    has caught up; `marks` reads the mark prices that are told before their candles.
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
        marks: MarkReader | None = None,
    ) -> None:
        self._marks = marks
        self._reader = reader
        self._sequence = sequence
        self._symbol = symbol
        self._timeframe = timeframe
        self._timing = timing
        self._tell = tell
        self._expects_trades = expects_trades
        self._complete = complete
        self._room = room
        self._holes = Holes(reader, sequence, symbol, timeframe, timing)
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
        stalls, waits = 0, False
        while True:
            if not (self._asked or self._sequence.due or waits):
                self._due_at = math.inf
                await self._wake.wait()
            self._wake.clear()
            self._due_at = min(self._due_at, time.monotonic())
            before = self._sequence.delivered
            await self._room()
            waits = await self._read()
            # One that waits for its trades is due, though no stream tells of the next candle.
            due = self._sequence.due or self._holes.open or waits
            if self._sequence.delivered > before or not due:
                stalls = 0
                self._due_at = math.inf
            elif waits:
                await self._last_trades()
            else:
                stalls += 1
                await asyncio.sleep(backoff(stalls, self._timing.confirm, self._timing.poll))

    async def _read(self) -> bool:
        """Read the record once; whether closed candles wait for their trades."""
        at_once, self._asked = self._asked, False
        most = self._reader.most - 1  # one before the first is asked for too
        limit = most if at_once else min(most, self._sequence.missing)
        rows = await self._holes.rows(limit)
        waits = self._expects_trades() and self.overdue < self._timing.grace
        heard = self._sequence.last_trade if waits else None
        known = {} if self._marks is None else await self._marks.read(self._closed(rows))
        self._tell(marked(self._sequence.confirm(rows, heard, self._holes.passed), known))
        if at_once and self._sequence.settled and len(rows) < limit and not self._holes.open:
            self._complete()
        elif at_once:
            self._asked = True
        return waits and len(rows) > 1

    def _closed(self, rows: list[Row]) -> list[int]:
        """Open times of `rows` that have closed: one follows, or a later event was heard."""
        ends = self._sequence.newest - self._sequence.interval
        return [row[0] for row in rows if row is not rows[-1] or row[0] <= ends]

    async def _last_trades(self) -> None:
        """Until a trade behind the candle that waits comes, for as long as it may wait: whatever
        else comes would only have the record read again for nothing."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.001, self._timing.grace - self.overdue)):
                while self._sequence.last_trade < self._sequence.awaited:
                    self._wake.clear()
                    await self._wake.wait()


def marked(events: list[Event], known: Mapping[int, Mark]) -> list[Event]:
    """`events` with the mark prices of each candle, where they are `known`, before it."""
    found: list[Event] = []
    for event in events:
        if isinstance(event, CandleClosed) and event.time in known:
            found.append(Marked(event.time, known[event.time]))
        found.append(event)
    return found


class Holes:
    """Reads the record from the first candle that is not delivered, and over what it does not
    show: an answer begins or ends where its exchange pleases.

    A hole is passed where the answer holds the candle before it, or a history of small pages
    does (exchange.history). What the exchange does not give, however often it is asked, is
    said with its times: nobody knows whether anything was traded then.
    """

    def __init__(
        self,
        reader: Reader,
        sequence: Sequence,
        symbol: str,
        timeframe: str,
        timing: Timing,
    ) -> None:
        self.passed: int | None = None
        """Open time of the candle before which there is nothing more to be had, ms."""
        self.open = False
        """Whether the last reading did not reach over a hole."""
        self._reader = reader
        self._sequence = sequence
        self._symbol = symbol
        self._timeframe = timeframe
        self._timing = timing
        self._hole = (0, 0)
        """Open times of the candles around the last hole that was passed."""
        self._ended = False
        self._looks = 0
        """Times in a row that the exchange has not given what lies before its next candle."""
        self._vain = 0
        """Times in a row that nothing was found beyond an answer."""
        self._next_look = -math.inf
        self._longest = 0
        """Intervals of the longest hole so far that was said."""
        self._refused = False
        """Whether the exchange refused the last question: then nobody knows what there is."""
        self._ends = False
        """Whether it wants the end of a window named too."""

    async def rows(self, limit: int) -> list[Row]:
        """Candles from the first that is not delivered, ascending: up to `limit`, or more."""
        self.passed, self.open, self._refused = None, False, False
        found = await self._found(limit)
        self.open |= self._refused
        return found

    async def _found(self, limit: int) -> list[Row]:
        sequence, known = self._sequence, self._sequence.delivered
        found = await self._page(known, limit + 1)
        if found:
            sequence.shown_again(found[0])
        rows = [row for row in found if row[0] > known]
        if rows and sequence.leaves_out(rows[0]):
            return await self._over(known, found[0][0] == known, rows)
        if len(rows) > 1:
            return rows
        last = rows[0][0] if rows else known
        further = await self._further(known, last, limit + 1)
        if rows and further:
            # What was under way when it was read may have closed before the later ones came.
            again = [row for row in await self._page(known, 2) if row[0] == last]
            return again + further if again else rows
        return rows + further

    async def _over(self, known: int, shown: bool, rows: list[Row]) -> list[Row]:
        """`rows` behind a hole, whose answer has `shown` the candle at `known` too, or those
        that fill it."""
        first = rows[0][0]
        if self._hole == (known, first):
            self.passed = first
        elif not shown:
            found = await self._look(known, first, rows)
            # A last one that nothing follows may be under way: what it fills up to does follow it.
            return found + [row for row in rows if found and row[0] > found[-1][0]]
        elif self._sequence.hole == first:
            self._pass(known, first)
        else:
            self.open = True  # once more
        return rows

    async def _page(self, since: int, limit: int) -> list[Row]:
        """An answer; none where the exchange refuses the question, which it may for its age, or
        for want of an end (zebpay)."""
        until = since + limit * self._sequence.interval - 1
        for end in (until,) if self._ends else (None, until):
            try:
                rows = await self._reader.page(
                    self._symbol, self._timeframe, since, limit, patient=True, until=end
                )
            except RequestError as error:
                refusal = error
            else:
                self._ends = end is not None
                return rows
        text = f"{refusal}: what it does give is looked for"
        self._reader.warning_log.say("refused", text, why=str(refusal))
        self._ends, self._refused = False, True
        return []

    async def _further(self, start: int, known: int, limit: int) -> list[Row]:
        """Candles after the one at `known`, where the market may have gone on beyond what an
        answer for `limit` from `start` shows."""
        interval, newest = self._sequence.interval, self._sequence.newest
        # Of what an answer shows it is sure that it goes so far, past midnight too.
        beyond = max(start + reach(start, limit, interval), known + interval * (known > start))
        self.open = newest >= beyond
        now = max(newest, int(time.time() * 1000))  # only ever to know how far to look
        if now < beyond or time.monotonic() < self._next_look:
            return []
        self._vain += 1
        pause = backoff(self._vain, self._timing.poll, self._timing.listing)
        self._next_look = time.monotonic() + (pause if self.open else self._timing.listing)
        with contextlib.suppress(ExchangeError):
            now = await self._reader.clock() or now
        if now < beyond:
            return []
        rows = await self._look(known, now - now % interval + interval)
        if rows or self._looks:
            self._vain, self._next_look = 0, -math.inf
        return rows

    async def _look(self, known: int, end: int, behind: Iterable[Row] = ()) -> list[Row]:
        """The first candles after the one at `known`, and before `end`, that the exchange can be
        made to give, else those `behind` them; none where it is to be asked again first."""
        history = History(self._asking(), self._sequence.interval, self._reader.most)
        since = known + self._sequence.interval

        def first() -> list[Row]:
            pieces = history.between(since, end, known)
            return next((piece.rows for piece in pieces if piece.rows), list(behind))

        self.open, self._ended = True, False
        try:
            rows = await asyncio.to_thread(first)
        finally:
            self._ended = True
        if not rows:
            return []
        unserved = within(history.unserved, since, rows[0][0])
        self._looks += 1
        if unserved and self._looks < _LOOKS:
            return []
        self._looks, self.open = 0, False
        if rows[0][0] > since:
            self._pass(known, rows[0][0], unserved)
        return rows

    def _asking(self) -> AskUntil:
        """Pages of the record for a thread beside this event loop."""
        loop = asyncio.get_running_loop()

        def ask(since: int, limit: int, until: int | None = None, /) -> list[Row]:
            if self._ended:
                raise UnreachableError("the stream has ended")
            page = self._reader.page(
                self._symbol, self._timeframe, max(0, since), limit, patient=True, until=until
            )
            return asyncio.run_coroutine_threadsafe(page, loop).result()

        return ask

    def _pass(self, known: int, first: int, unserved: Spans = ()) -> None:
        """Go on from the candle at `known` to the one at `first`; say what is not between."""
        self.passed, interval = first, self._sequence.interval
        if self._hole == (known, first):
            return
        self._hole = known, first
        for start, end in unserved:
            self._reader.warning_log.say(*not_served(start, end, interval), again=True)
        if unserved:
            return
        count = (first - known) // interval - 1
        self._reader.warning_log.say(
            "missing",
            f"the exchange itself has no candle for {number_of(count, 'interval')} from "
            f"{iso_time(known + interval)}: none is invented",
            again=count > self._longest,
        )
        self._longest = max(self._longest, count)
