"""The walk-forward of a book: sets and shares chosen anew, tranche by tranche, and traded on.

A book is chosen in tranches: equal parts of the account, each chosen anew every test window, on
days of its own. No single day then decides what the whole account trades.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stoptrail.backtest.plan import pack, unpack
from stoptrail.config.settings import Settings
from stoptrail.core.program import Progress, give_back, part_of
from stoptrail.core.time import DAY_MS
from stoptrail.rules.candles import Floats, Times
from stoptrail.rules.types import day_edges
from stoptrail.sweep.book import (
    BookMarket,
    common_span,
    cut_to,
    equal_risk,
    on_days,
    past_returns,
    pick,
    screened_in,
    tested,
    ways_of,
)
from stoptrail.sweep.search import Tools
from stoptrail.sweep.space import Indices
from stoptrail.sweep.statistics.windows import Window, windows
from stoptrail.sweep.walk_forward import enough_trades


class BookWindow(NamedTuple):
    """One test window by every way of choosing."""

    shares: Floats
    """Of each market, shape (ways, markets); 0 where nothing could be chosen."""
    returns: Floats
    """By day, each market's chosen sets side by side, shape (ways, markets, days)."""


class Tranche(NamedTuple):
    """A part of the book that is chosen anew on days of its own."""

    shift_days: int
    """Length of its first test window, 0 for a whole one."""
    windows: tuple[Window, ...]
    found: list[BookWindow]
    """Of each window."""

    def of(self, way: int) -> Floats:
        """Daily returns over all test windows, shape (days,)."""
        return self._on_days([found.shares[way] @ found.returns[way] for found in self.found])

    def alone(self, way: int, market: int) -> Floats:
        """The same of one market, with all of the tranche in it."""
        return self._on_days([found.returns[way, market] for found in self.found])

    @property
    def ends(self) -> tuple[int, int]:
        """Begin and end of its test windows, ms."""
        return self.windows[0].test_start, self.windows[-1].test_end

    def _on_days(self, returns: list[Floats]) -> Floats:
        marks = [self.ends[0]]
        for window in self.windows:
            marks += day_edges(window.test_start, window.test_end)[1:].tolist()
        whole = np.concatenate(returns)[None]
        return np.asarray(on_days(whole, np.array(marks), day_edges(*self.ends))[0])


class BookWalk(NamedTuple):
    """One phase: the tranches that it trades side by side, in equal parts, rebalanced daily."""

    shift_days: int
    tranches: list[Tranche]

    def of(self, way: int) -> Floats:
        """Daily returns of the book, shape (days,)."""
        return np.asarray(np.mean([tranche.of(way) for tranche in self.tranches], axis=0))

    def alone(self, way: int, market: int) -> Floats:
        """The same of one market, with the whole account in it."""
        return np.asarray(np.mean([own.alone(way, market) for own in self.tranches], axis=0))

    @property
    def edges(self) -> Times:
        """Of its days, ms: the same for all phases."""
        return day_edges(*self.tranches[0].ends)


class Picked(NamedTuple):
    """What is held from one day on."""

    sets: list[list[Indices]]
    """Of each market, by each way of choosing."""
    shares: Floats
    """Of each market, shape (ways, markets)."""


def shifts_of(settings: Settings, room_days: float) -> list[list[int]]:
    """For each phase of a book the shifts of its tranches, days; the first is the phase's own.

    Tranches follow one another by equal parts of a test window, phases by equal parts of the time
    between two tranches: shifted by all of it, a phase would choose on the days of another. One
    whose shift is not within `room_days`, the time there is to test on, or that repeats another,
    is left out.
    """
    own, tranches = settings.walk_forward, settings.book.tranches
    firsts = sorted({k * own.test_days // (own.phases * tranches) for k in range(own.phases)})
    return [
        [(first + k * own.test_days // tranches) % own.test_days for k in range(tranches)]
        for first in firsts
        if first == 0 or first < room_days
    ]


def walk_book(
    settings: Settings, markets: Sequence[BookMarket], tools: Tools, on_progress: Progress
) -> list[BookWalk]:
    """Choose sets and shares anew in every train window, and trade the next days; by phases,
    which all trade the same days and differ in those on which they choose.

    Raises ConfigError where the common span is too short for one window.
    """
    (first, last), own = common_span(markets), settings.walk_forward
    room = (last - first) / DAY_MS - own.train_days
    todo = shifts_of(settings, room)
    steps = {
        shift: tuple(windows(first, last, own.train_days, own.test_days, shift))
        for shift in sorted({shift for phase in todo for shift in phase})
    }
    found = _walked(
        settings, markets, sorted({w for each in steps.values() for w in each}), tools, on_progress
    )
    return [
        BookWalk(
            phase[0], [Tranche(k, steps[k], [found[window] for window in steps[k]]) for k in phase]
        )
        for phase in todo
    ]


def _walked(
    settings: Settings,
    markets: Sequence[BookMarket],
    todo: Sequence[Window],
    tools: Tools,
    on_progress: Progress,
) -> dict[Window, BookWindow]:
    """Every window, those that are stored first; what begins on the same day is chosen once."""
    stage = _stage(settings, markets, todo)
    kept = dict(tools.store.load(stage)) if tools.store else {}
    size = sum(market.share.space.size for market in markets)
    found, day, chosen = {}, None, None
    for number, window in enumerate(todo):
        if number in kept:
            found[window] = BookWindow(**unpack(kept[number]))
        else:
            if chosen is None or window.train_end != day:
                report = part_of(on_progress, number * size, len(todo) * size)
                chosen = choose_sets(settings, markets, window, tools, report)
                day = window.train_end
                give_back()
            found[window] = traded(markets, window, chosen, tools.jobs)
            if tools.store:
                tools.store.save(stage, [(number, pack(found[window]._asdict()))])
        on_progress((number + 1) * size, len(todo) * size)
    for market in markets:
        market.share.memos.forget()
    return found


def _stage(settings: Settings, markets: Sequence[BookMarket], todo: Sequence[Window]) -> str:
    """The place of these markets' windows in the trial store of the first one."""
    symbols = [market.symbol for market in markets]
    told = json.dumps([symbols, todo, [way.name for way in ways_of(settings)]])
    return "book-" + hashlib.sha256(told.encode()).hexdigest()[:8]


def choose_sets(
    settings: Settings,
    markets: Sequence[BookMarket],
    window: Window,
    tools: Tools,
    on_progress: Progress,
) -> Picked:
    """Sets and shares, from the train window alone."""
    ways = ways_of(settings)
    needed = enough_trades(settings.walk_forward.min_trades_per_year, window)
    trained = [cut_to(market.share, window) for market in markets]
    screened, before = [], 0
    for market, part in zip(markets, trained, strict=True):
        size = market.share.space.size
        report = part_of(on_progress, before, size)
        screened.append(screened_in(settings, market.share, part, needed, tools, report))
        before += size
    picked = [pick(way, screened) for way in ways]
    sets = [[own[place] for own in picked] for place in range(len(markets))]
    past = [past_returns(part, own, tools.jobs) for part, own in zip(trained, sets, strict=True)]
    shares = [equal_risk([own[way] for own in past]) for way in range(len(ways))]
    return Picked(sets, np.array(shares))


def traded(markets: Sequence[BookMarket], window: Window, chosen: Picked, jobs: int) -> BookWindow:
    """What sets and shares earn in the test window."""
    returns = [
        tested(market.share, window, own, jobs)
        for market, own in zip(markets, chosen.sets, strict=True)
    ]
    return BookWindow(chosen.shares, np.stack(returns, axis=1))
