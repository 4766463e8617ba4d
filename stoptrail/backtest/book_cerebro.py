"""Cerebro for a book, which goes from one candle on which something may happen to the next.

Backtrader's loop calls every strategy on every candle of every market. A sleeve knows until when
it has nothing to do (strategies/calm.py): here the sleeves wait in a heap for their next candle,
and a step is taken only where one of them comes to it. At a step everything is as in Backtrader's
loop: the feeds stand at their last closed candle, the broker fills, the strategies move their
stops, then the book decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

import numpy as np

from stoptrail.adapter.backtrader import bt
from stoptrail.backtest.quick_cerebro import put_in_step
from stoptrail.brokers.book import BookBroker
from stoptrail.core.program import Progress, is_plain
from stoptrail.feeds.columnar import ColumnarFeed
from stoptrail.rules.candles import Times
from stoptrail.rules.costs import DAY
from stoptrail.rules.margin import NO_MARKS, outermost
from stoptrail.strategies.quick_candles import Pace
from stoptrail.strategies.sleeve import BookDecisions, SleeveStrategy

_MARKS = -1
"""Stands in the heap where a sleeve's number would, for a step at which the book is marked."""
_TIMES_TOLD = 200
"""How often a run says how far it is."""


class Timeline(NamedTuple):
    """The steps of a book: each moment at which a candle of some market opens."""

    opens: Times
    """Open times in ms, shape (steps,), ascending."""
    last: list[Sequence[int]]
    """Of each market, the last of its candles that opens by each step; -1 before its first."""
    step: list[Sequence[int]]
    """Of each market, the step of each of its candles."""


class _Stage(NamedTuple):
    """What plays, and where it stands."""

    sleeves: list[Any]
    markets: list[int]
    """Of each sleeve, the place of its feed."""
    leads: list[Pace]
    """Of each market, where its feed stands."""
    own: list[Pace]
    """Of each market, where the lines of its sleeves stand."""
    time: Timeline
    low: list[Any]
    high: list[Any]
    """Of each market, the prices of its candles."""

    def reaches(self, market: int, below: float, above: float) -> bool:
        """Whether the candle at which the market stands goes down or up to one of two prices."""
        at = self.leads[market].at
        return bool(self.low[market][at] <= below or self.high[market][at] >= above)

    def go_to(self, at: int) -> None:
        """Let every feed stand at its last candle of step `at`."""
        for pace, places in zip(self.leads, self.time.last, strict=True):
            pace.at = places[at]


def timeline_of(times: list[Times]) -> Timeline:
    """The steps of markets whose candles open at `times`."""
    opens = times[0]
    if any(not np.array_equal(opens, time) for time in times[1:]):
        opens = np.unique(np.concatenate(times))
    every, last, step = range(len(opens)), [], []
    for time in times:
        each = len(time) == len(opens)  # then each step has a candle of it
        last.append(every if each else (np.searchsorted(time, opens, "right") - 1).tolist())
        step.append(every if each else np.searchsorted(opens, time).tolist())
    return Timeline(opens, last, step)


