"""The legacy baseline: leave at the next open once the cycle turns the other way (C15)."""

from __future__ import annotations

from typing import Any

from stoptrail.rules.stops import CYCLE, Stop
from stoptrail.rules.trade import Exit, Position
from stoptrail.strategies.calm import Changes, Lull


class CycleExit:
    """Manages the position of `strategy` without any stop.

    It exists to be compared with: same signals, no protection, exits at the opposite
    turn of the cycle.
    """

    def __init__(self, strategy: Any) -> None:
        self._strategy = strategy
        self._leaving = False
        self.position: Position | None = None
        self.stop: Stop | None = None
        """There is none."""
        self._turns: Changes | None = None

    def entered(self, position: Position, stop: Stop) -> None:
        """An entry filled; the stop is not used."""
        self.position = position
        self._strategy.wake()

    def foresee(self) -> None:
        """A run begins that knows its lines as a whole."""
        self._turns = Changes(self._strategy.exit_zone)

    def calm(self, at: int, until: int) -> Lull:
        """The candles after `at` and before `until` whose close needs no look."""
        assert self._turns is not None
        return Lull(until if self._leaving else min(until, self._turns.after(at)))

    def candle_closed(self, now: int) -> None:
        """Send the market exit at the first opposite turn."""
        if self.position is None or self._leaving:
            return
        side = self.position.held.side
        if self._strategy.exit_zone[0] == -side:
            self._leaving = True
            place = self._strategy.sell if side > 0 else self._strategy.buy
            units = self.position.units
            place(size=units, reason=CYCLE, filled=self.left, managed=True)

    def left(self, position: Position, end: Exit) -> None:
        """The trade is over."""
        self.position, self._leaving = None, False
        self._strategy.trade_closed(end)
