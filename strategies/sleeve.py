"""The strategy as a sleeve of a book (C22), and the moment at which sleeves decide."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, ClassVar

import numpy as np

from stoptrail.adapter.backtrader import bt
from stoptrail.rules.book import CAP
from stoptrail.rules.jit import compiled
from stoptrail.rules.margin import outermost
from stoptrail.rules.trade import POSITION, PROTECTION, Exit
from stoptrail.rules.window import first_beyond
from stoptrail.strategies.calm import STIRRED
from stoptrail.strategies.mtf_strategy import MtfStrategy
from stoptrail.strategies.quick_candles import Pace
from stoptrail.strategies.stop_trail import StopTrail


class SleeveStrategy(MtfStrategy):
    """MtfStrategy, one position at a time, on an account that others share.

    own_broker: its own. Its stops move as ever; what a signal leads to is decided when the stops
    of all sleeves have moved, with the equity, the room and the protections of the book.
    """

    params: ClassVar[Any] = (("own_broker", None),)

    def __init__(self) -> None:
        self.broker = self.p.own_broker
        super().__init__()
        self._played = 0

    def _next(self) -> None:
        """One step of a run candle by candle: nothing where its market has no candle."""
        if len(self.data) > self._played:
            self._played = len(self.data)
            super()._next()

    def _oncepost(self, dt: float) -> None:
        """One step of a vectorised run: nothing where its market has no candle."""
        if len(self.data) > self._played:
            self._played = len(self.data)
            super()._oncepost(dt)

    def _consider(self, side: int) -> None:
        self.broker.defer(partial(super()._consider, side))

    def _obstacle(self) -> int | None:
        against = super()._obstacle()
        return PROTECTION if against is None and self.broker.stopped() else against

    def _send(self, side: int, units: float, atr: float, time: int) -> None:
        room = self.broker.room(side, units, atr)
        if room > 0.0:
            super()._send(side, room, atr, time)
        else:
            self.journal.ignored(side, CAP, time)

    def trade_closed(self, end: Exit) -> None:
        """The manager's word that the trade is over."""
        super().trade_closed(end)
        self.broker.ended(end.pnl)

    def keep_pace(self, pace: Pace) -> None:
        """See QuickCandles; which candles have nothing to do is known beforehand."""
        candles = self.data.candles
        self._count = len(candles.time)
        self._columns = outermost(candles.low, candles.high, self.broker.marks)
        self._foresee(pace)
        if self._ahead is not None:
            self.broker.catch_up = self._ahead.catch_up

    def _rest(self, at: int, until: int) -> None:
        if self._ahead is not None and self.manager.position is not None:
            self._calm = STIRRED
        else:
            super()._rest(at, until)

    def following(self, at: int) -> int:
        """The first candle after `at` on which there may be something to do; the number of
        candles where there is none."""
        broker = self.broker
        broker.watch()
        if broker.is_awake and broker.below == math.inf:
            return min(at + 1, self._count)
        if self.manager.position is None:
            return min(max(at + 1, self._sleeps_until), self._count)
        last = max(at + 1, self.due_at)
        if self._ahead is not None:
            return self._play_ahead(self._ahead, at, last)
        until, floor, ceiling = self._calm
        until = min(until, last)
        if until <= at + 1:
            return min(at + 1, self._count)
        return int(
            compiled(first_beyond)(
                *self._columns, at + 1, until, broker.below, broker.above, floor, ceiling
            )
        )

    @property
    def due_at(self) -> int:
        """The candle at whose close the broker has to look for a liquidation again (C20)."""
        due, candles = self.broker.due, self.data.candles
        if due == math.inf:
            return self._count
        return int(np.searchsorted(candles.time, due - candles.interval))

    def _play_ahead(self, manager: StopTrail, at: int, last: int) -> int:
        """As `following`, a trade being open: signals up to there are ignored for it."""
        assert self._signals is not None
        candle = manager.play_ahead(at, last, self.broker.nearest_danger)
        for place in self._signals.between(at + 1, candle):
            side, time = int(self.zone.array[place]), int(self.data.candles.time[place])
            self.journal.ignored(side, POSITION, time)
        return int(candle)


class BookDecisions(bt.Strategy):  # type: ignore[misc]
    """Comes after all sleeves, at every step: now they decide. Parameter: decided, called when
    they have."""

    params: ClassVar[Any] = (("decided", None),)

    def prenext(self) -> None:
        """Some markets have no candle yet."""
        self.next()

    def next(self) -> None:
        """Every market has one."""
        self.broker.decide()
        if self.p.decided is not None:
            self.p.decided()


def on_own_market(*feeds: Any, place: int, **options: Any) -> Any:
    """The sleeve on one of Cerebro's feeds, for `Cerebro.addstrategy`."""
    kind: Any = SleeveStrategy  # Backtrader's metaclass takes feeds and parameters
    return kind(feeds[place], **options)
