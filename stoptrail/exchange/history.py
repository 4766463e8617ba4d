"""A market's candles between two moments, from an exchange of which nothing is known.

Exchanges answer "so many from here" in their own ways: the first ones from there, those of
a window of time, only the last ones of that window, the newest of all, a day; some refuse
what is too old or too much; answers come incomplete. Hence the rules:

- A request begins before what is wanted, at a candle that is known: where that one is not
  in the answer, the answer's silence about others means nothing.
- A hole is believed only when it was asked for again with a small page, in an answer that
  holds the candle before it, and the one after it was served as well.
- Where an answer leaves out, between candles that it has, such as another one had, every hole
  is asked for again until several answers in a row bring nothing new.
- Whatever else did not come is "unserved": never taken for a time without trades.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic
from typing import NamedTuple

from stoptrail.core.time import DAY_MS, Spans, joined
from stoptrail.exchange.copies import CandleCopies, Losses
from stoptrail.exchange.errors import RequestError
from stoptrail.exchange.rows import Row
from stoptrail.exchange.windows import AskUntil, Windows, reach

MOST = 1000
"""Candles asked for at a time, where the exchange is not known to give fewer."""
SMALL = 100
"""Candles of a small page; hardly an exchange gives fewer."""
_LEAST = 4
_STEPS = 20
"""Pages without a candle after which the next one is looked for at the end."""
_PROOFS = 60
"""Small pages that are spent on one hole before it is left as unserved."""


class Stretch(NamedTuple):
    """What is known of [start, end) now."""

    rows: list[Row]
    start: int
    end: int
    settled: bool
    """Whether `rows` is all that the exchange has of it."""

    def append_to(self, found: list[Row]) -> None:
        """Its candles; the first may be another copy of the last of `found`."""
        again = bool(found and self.rows and found[-1][0] == self.rows[0][0])
        found[len(found) - again :] = self.rows


class History:
    """Reads through `ask`, `page` candles at a time; `interval` in milliseconds."""

    def __init__(self, ask: AskUntil, interval: int, page: int = MOST) -> None:
        self._ask = Windows(ask, interval)
        self._interval = interval
        self._page = max(_LEAST, min(page, MOST))
        self._small = min(SMALL, self._page)
        self._page_works = False
        self._direct = False
        """Whether the rows at hand answer a page asked for from where they were wanted."""
        self._back = 1
        """From how many candles before those that are wanted a request begins."""
        self._before: Row | None = None
        """The candle before those that were wanted last, as that answer has it."""
        self.refusal: RequestError | None = None
        """The last request that was refused, if any was."""
        self._refused = False
        """Whether the last request was."""
        self.copies = CandleCopies()
        self.losses = Losses()
        self.seen = 0
        """Open time of the newest candle in any answer."""
        self._newest: list[tuple[int, float]] = []
        """Open times of candles that ended all answers until then, and when they came."""
        self._gaps: list[tuple[int, int]] = []
        self._unserved: list[tuple[int, int]] = []

    @property
    def gaps(self) -> Spans:
        """Where the exchange has no candle, asked for twice."""
        return joined(self._gaps)

    @property
    def unserved(self) -> Spans:
        """Where it gave nothing, and may have something."""
        return joined(self._unserved)

    def unsure(self) -> list[int]:
        """Candles that may not have closed yet when they were read: the newest of all, where what
        was seen since then does not tell that they had."""
        now = monotonic()
        return [
            at for at, read in self._newest if self.seen - (now - read) * 1000 < at + self._interval
        ]

    def newest(self, now: int) -> Row | None:
        """The newest candle, maybe unfinished, that opened within a page before `now`, or None."""
        rows: list[Row] = []
        later = self._try(now - (self._page - 1) * self._interval, self._page)
        while later and (not rows or later[-1][0] > rows[-1][0]):  # an answer may be cut short
            rows, later = later, self._try(later[-1][0], self._page)
        return rows[-1] if rows else None

    def between(
        self, start: int, end: int, known: int | None = None, last: Row | None = None
    ) -> Iterator[Stretch]:
        """What there is of [start, end), in order, stretch by stretch.

        `known` is the open time of the last candle before `start` that the caller has, or `last`
        that candle; a copy that is to be kept instead of the last one given so far comes as a
        stretch of its own. What is refused is unserved, and `refusal` says why.
        """
        known = last[0] if last else known
        at = start if known is None else known + self._interval
        while at < end:
            rows = self._since(at - self._back * self._interval, at)
            if rows and known == at - self._interval and not self._before and self._back == 1:
                self._back = 2  # the candle that a request begins with is left out
                rows = self._since(at - 2 * self._interval, at) or rows
            if last and self._before and self._before[0] == last[0]:
                whole = self.copies.whole(last, self._before)
                if whole != last:
                    yield Stretch([whole], last[0], at, True)
            if not rows and self._refused:  # the one before may be too old just now
                rows = self._since(at, at)
            self._direct = bool(rows)
            rows = rows or self._later(at, end)
            run = self._run(rows, at)
            if run:
                stretch = self._settled(at, rows[:run], end)
            elif not rows:
                stretch = self._missed(at, end)
            elif known is None:
                stretch = self._lead(at, rows, end)
            else:
                stretch = self._over(at, rows, end)
            if stretch.rows:
                last = stretch.rows[-1]
                known = last[0]
            at = stretch.end
            yield stretch

    # Pieces

    def _run(self, rows: list[Row], at: int) -> int:
        """How many of `rows` follow each other without a hole from `at` on."""
        count = 0
        while count < len(rows) and rows[count][0] == at + count * self._interval:
            count += 1
        return count

    def _settled(self, at: int, rows: list[Row], end: int) -> Stretch:
        """All is known up to the last of `rows`, holes between them included."""
        stop = min(rows[-1][0] + self._interval, end)
        hole = at
        for row in rows:
            if hole < min(row[0], end):
                self._gaps.append((hole, min(row[0], end)))
            hole = row[0] + self._interval
        return Stretch([row for row in rows if row[0] < end], at, stop, True)

    def _missed(self, at: int, end: int) -> Stretch:
        self._unserved.append((at, end))
        return Stretch([], at, end, False)

    def _lead(self, at: int, rows: list[Row], end: int) -> Stretch:
        """The first candles of all: whatever lies before them was not served."""
        found = self._first(at, rows)
        run = self._run(found, at)
        if run:
            return self._settled(at, found[:run], end)
        return self._missed(at, min(found[0][0], end))

    def _over(self, at: int, rows: list[Row], end: int) -> Stretch:
        """Over a hole between a candle that is known and the first of `rows`."""
        after = rows[0][0]
        proof = self._proof(at)
        if proof is None:  # too old by now, say; what is served may begin before `rows`
            return self._lead(at, rows, end)
        fresh, reached = proof
        if fresh and fresh[0][0] < after:
            self._cut(rows)
        self.losses.compare(rows, fresh, after)
        for _ in range(_PROOFS):
            if fresh or reached >= after:
                break
            since, reached = reached, reached + self._reach(reached, self._small)
            if reached > at:
                rows_there = [row for row in self._try(since, self._small) if row[0] >= at]
                fresh = self._uncut(max(since, at), rows_there)
        if not fresh:
            return self._missed(at, min(max(reached, at + self._interval), after, end))
        if fresh[0][0] < after and not self.losses.lossy:  # its own holes were asked for once
            run = self._run(fresh, at)
            return self._settled(at, fresh[:run], end) if run else self._over(at, fresh, end)
        last = min(fresh[-1][0], rows[-1][0])
        both = {row[0]: row for row in self.copies.merged(rows, fresh) if row[0] <= last}
        if self.losses.lossy:
            self._complete(at, last, both)
        return self._settled(at, [both[time] for time in sorted(both)], end)

    def _complete(self, at: int, last: int, found: dict[int, Row]) -> None:
        """Add to what was `found` from `at` to `last` what more answers have, page by page."""
        since, silent = at - self._interval, 0
        while since < last:
            rows = [row for row in self._try(since, self._small) if at <= row[0] <= last]
            new = {row[0]: row for row in rows if row[0] not in found}
            self.losses.count(rows, found)
            found |= new
            silent = 0 if new else silent + 1
            end = min(since + self._reach(since, self._small), last + self._interval)
            count = sum(max(since, at) <= time < end for time in found)
            if silent >= self.losses.patience() or count * self._interval >= end - max(since, at):
                since, silent = end, 0

    def _proof(self, at: int) -> tuple[list[Row], int] | None:
        """Candles from `at` on, of an answer that also holds one before it, and how far it
        reaches; None where no answer does."""
        since, size, tried = at - 2 * self._interval, self._small, {self._page}
        while True:
            answer = self._try(since, size)
            if any(row[0] < at for row in answer):
                if size < self._small:  # larger pages are cut at their start
                    self._small = self._page = size
                fresh = [row for row in answer if row[0] >= at]
                return fresh, since + self._reach(since, size)
            if _LEAST < size <= self._small and 0 < len(answer) < size:
                size = max(_LEAST, min(size // 2, len(answer)))
            elif tried and self._page > self._small:
                size = tried.pop()
            else:
                return None

    # The search for candles

    def _later(self, at: int, end: int) -> list[Row]:
        """Candles from the next that is served at or after `at`; empty without any."""
        time, refused = at, self._refused
        for _ in range(_STEPS):
            if time >= end or refused:
                break
            if rows := self._try(time, self._page):
                return rows
            refused = self._refused
            time += self._reach(time, self._page)
        for since in self._leaps(time, end):
            if rows := self._since(since, at):
                return rows
        return self._try(at, self._small)

    def _leaps(self, low: int, high: int) -> Iterator[int]:
        """Times between `low` and `high` to look for candles, from `high` backwards, farther
        each time; from a midnight, for answers that are days, of which the last may be short."""
        distance = self._interval * min(self._small, self._page) // 2
        if low < (today := self._morning(low, high - self._interval)):
            yield today
        while high - distance > low:
            yield self._morning(low, high - distance)
            distance += distance // 2

    def _morning(self, low: int, time: int) -> int:
        """The midnight before `time` unless it is not after `low`."""
        midnight = time - time % DAY_MS
        return (
            midnight if self._interval < DAY_MS and low < midnight else time - time % self._interval
        )

    def _first(self, at: int, rows: list[Row]) -> list[Row]:
        """`rows`, or such as begin earlier: those that begin earliest of what is served."""
        again = self._try(at, self._small)
        if again:
            if again[0][0] < rows[0][0]:
                self._cut(rows)
            return self._uncut(at, min(again, rows))
        rows = self._search(at, rows, self._refused)
        for before in self._leaps(at, rows[0][0]):
            found = self._try(before, self._page)
            if self._refused:
                break
            if found and found[0][0] < rows[0][0]:  # an outage misled the search
                rows = self._search(max(at, before - DAY_MS), found, False)
        return rows

    def _search(self, low: int, rows: list[Row], refused: bool) -> list[Row]:
        """The earliest rows by halving: nothing at `low`, something at `rows`."""
        while True:
            distance = rows[0][0] - low
            if distance <= (self._interval if refused else self._reach(low, self._page)):
                return self._uncut(low, rows)
            middle = self._morning(low, low + distance // 2)
            found = self._try(middle, self._page)
            if found and found[0][0] >= rows[0][0]:
                return self._uncut(middle, rows)
            if found:
                rows = found
            else:
                low, refused = middle, self._refused

    def _uncut(self, since: int, rows: list[Row]) -> list[Row]:
        """`rows` with those before them that a cut answer left out: the window that ends
        with the first of them is asked for alone."""
        while rows and rows[0][0] > since:
            begin = max(since, rows[0][0] - (self._small - 1) * self._interval)
            size = (rows[0][0] - begin) // self._interval + 1
            earlier = [row for row in self._try(begin, max(size, 2)) if row[0] <= rows[0][0]]
            if not earlier:
                break
            first, rows = rows[0][0], self.copies.merged(rows, earlier)
            if rows[0][0] == first:
                break
        return rows

    def _cut(self, rows: list[Row]) -> None:
        """A whole page turned out to lack what a small one has: pages are cut so short."""
        if self._direct:
            self._page = max(self._small, min(self._page, len(rows)))

    # Requests

    def _since(self, since: int, at: int) -> list[Row]:
        rows = self._try(since, self._page)
        self._before = next((row for row in rows if row[0] == at - self._interval), None)
        return [row for row in rows if row[0] >= at]

    def _try(self, since: int, size: int) -> list[Row]:
        """An answer; empty, `_refused` set, where it is refused. At first a page may be too big."""
        self._refused = False
        try:
            rows = self._ask(since, size)
        except RequestError as error:
            if size == self._page and not self._page_works:
                for smaller in (self._small, self._small // 2, self._small // 4):
                    if smaller < size and (rows := self._try(since, smaller)):
                        self._small = self._page = smaller
                        return rows
                return []
            self._refused, self.refusal = True, error
            return []
        if rows and rows[-1][0] >= self.seen:
            self.seen = rows[-1][0]
            self._newest.append((self.seen, monotonic()))
        self._page_works = self._page_works or bool(rows and size >= self._page)
        return rows

    def _reach(self, since: int, size: int) -> int:
        return reach(since, size, self._interval)
