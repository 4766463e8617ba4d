"""What fills of an open position within a candle: its stop, its target, an order to leave (C6,
C9, C18), piece by piece where the candle has pieces (C21)."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

from stoptrail.brokers.account import Account
from stoptrail.rules.costs import fill_price
from stoptrail.rules.detail import (
    Piece,
    piece_at,
    piece_mark,
    piece_price,
    pieces,
    worst_piece,
)
from stoptrail.rules.exits import no_target, target_passed
from stoptrail.rules.margin import Mark, mark_of
from stoptrail.rules.paths import (
    CANDLE,
    CLOSED_OUT,
    NOTHING,
    STOPPED,
    TARGETED,
    TICKS,
    adverse_event,
    price_of,
    walk_candle,
)
from stoptrail.rules.stops import MANUAL, Stop, stop_hit
from stoptrail.rules.trade import closing, without_part


class WithinCandle(Account):
    """An account whose open position has at most one stop order, one limit order that takes a
    profit, and one order to leave at the next open."""

    def reset(self) -> None:
        """Stand where a run begins."""
        super().reset()
        self._stop: Any = None
        self._target: Any = None
        self._exit: Any = None
        self.marks = self.p.funding.marks
        """Mark prices of the candles, see rules.margin.is_marked."""

    @property
    @abstractmethod
    def index(self) -> int:
        """Number of the candle at hand; 0 is the first."""

    def mark_at_hand(self, own: Mark) -> Mark:
        """The mark prices of the candle at hand; its `own` where none are known (C20)."""
        return mark_of(self.marks, self.index, own)

    @abstractmethod
    def _close(self, order: Any, price: float, time: int) -> None:
        """Leave what is left at exactly `price`."""

    def levels(self) -> tuple[float, float]:
        """Levels of the stop and of the target of the open trade; infinitely far from the
        market where there is none."""
        assert self.open is not None
        none = no_target(self.open.held.side).level
        return (
            -none if self._stop is None else self._stop.created.price,
            none if self._target is None else self._target.created.price,
        )

    @abstractmethod
    def _close_out(self, price: float, time: int, charge: float) -> None:
        """The exchange closes what is left at exactly `price`, for `charge` of the notional beside
        the taker's fee (C20)."""

    def touched(self, price: float) -> bool:
        """Whether `price` reaches the working stop."""
        if self.open is None or self._stop is None:
            return False
        return stop_hit(self.open.held.side, price, price, self._stop.created.price)

    def met(
        self,
        high: float,
        low: float,
        time: int,
        level: float | None = None,
        mark: tuple[float, float] | None = None,
    ) -> int:
        """STOPPED where prices between `low` and `high` at `time` (ms) reach the stop, at `level`
        or where it is; CLOSED_OUT where the `mark` prices, the same unless told, reach the one at
        which the position is liquidated; else NOTHING."""
        if self.open is None:
            return NOTHING
        side, own = self.open.held.side, self.levels()[0] if level is None else level
        danger = self.danger(time, self._paid_at_exit(time)).price
        return int(adverse_event(side, high, low, own, danger, *(mark or (high, low))))

    def passed(self, high: float, low: float) -> bool:
        """Whether prices between `low` and `high` go beyond the working target."""
        if self.open is None or self._target is None:
            return False
        return target_passed(self.open.held.side, high, low, self._target.created.price)

    def within(self, time: int) -> None:
        """The candle at hand, which opened at `time` (ms) and has volume."""
        lines, place = self._data.lines, self.index
        high, low = lines.high[0], lines.low[0]
        own = Mark(lines.open[0], high, low, lines.close[0])
        mark, (first, last) = self.mark_at_hand(own), pieces(self.detail, place)
        if first == last:
            self._walk(Piece(time, *own), mark)
        elif self.run_rules.path == TICKS and self._stop is not None:
            until = time + self.interval
            if self._is_paying(time) or not self._undisturbed(high, low, until, mark):
                self._by_ticks(range(first, last), time)
        elif (
            self._exit is not None
            or self._is_paying(time)
            or self.met(high, low, time + self.interval - 1, mark=(mark.high, mark.low)) != NOTHING
            or self.passed(high, low)
        ):
            self._over_pieces(range(first, last), time)

    def _over_pieces(self, rows: range, opens: int) -> None:
        """The pieces of the candle that opened at `opens` (ms), or their prices as ticks."""
        if self.run_rules.path == TICKS:
            self._by_ticks(rows, opens)
            return
        worst = self._worst_piece()
        for row in rows:
            self._walk(self._piece(row), self._piece_mark(row, worst))

    def first_price(self, opens: int) -> int:
        """When the candle that opened at `opens` has its first price: by ticks, that of its
        first piece (C21)."""
        first, last = pieces(self.detail, self.index)
        known = self.run_rules.path == TICKS and first < last
        return int(self.detail.time[first]) if known else opens

    def _is_paying(self, opens: int) -> bool:
        """Whether funding is paid within the candle that opened at `opens` (ms): what moves with
        it is another thing from piece to piece."""
        closes = opens + self.interval
        return self.paid_by(opens) != self.paid_by(closes)

    def _worst_piece(self) -> int:
        side = 0 if self.open is None else self.open.held.side
        return int(worst_piece(self.detail, self.index, side, self.marks))

    def _piece_mark(self, row: int, worst: int) -> Mark:
        return piece_mark(self.detail, row, self.index, worst, self.marks)

    def _walk(self, piece: Piece, mark: Mark) -> None:
        """What fills over one piece, one after the other."""
        rules, time = self.run_rules.trade_rules, piece.time
        prices = piece.open, piece.high, piece.low, piece.close
        while self.open is not None:
            level, target = self.levels()
            stop, waits = Stop(level, math.nan, MANUAL), self._exit is not None
            danger = self.danger(time, self._paid_at_exit(time))
            # Whole candles need no ATR.
            none, held, ends = math.nan, self.open.held, danger.price
            walk = walk_candle(
                CANDLE, stop, target, waits, 0, held, *prices, none, time, rules, 0.0, ends, mark
            )
            if walk.event == NOTHING:
                return
            if walk.event == TARGETED:
                self.take(time)
            elif walk.event == CLOSED_OUT:
                self._close_out(walk.price, time, danger.fee)
            else:
                order = self._stop if walk.event == STOPPED else self._exit
                self._close(order, walk.price, time)

    def _undisturbed(self, high: float, low: float, until: int, mark: Mark) -> bool:
        """Whether ticks between `low` and `high`, none later than `until` (ms), do nothing."""
        told: Any = {} if self._stop is None else self._stop.info
        calm = self._exit is None and "undisturbed" in told
        return calm and bool(told.undisturbed(high, low, until, mark))

    def _by_ticks(self, rows: range, opens: int) -> None:
        """The prices of the pieces as ticks: at each something may fill, or the stop moves
        (C14)."""
        assert self.open is not None
        held = self.open.held
        told: Any = {} if self._stop is None else self._stop.info
        worst = self._worst_piece()
        for row in rows:
            piece, mark = self._piece(row), self._piece_mark(row, worst)
            if self._undisturbed(piece.high, piece.low, piece.time, mark):
                continue
            # The tick that entered tests nothing and moves nothing.
            entered = row == rows[0] and held.time >= opens
            for step in range(1 if entered else 0, 4):
                price = piece_price(piece, held.side, step)
                by = piece_price(mark, held.side, step)
                if self.filled_at(price, piece.time, by):
                    return
                if "ratchet" in told:
                    told.ratchet(price, piece.time)

    def filled_at(self, price: float, time: int, mark: float) -> bool:
        """Whether the position is over after a tick at `price`: at the stop, at targets, or by
        an order to leave; `mark`: what the mark price is then, NaN where it is not known."""
        if not self.reached_at(price, time, mark) and self._exit is not None:
            assert self.open is not None
            rules, side = self.run_rules.trade_rules, self.open.held.side
            self._close(self._exit, fill_price(-side, price, rules.costs, rules.market), time)
        return self.open is None

    def reached_at(self, price: float, time: int, mark: float | None = None) -> bool:
        """Whether the position is over after a tick at `price`: at the stop or at targets."""
        by = price if mark is None else mark
        while self.open is not None:
            event = self.met(price, price, time, mark=(by, by))
            if event != NOTHING:
                self.stop_out(event, price, price, time)
            elif self.passed(price, price):
                self.take(time)
            else:
                break
        return self.open is None

    def _paid_at_exit(self, time: int) -> float:
        """Funding until a fill in the candle of `time` that closes units: the rows of its open
        and those inside it are paid (C19); where it has pieces, those up to the fill's."""
        if self.schedule.is_empty:
            return 0.0
        first, last = pieces(self.detail, self.index)
        if first < last:
            return self.paid_by(time)
        return self.paid_before(time - time % self.interval + self.interval)

    def _piece(self, row: int) -> Piece:
        """A piece in Python's own numbers."""
        time, *prices = piece_at(self.detail, row)
        return Piece(int(time), *map(float, prices))

    def stop_out(
        self, event: int, first: float, last: float, time: int, level: float | None = None
    ) -> None:
        """What `met` found while the market went from `first` to `last`: fill the stop at `level`
        (its own), or at `first` where that is worse (C6); or close the position out (C20)."""
        assert self.open is not None
        rules, side = self.run_rules.trade_rules, self.open.held.side
        working, target = self.levels()
        working = working if level is None else level
        danger = self.danger(time, self._paid_at_exit(time))
        price = price_of(event, side, first, last, working, target, danger.price, rules)
        if event == STOPPED:
            self._close(self._stop, price, time)
        else:
            self._close_out(price, time, danger.fee)

    def take(self, time: int) -> None:
        """The target fills at its level: the position is over, or a part of it."""
        order, position = self._target, self.open
        assert position is not None
        price, units = order.created.price, abs(order.size)
        if units >= position.units:
            self._close(order, price, time)
            return
        rules, reason = self.run_rules.trade_rules, order.info.get("reason", MANUAL)
        part = closing(position, units, price, reason, time, rules.costs, self._paid_at_exit(time))
        self._target, self.open = None, without_part(position, part, rules.market)
        paid, side = part.fee + part.borrow - part.funding, position.held.side
        gross = self.open.parts.profit - position.parts.profit + paid
        self._execute(order, -units * side, price, paid, gross, time)
        if self._stop is not None:
            self._stop.size = self._stop.created.size = -side * self.open.units
            self._stop.created.remsize = self._stop.executed.remsize = self._stop.size
        self.journal.reduced(self.open, part, reason, time)
        if "reduced" in order.info:
            order.info.reduced(self.open, part)