def marked_steps(opens: Times, interval: int) -> list[int]:
    """The steps whose candles end a day, or are the first to close after its end."""
    day = (opens + interval) // DAY
    ended = np.diff(day, prepend=opens[0] // DAY) > 0
    return list(np.flatnonzero(ended).tolist())


class BookCerebro(bt.Cerebro):  # type: ignore[misc]
    """Backtrader's Cerebro, quicker where a run allows it; the same run in any case."""

    on_progress: Progress = staticmethod(lambda _done, _total: None)
    """Told the steps that are behind, where the run is a quick one."""

    def _runonce(self, strategies: list[Any]) -> None:
        """A vectorised run, as Cerebro._runonce of 1.9.78.123."""
        if not self._is_quick(strategies):
            super()._runonce(strategies)
            return
        *sleeves, _ = strategies
        for sleeve in sleeves:
            sleeve._once()
            sleeve.reset()
        leads = [_led(feed) for feed in self.datas]
        own = [Pace() for _ in self.datas]
        markets = [self.datas.index(sleeve.data) for sleeve in sleeves]
        dates = [feed.lines.datetime.array[: feed.count] for feed in self.datas]
        for sleeve, market in zip(sleeves, markets, strict=True):
            sleeve.lines[0].array = dates[market]
            for line in (*sleeve.lines, *sleeve._moved):
                put_in_step(line, own[market])
            sleeve.keep_pace(own[market])
            sleeve.broker.patterns = None if sleeve.hears_of_orders else {}
            sleeve.broker.follow(self.datas[market].lines.close.array, leads[market])
        time = timeline_of([feed.candles.time for feed in self.datas])
        marks = {market: each.broker.marks for each, market in zip(sleeves, markets, strict=True)}
        prices = [
            outermost(feed.lines.low.array, feed.lines.high.array, marks.get(place, NO_MARKS))
            for place, feed in enumerate(self.datas)
        ]
        lows, highs = map(list, zip(*prices, strict=True))
        self._play(_Stage(sleeves, markets, leads, own, time, lows, highs))

    def _is_quick(self, strategies: list[Any]) -> bool:
        """Whether nothing but sleeves, their feeds and the book hears of a candle."""
        *sleeves, last = strategies
        return (
            not is_plain()
            and type(last) is BookDecisions
            and all(type(sleeve) is SleeveStrategy and _moves_alone(sleeve) for sleeve in sleeves)
            and all(type(feed) is ColumnarFeed for feed in self.datas)
            and type(self._broker) is BookBroker
            and not (self._timers or self._timerscheat or self.runwriters)
            and not (self.p.cheat_on_open or self.p.quicknotify)
        )

    def _play(self, stage: _Stage) -> None:
        """Step by step, where one of the sleeves has something to do."""
        step, broker = stage.time.step, self._broker
        waiting = [(step[market][0], number) for number, market in enumerate(stage.markets)]
        if broker.protected:
            interval = self.datas[0].interval
            waiting += [(at, _MARKS) for at in marked_steps(stage.time.opens, interval)]
        heapify(waiting)
        told_at = 0
        while waiting and not self._event_stop:
            at, due = waiting[0][0], []
            while waiting and waiting[0][0] == at:
                due.append(heappop(waiting)[1])
            if due[0] == _MARKS:
                del due[0]
                stage.go_to(max(at - 1, 0))
                broker.remember()  # for the midnights between the two steps
            self._step(at, due, stage)
            if at >= told_at:
                told_at = at + len(stage.time.opens) // _TIMES_TOLD
                self.on_progress(at + 1, len(stage.time.opens))
            for number in due:
                market = stage.markets[number]
                candle = stage.sleeves[number].following(stage.leads[market].at)
                if candle < len(step[market]):
                    heappush(waiting, (step[market][candle], number))
        for sleeve in broker.sleeves:
            sleeve.catch_up(int(stage.time.opens[-1]) + self.datas[0].interval)

    def _step(self, at: int, due: list[int], stage: _Stage) -> None:
        """Step `at` for the sleeves whose numbers are `due`."""
        broker = self._broker
        stage.go_to(at)
        # The broker sees a candle before the strategies' lines have come to it.
        for lead, own in zip(stage.leads, stage.own, strict=True):
            own.at = lead.at - 1
        opens = int(stage.time.opens[at])
        broker.begin(at, opens, self.datas[0].interval)
        for number in due:
            sleeve, market = broker.sleeves[number], stage.markets[number]
            sleeve.catch_up(opens)
            looks = stage.leads[market].at >= stage.sleeves[number].due_at
            if sleeve.is_awake and (looks or stage.reaches(market, sleeve.below, sleeve.above)):
                broker.settle(sleeve)
        while (order := broker.get_notification()) is not None:
            order.owner._addnotification(order, quicknotify=False)
        for lead, own in zip(stage.leads, stage.own, strict=True):
            own.at = lead.at
        for number in due:
            stage.sleeves[number].one_candle(stage.leads[stage.markets[number]].at + 1)
        broker.decide()


def _led(feed: Any) -> Pace:
    """The place of the feed's lines, together."""
    pace = Pace()
    for line in feed.lines:
        put_in_step(line, pace)
    return pace


def _moves_alone(sleeve: Any) -> bool:
    return bool(sleeve._quick) and all(
        type(line) is bt.linebuffer.LineBuffer for line in (*sleeve.lines, *sleeve._moved)
    )
