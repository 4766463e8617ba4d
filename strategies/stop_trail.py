"""The order manager: one working stop order, ratcheted at every close (C5 to C8)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stoptrail.adapter.backtrader import bt
from stoptrail.rules.journal import Journal
from stoptrail.rules.paths import undisturbed
from stoptrail.rules.stops import Stop, breakeven_settled, held_throughout, ratchet
from stoptrail.rules.trade import Exit, Position, TradeRules
from stoptrail.strategies.calm import STIRRED, Calm, Changes


class StopTrail:
    """Protects the position of `strategy` with one stop order that is amended in place.

    The order is never cancelled and replaced: between the two a position would stand
    unprotected, or two stops could fill. A manager of one's own is a subclass that
    overrides `next_stop`; `position` and `stop` are None while there is no trade.
    """

    def __init__(self, strategy: Any, trade_rules: TradeRules, journal: Journal) -> None:
        self.strategy = strategy
        self.trade_rules = trade_rules
        self._journal = journal
        self._order: Any = None
        self.position: Position | None = None
        self.stop: Stop | None = None
        self._atrs: Changes | None = None
        self._times: Any = None
        self._paid = 0.0
        """Funding that one unit held long has paid by the prices at hand (C19)."""

    def entered(self, position: Position, stop: Stop) -> None:
        """An entry filled: place its initial stop at once."""
        self.position, self.stop = position, stop
        self.strategy.wake()
        place = self.strategy.sell if position.held.side > 0 else self.strategy.buy
        self._order = place(
            exectype=bt.Order.Stop,
            price=stop.level,
            size=position.units,
            reason=stop.reason,
            filled=self.left,
            ratchet=self.tick,
            undisturbed=self.undisturbed,
        )

    def candle_closed(self, now: int) -> None:
        """Ratchet on the candle that closed at `now` (ms); in force from the next one."""
        if self.position is None:
            return
        lines = self.strategy.data.lines
        high, low, close = lines.high[0], lines.low[0], lines.close[0]
        if not held_throughout(self.position.held, now - self.strategy.interval):
            high = low = close
        self._paid = self.strategy.broker.paid_before(now)
        self.ratchet(high, low, close, self.strategy.atr[0], now)

    def foresee(self) -> None:
        """A run begins that knows its lines as a whole."""
        self._atrs = Changes(self.strategy.atr)
        self._times = self.strategy.data.candles.time

    def calm(self, at: int, until: int) -> Calm:
        """The candles after `at` and before `until` whose close moves neither the extreme
        nor the stop: the ATR stays, and so does breakeven."""
        position, stop = self.position, self.stop
        assert position is not None
        assert stop is not None
        assert self._atrs is not None
        until = min(until, self._atrs.after(at))
        held, trade_rules = position.held, self.trade_rules
        broker, interval = self.strategy.broker, self.strategy.interval
        now = int(self._times[at]) + interval
        if (payment := broker.schedule.following(now)) < math.inf:
            until = min(until, int(np.searchsorted(self._times, payment - interval, "right")))
        closes, paid = int(self._times[until - 1]) + interval, broker.paid_by(now)
        if not breakeven_settled(
            stop, held, closes, trade_rules.stop, trade_rules.costs, trade_rules.market, paid
        ):
            return STIRRED
        if held.side > 0:
            return Calm(until, ceiling=stop.extreme)
        return Calm(until, floor=stop.extreme)

    def tick(self, price: float, now: int) -> None:
        """Ratchet on a tick at `now` (ms), with the ATR of the last closed candle (C14)."""
        self._paid = self.strategy.broker.paid_by(now)
        self.ratchet(price, price, price, self.strategy.atr[0], now, by_tick=True)

    def undisturbed(self, high: float, low: float, until: int) -> bool:
        """Whether ticks between `low` and `high`, none later than `until` (ms), would do
        nothing."""
        position, stop = self.position, self.stop
        if position is None or stop is None or type(self).next_stop is not StopTrail.next_stop:
            return False
        atr = self.strategy.atr[0]
        paid, rules = self.strategy.broker.paid_by(until), self.trade_rules
        return undisturbed(stop, position.held, high, low, atr, until, rules, paid)

    def ratchet(
        self, high: float, low: float, close: float, atr: float, now: int, *, by_tick: bool = False
    ) -> None:
        """Move the stop to `next_stop`; a tick has high = low = close."""
        if self.position is None or self.stop is None:
            return
        before = self.stop
        self.stop = self.next_stop(before, self.position, high, low, close, atr, now)
        if self.stop.level != before.level:
            self.strategy.broker.amend(self._order, self.stop)
            self._journal.moved(before, self.stop, now, by_tick=by_tick)

    def next_stop(
        self,
        stop: Stop,
        position: Position,
        high: float,
        low: float,
        close: float,
        atr: float,
        now: int,
    ) -> Stop:
        """The stop in force from `now` (ms) on, after prices of the trade between `low` and
        `high` that ended at `close`; `atr` is the last one known, in price units (C7, C8)."""
        rules = self.trade_rules
        return ratchet(
            stop,
            position.held,
            high,
            low,
            close,
            atr,
            now,
            rules.stop,
            rules.costs,
            rules.market,
            self._paid,
        )

    def left(self, position: Position, end: Exit) -> None:
        """The trade is over."""
        self.position = self.stop = self._order = None
        self.strategy.trade_closed(end)
