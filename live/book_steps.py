"""The steps of a book: which markets' candles close together, from live events or as recorded.

At T a step waits for every market's candle, for a bounded time (C22). A candle that comes after
that is a step of its own.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from stoptrail.adapter.backtrader import bt
from stoptrail.core.time import MINUTE_MS, date_number
from stoptrail.exchange.rows import Row
from stoptrail.live.market.events import CandleClosed, Event, Published, Tick
from stoptrail.rules.candles import UNKNOWN_VOLUME

Rows = dict[str, Row]
"""Candles that close together, by their market."""
Between = Callable[[], object]
"""What is to be done between two steps, while no feed is on its way to its next candle."""
Coming = Rows | Between | None
"""A step, what comes between two, or nothing for now."""


_TOGETHER = 256
"""Ticks that are taken in before they are told, at most."""
_PAUSE_SECONDS = 0.2
"""Longest wait for what comes next, after which other things are looked at."""
_HOLD = 5.0
"""Seconds for which ticks wait for a step; then they are told before it, marked `ahead`."""


class Steps:
    """Hands the candles of one step after the other to the feeds of all markets.

    The run is over where `coming` ends. Every feed asks for its row; the next step comes after
    `taken`, in which what is between two steps is done.
    """

    def __init__(self, coming: Iterable[Coming]) -> None:
        self._coming: Iterator[Coming] = iter(coming)
        self._between: Between | None = None
        self._taken = True
        self.over = False
        self.rows: Rows = {}
        """Of the step at hand; none while nothing has closed."""

    def row(self, market: str) -> Row | bool | None:
        """The market's candle in the step at hand; None where it has none, False at the end."""
        if self._taken and not self.over:
            self._taken = False
            coming: Coming = None
            try:
                coming = next(self._coming)
            except StopIteration:
                self.over = True
            self.rows = coming if isinstance(coming, dict) else {}
            self._between = coming if callable(coming) else None
        if self.over:
            return False
        return self.rows.get(market)

    def taken(self) -> None:
        """Everybody has the rows of the step at hand, or nobody has any: then do what waits."""
        self._taken = True
        between, self._between = self._between, None
        if between is not None:
            between()


class StepFeed(bt.DataBase):  # type: ignore[misc]
    """One market of a book: `market` names its rows in `steps`. Without `volume_known` no candle
    is silent (C2)."""

    params = (
        ("steps", None),
        ("market", ""),
        ("interval", 900_000),
        ("volume_known", True),
        ("timeframe", bt.TimeFrame.Minutes),
    )

    def __init__(self) -> None:
        super().__init__()
        self.interval: int = self.p.interval
        self.p.compression = self._compression = self.interval // MINUTE_MS

    def islive(self) -> bool:
        """True: Cerebro steps through it candle by candle."""
        return True

    def haslivedata(self) -> bool:
        """True: the steps do the waiting."""
        return True

    def _load(self) -> bool | None:
        row = self.p.steps.row(self.p.market)
        if row is None or isinstance(row, bool):
            return row
        lines = self.lines
        lines.datetime[0] = date_number(row[0])
        lines.open[0], lines.high[0], lines.low[0], lines.close[0], volume = row[1:6]
        known = self.p.volume_known or volume > 0.0
        lines.volume[0] = volume if known else UNKNOWN_VOLUME
        lines.openinterest[0] = 0.0
        return True


class Inbox(Protocol):
    """Where the events of all markets come in; see live.book_markets.BookMarkets."""

    def get(self, timeout: float) -> tuple[str, Event] | None:
        """The next event and its market, or None where none comes within `timeout` seconds."""

    def ended(self, market: str) -> bool:
        """Whether nothing more comes of a market."""

    def behind(self, market: str) -> bool:
        """Whether its data is known to be behind."""


