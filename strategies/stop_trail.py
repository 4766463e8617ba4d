"""The order manager: one working stop order, ratcheted at every close (C5 to C8)."""

from __future__ import annotations

from typing import Any

import backtrader as bt

from stoptrail.rules.journal import Journal
from stoptrail.rules.stops import Stop, breakeven_settled, held_throughout, ratchet
from stoptrail.rules.trade import Exit, Position, TradeRules
from stoptrail.strategies.calm import STIRRED, Calm, Changes


class StopTrail:
    """Protects the position of `strategy` with one stop order that is amended in place.

    The order is never cancelled and replaced: between the two a position would stand
    unprotected, or two stops could fill.
    """

    def __init__(self, strategy: Any, trade_rules: TradeRules, journal: Journal) -> None:
        self._strategy = strategy
        self._terms = trade_rules
        self._journal = journal
        self._order: Any = None
        self.position: Position | None = None
        self.stop: Stop | None = None
        self._atrs: Changes | None = None
        self._times: Any = None

    def entered(self, position: Position, stop: Stop) -> None:
        """An entry filled: place its initial stop at once."""
        self.position, self.stop = position, stop
        self._strategy.wake()
        place = self._strategy.sell if position.held.side > 0 else self._strategy.buy
        self._order = place(
            exectype=bt.Order.Stop,
            price=stop.level,
            size=position.units,
            reason=stop.reason,
            filled=self.left,
            ratchet=self.tick,
        )

    def candle_closed(self, now: int) -> None:
        """Ratchet on the candle that closed at `now` (ms); in force from the next one."""
        if self.position is None:
            return
        lines = self._strategy.data.lines
        high, low, close = lines.high[0], lines.low[0], lines.close[0]
        if not held_throughout(self.position.held, now - self._strategy.data.interval):
            high = low = close
        self.ratchet(high, low, close, self._strategy.atr[0], now)

    def foresee(self) -> None:
        """A run begins that knows its lines as a whole."""
        self._atrs = Changes(self._strategy.atr)
        self._times = self._strategy.data.candles.time

    def calm(self, at: int, until: int) -> Calm:
        """The candles after `at` and before `until` whose close moves neither the extreme
        nor the stop: the ATR stays, and so does breakeven."""
        position, stop = self.position, self.stop
        assert position is not None
        assert stop is not None
        assert self._atrs is not None
        until = min(until, self._atrs.after(at))
        held, terms = position.held, self._terms
        closes = int(self._times[until - 1]) + self._strategy.data.interval
        if not breakeven_settled(stop, held, closes, terms.stop, terms.costs, terms.market):
            return STIRRED
        if held.side > 0:
            return Calm(until, ceiling=stop.extreme)
        return Calm(until, floor=stop.extreme)

    def tick(self, price: float, now: int) -> None:
        """Ratchet on a tick at `now` (ms), with the ATR of the last closed candle (C14)."""
        self.ratchet(price, price, price, self._strategy.atr[0], now)

    def ratchet(self, high: float, low: float, close: float, atr: float, now: int) -> None:
        """Move the stop by the rules; a tick has high = low = close."""
        if self.position is None or self.stop is None:
            return
        trade_rules, before = self._terms, self.stop
        self.stop = ratchet(
            before,
            self.position.held,
            high,
            low,
            close,
            atr,
            now,
            trade_rules.stop,
            trade_rules.costs,
            trade_rules.market,
        )
        if self.stop.level != before.level:
            self._strategy.broker.amend(self._order, self.stop)
            self._journal.moved(before, self.stop, now)

    def left(self, position: Position, end: Exit) -> None:
        """The trade is over."""
        self.position = self.stop = self._order = None
        self._strategy.trade_closed(end)
