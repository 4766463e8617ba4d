"""A journal that turns the events of a Backtrader run into the engines' common log."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stoptrail.rules.candles import Candles, Times
from stoptrail.rules.journal import RatchetMoves
from stoptrail.rules.stops import INITIAL, Stop
from stoptrail.rules.trade import (
    IGNORED,
    EntryOrder,
    Exit,
    Fill,
    Position,
    TradeRules,
    credited,
    stand,
)
from stoptrail.rules.types import OPEN, FillLog, StopLog, TradeLog


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


class RecordedLevels:
    """Levels of the trades' stops, in columns: five years of many sets have hundreds of
    thousands."""

    def __init__(self) -> None:
        self._trade, self._level, self._reason = array("q"), array("d"), array("b")
        self._time, self._tick = array("q"), array("d")

    def __len__(self) -> int:
        return len(self._trade)

    def add(self, trade: int, stop: Stop, time: int, tick: float = math.nan) -> None:
        """One of trade `trade`, which holds from `time` (ms) on; tick: the price of the tick that
        set it, NaN where a close did."""
        self._trade.append(trade)
        self._level.append(stop.level)
        self._reason.append(stop.reason)
        self._time.append(time)
        self._tick.append(tick)

    def extend(self, trade: int, moves: RatchetMoves) -> None:
        """Several of one trade, which closes set."""
        count = len(moves.time)
        self._trade.extend([trade] * count)
        self._level.frombytes(moves.level.tobytes())
        self._reason.frombytes(moves.reason.astype(np.int8).tobytes())
        self._time.frombytes(moves.time.tobytes())
        self._tick.extend([math.nan] * count)

    def log(self, candles: Candles) -> StopLog:
        """As the engines tell them; `candle` is the first in which a level holds."""
        time, tick = np.array(self._time, np.int64), np.array(self._tick)
        by_tick = ~np.isnan(tick)
        reason = np.array(self._reason, np.int8)
        within = np.searchsorted(candles.time, time, side="right") - 1
        after = np.searchsorted(candles.time, time)
        return StopLog(
            trade=np.array(self._trade, np.int64),
            candle=np.where(by_tick | (reason == INITIAL), within, after).astype(np.int64),
            level=np.array(self._level),
            reason=reason,
            tick=np.where(by_tick, time, 0),
            price=np.where(by_tick, tick, 0.0),
        )


class RecordingJournal:
    """Keeps every event; see rules.journal.Journal. The baseline has no stops to keep; of a
    sleeve there are more `reasons` to ignore a signal (rules.book.BOOK_IGNORED)."""

    def __init__(self, *, with_stops: bool = True, reasons: int = len(IGNORED)) -> None:
        self._with_stops = with_stops
        self.entries: list[RecordedEntry] = []
        self.exits: list[RecordedExit] = []
        self.closed: list[tuple[Fill, int, int, int]] = []
        """Parts and rests of trades with reason, time and the trade's index."""
        self._open: Position | None = None
        self.levels = RecordedLevels()
        self.counts = np.zeros(reasons, np.int64)
        self._last: Stop | None = None

    def entered(self, entry_order: EntryOrder, position: Position, stop: Stop, time: int) -> None:
        """An entry filled."""
        if self._with_stops:
            self.levels.add(len(self.entries), stop, time)
        self.entries.append(RecordedEntry(entry_order, position, stop.level))
        self._open = position
        self._last = stop

    def moved(self, before: Stop, after: Stop, time: int, tick: float = math.nan) -> None:
        """The level moved."""
        self.levels.add(len(self.entries) - 1, after, time, tick)
        self._last = after

    def moved_on(self, moves: RatchetMoves, after: Stop) -> None:
        """The level moved at several closes; `after` is the last of them."""
        self.levels.extend(len(self.entries) - 1, moves)
        self._last = after

    def left(self, position: Position, end: Exit, reason: int, time: int) -> None:
        """A trade closed."""
        self.exits.append(RecordedExit(end, reason, time))
        self._closed(end.last, reason, time)

    def reduced(self, position: Position, part: Fill, reason: int, time: int) -> None:
        """A part of a trade closed."""
        self._open = position
        self._closed(part, reason, time)

    def leaving(self, position: Position, reason: int, price: float | None = None) -> None:
        """An order to leave was sent: its fill is what counts."""

    def _closed(self, fill: Fill, reason: int, time: int) -> None:
        self.closed.append((fill, reason, time, len(self.entries) - 1))

    def ignored(self, side: int, reason: int, time: int) -> None:
        """A signal led to no trade."""
        self.counts[reason] += 1

    def fills(self, candles: Candles) -> FillLog:
        """What closed the trades, and parts of them."""
        fills = [fill for fill, _, _, _ in self.closed]
        return FillLog(
            trade=np.array([trade for _, _, _, trade in self.closed], np.int64),
            candle=_at(candles, [time for _, _, time, _ in self.closed]),
            time=np.array([time for _, _, time, _ in self.closed], np.int64),
            units=np.array([fill.units for fill in fills]),
            price=np.array([fill.price for fill in fills]),
            fee=np.array([fill.fee for fill in fills]),
            reason=np.array([reason for _, reason, _, _ in self.closed], np.int8),
            funding=np.array([fill.funding for fill in fills]),
        )

    def trades(
        self,
        candles: Candles,
        trade_rules: TradeRules,
        balance: float,
        paid: float = 0.0,
        backing: float | None = None,
        end: int | None = None,
    ) -> TradeLog:
        """All trades; one still open is marked at the last close, from `balance`, the cash before
        it, and the funding that one unit held long has `paid`; backing: what it may lose, None for
        all of that cash (C20); end: the moment of the mark, ms, None for that close."""
        exits = list(self.exits)
        if len(self.entries) > len(exits):
            own = balance if backing is None else backing
            closes = int(candles.time[-1]) + candles.interval if end is None else end
            price = float(candles.close[-1])
            exits.append(self._still_open(price, closes, trade_rules, balance, paid, own))
        ends = np.array([e.time for e in exits], np.int64)
        held = [entry.position.held for entry in self.entries]
        return TradeLog(
            signal=_at(candles, [e.entry_order.signal for e in self.entries]),
            entry=_at(candles, [h.time for h in held]),
            exit=np.where(ends == OPEN, OPEN, _at(candles, ends)),
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
            entry_time=np.array([h.time for h in held], np.int64),
            exit_time=ends,
            funding=np.array([e.end.funding for e in exits]),
            shortfall=np.array([e.end.shortfall for e in exits]),
        )

    def _still_open(
        self,
        price: float,
        end: int,
        trade_rules: TradeRules,
        balance: float,
        paid: float,
        backing: float,
    ) -> RecordedExit:
        assert self._open is not None
        checkpoint = stand(self._open, balance, price, end, trade_rules, paid)
        assert self._last is not None
        return RecordedExit(credited(checkpoint, backing), self._last.reason, OPEN)

    def stops(self, candles: Candles) -> StopLog:
        """Every level that was in force."""
        return self.levels.log(candles)


def _at(candles: Candles, times: Sequence[int] | Times) -> Times:
    """The candles within which `times` (ms) lie."""
    found = np.searchsorted(candles.time, np.asarray(times, np.int64), side="right") - 1
    return np.asarray(found, np.int64)