class LiveSteps:
    """Steps from events. `patience` is how long a step waits for a candle once the first of its
    candles is here, seconds. Ticks and funding of a market come in their order with its candles:
    `tell` gets them between two steps, those behind a candle after its step. `hear` gets every
    other event at once; `missed` are candles that have closed before, by market; `names` are all
    markets; `last` says of each the open time (ms) of its last candle before these, `after` that
    of the last step.

    A market that was absent from n steps in a row is waited for half as long with each of them:
    where nothing is traded there may be no candle. One whose data is stale is not waited for again
    until it is back.
    """

    def __init__(
        self,
        names: Sequence[str],
        inbox: Inbox,
        patience: float,
        hear: Callable[[str, Event], None],
        tell: Callable[[str, Tick | Published], None],
        missed: Mapping[str, Sequence[Row]],
        last: Mapping[str, int],
        after: int,
    ) -> None:
        self._names = names
        self._inbox = inbox
        self._patience = patience
        self._hear, self._tell = hear, tell
        self._queues: dict[str, deque[CandleClosed | Tick | Published]] = {
            name: deque(CandleClosed(*row) for row in missed.get(name, ())) for name in names
        }
        """What waits of each market, behind its first candle that waits."""
        self._ready: list[tuple[str, Tick | Published]] = []
        """What comes between the last step and the next."""
        self._last = dict(last)
        self._opened = after
        """Open time of the newest step."""
        self._absences = dict.fromkeys(names, 0)
        """From how many steps in a row each market was absent."""
        self._since: dict[int, float] = {}
        self.late = False
        """Whether the step at hand came after that of its time."""

    @property
    def behind(self) -> bool:
        """Whether candles wait for their step, or ticks for their turn."""
        return any(self._queues.values()) or bool(self._ready)

    def newest(self, name: str) -> int:
        """Open time of the newest candle of a market that has come, ms."""
        waiting = (e.time for e in reversed(self._queues[name]) if isinstance(e, CandleClosed))
        return next(waiting, self._last[name])

    def __iter__(self) -> Iterator[Coming]:
        while True:
            if self._ready:
                yield self._pass_on
                continue
            if (rows := self._due()) is not None:
                yield rows
                self.late = False
                continue
            if all(self._inbox.ended(name) for name in self._names) and not self.behind:
                return
            if not self._listen():
                yield None

    def _listen(self) -> bool:
        """Take in what has come, up to a candle; whether anything has."""
        found = self._inbox.get(_PAUSE_SECONDS)
        heard = found is not None
        while found is not None:
            market, event = found
            if isinstance(event, CandleClosed):
                if event.time > self.newest(market):  # a stream begun anew may repeat one
                    self._queues[market].append(event)
                return True
            if not isinstance(event, Tick | Published):
                self._hear(market, event)
            elif self._queues[market]:
                self._queues[market].append(event)
            else:
                self._ready.append((market, event))
                if len(self._ready) >= _TOGETHER:
                    return True
            found = self._inbox.get(0.0)
        return heard

    def _pass_on(self) -> None:
        ready, self._ready = self._ready, []
        for market, event in ready:
            self._tell(market, event)

    def _due(self) -> Rows | None:
        """The next step, if it need not wait any longer."""
        nearest = {name: queue[0] for name, queue in self._queues.items() if queue}
        if not nearest:
            return None
        opens = min(_opens(candle) for candle in nearest.values())
        late = opens <= self._opened
        if not late and self._waits(opens, nearest):
            return None
        rows = {name: self._taken(name) for name, at in nearest.items() if _opens(at) == opens}
        self._last |= dict.fromkeys(rows, opens)
        self.late = late
        if not late:
            self._opened = opens
            for name in self._names:
                self._absences[name] = 0 if name in nearest else self._absences[name] + 1
            self._since = {at: since for at, since in self._since.items() if at > opens}
        return rows

    def _taken(self, name: str) -> Row:
        """The candle of a market that its queue waits with; what follows it is told after it."""
        queue = self._queues[name]
        candle = queue.popleft()
        assert isinstance(candle, CandleClosed)
        while queue and not isinstance(following := queue[0], CandleClosed):
            self._ready.append((name, following))
            queue.popleft()
        return (candle.time, *candle[1:])

    def _waits(self, opens: int, nearest: Container[str]) -> bool:
        """Whether a market may still have a candle that opened at `opens`."""
        awaited = [self._worth(name, opens) for name in self._names if name not in nearest]
        now = time.monotonic()
        waited = now - self._since.setdefault(opens, now)
        if waited < max(awaited, default=0.0):
            if waited > _HOLD:
                self._release_ahead()
            return True
        return False

    def _release_ahead(self) -> None:
        """Let no stop wait for another market's candle: ticks are told before the step, as good
        for a stop's test alone."""
        for name, queue in self._queues.items():
            ticks = [entry for entry in queue if isinstance(entry, Tick)]
            if ticks:
                self._ready += [(name, tick._replace(ahead=True)) for tick in ticks]
                others = [entry for entry in queue if not isinstance(entry, Tick)]
                queue.clear()
                queue.extend(others)

    def _worth(self, name: str, opens: int) -> float:
        """Seconds for which a market's candle is waited for."""
        absences, inbox = self._absences[name], self._inbox
        if self._last[name] >= opens or inbox.ended(name) or (absences and inbox.behind(name)):
            return 0.0
        return float(self._patience * 0.5**absences)


def _opens(entry: CandleClosed | Tick | Published) -> int:
    """Open time of the candle that a queue begins with, ms."""
    assert isinstance(entry, CandleClosed)
    return entry.time


def joined(columns: Mapping[str, Sequence[Row]]) -> Iterator[Rows]:
    """The candles of all markets as they close together."""
    times = sorted({row[0] for rows in columns.values() for row in rows})
    known = {name: {row[0]: row for row in rows} for name, rows in columns.items()}
    for at in times:
        yield {name: rows[at] for name, rows in known.items() if at in rows}
