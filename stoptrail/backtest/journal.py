"""A journal that turns the events of a Backtrader run into the engines' common log."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stoptrail.rules.candles import Candles
from stoptrail.rules.stops import Stop
from stoptrail.rules.trade import (
    IGNORED,
    EntryOrder,
    Exit,
    Position,
    TradeRules,
    stand,
)
from stoptrail.rules.types import OPEN, StopLog, TradeLog


class RecordedEntry(NamedTuple):
    """An entry as it happened; times in ms."""

    entry_order: EntryOrder
    position: Position
    initial: float


class RecordedExit(NamedTuple):
    """An exit as it happened."""

    end: Exit
    reason: int
    time: int


class RecordingJournal:
    """Keeps every event; see rules.journal.Journal. The baseline has no stops to keep."""

    def __init__(self, *, with_stops: bool = True) -> None:
        self._with_stops = with_stops
        self.entries: list[RecordedEntry] = []
        self.exits: list[RecordedExit] = []
        self.levels: list[tuple[int, int, Stop]] = []
        self.counts = np.zeros(len(IGNORED), np.int64)
        self._last: Stop | None = None

    def entered(self, entry_order: EntryOrder, position: Position, stop: Stop, time: int) -> None:
        """An entry filled."""
        if self._with_stops:
            self.levels.append((len(self.entries), time, stop))
        self.entries.append(RecordedEntry(entry_order, position, stop.level))
        self._last = stop

    def moved(self, before: Stop, after: Stop, time: int) -> None:
        """The level moved."""
        self.levels.append((len(self.entries) - 1, time, after))
        self._last = after

    def left(self, position: Position, end: Exit, reason: int, time: int) -> None:
        """A trade closed."""
        self.exits.append(RecordedExit(end, reason, time))

    def ignored(self, side: int, reason: int, time: int) -> None:
        """A signal led to no trade."""
        self.counts[reason] += 1

    def trades(self, candles: Candles, trade_rules: TradeRules, balance: float) -> TradeLog:
        """All trades; one still open is marked at the last close, from `balance`, the
        cash before it."""
        exits = list(self.exits)
        if len(self.entries) > len(exits):
            exits.append(self._still_open(candles, trade_rules, balance))
        end_index = [OPEN if e.time == OPEN else _at(candles, e.time) for e in exits]
        held = [entry.position.held for entry in self.entries]
        return TradeLog(
            signal=np.array([_at(candles, e.entry_order.signal) for e in self.entries], np.int64),
            entry=np.array([_at(candles, h.time) for h in held], np.int64),
            exit=np.array(end_index, np.int64),
            side=np.array([h.side for h in held], np.int8),
            reason=np.array([e.reason for e in exits], np.int8),
            units=np.array([e.position.units for e in self.entries]),
            fill=np.array([h.fill for h in held]),
            initial=np.array([e.initial for e in self.entries]),
            atr=np.array([h.atr for h in held]),
            price=np.array([e.end.price for e in exits]),
            fees=np.array(
                [p.position.fee + e.end.fee for p, e in zip(self.entries, exits, strict=True)]
            ),
            borrow=np.array([e.end.borrow for e in exits]),
            pnl=np.array([e.end.pnl for e in exits]),
        )

    def _still_open(
        self, candles: Candles, trade_rules: TradeRules, balance: float
    ) -> RecordedExit:
        price, end = float(candles.close[-1]), int(candles.time[-1]) + candles.interval
        checkpoint = stand(self.entries[-1].position, balance, price, end, trade_rules)
        assert self._last is not None
        return RecordedExit(checkpoint, self._last.reason, OPEN)

    def stops(self, candles: Candles) -> StopLog:
        """Every level that was in force; `index` is the first candle in which it holds."""
        return StopLog(
            trade=np.array([trade for trade, _, _ in self.levels], np.int64),
            candle=np.array(
                [np.searchsorted(candles.time, t) for _, t, _ in self.levels], np.int64
            ),
            level=np.array([stop.level for _, _, stop in self.levels]),
            reason=np.array([stop.reason for _, _, stop in self.levels], np.int8),
        )


def _at(candles: Candles, time: int) -> int:
    return int(np.searchsorted(candles.time, time))
