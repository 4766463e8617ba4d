"""What fills of an open position within a candle: its stop, its target, an order to leave (C6,
C9, C18), piece by piece where the candle has pieces (C21)."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

from stoptrail.brokers.account import Account
from stoptrail.rules.costs import fill_price
from stoptrail.rules.detail import Piece, piece_at, piece_price, pieces
from stoptrail.rules.exits import no_target, target_passed
from stoptrail.rules.paths import (
    CANDLE,
    CLOSED_OUT,
    NOTHING,
    STOPPED,
    TARGETED,
    TICKS,
    barrier,
    walk_candle,
)
from stoptrail.rules.stops import MANUAL, Stop, stop_fill, stop_hit
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

    @property
    @abstractmethod
    def index(self) -> int:
        """Number of the candle at hand; 0 is the first."""

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

    def ends(self, high: float, low: float, time: int, level: float | None = None) -> bool:
        """Whether prices between `low` and `high` at `time` (ms) reach the stop, at `level` or
        where it is, or the price at which the position is liquidated."""
        if self.open is None:
            return False
        side, own = self.open.held.side, self.levels()[0] if level is None else level
        danger = self.danger(time, self._paid_at_exit(time)).price
        return stop_hit(side, high, low, barrier(side, own, danger)[0])

    def passed(self, high: float, low: float) -> bool:
        """Whether prices between `low` and `high` go beyond the working target."""
        if self.open is None or self._target is None:
            return False
        return target_passed(self.open.held.side, high, low, self._target.created.price)

    def within(self, time: int) -> None:
        """The candle at hand, which opened at `time` (ms) and has volume."""
        lines = self._data.lines
        high, low = lines.high[0], lines.low[0]
        first, last = pieces(self.detail, self.index)
        if first == last or (self._stop is None and self._target is None):
            self._walk(Piece(time, lines.open[0], high, low, lines.close[0]))
        elif self.run_rules.path == TICKS:
            if self._is_paying(time) or not self._undisturbed(high, low, time + self.interval):
                self._by_ticks(range(first, last), time)
        elif (
            self._exit is not None
            or self._is_paying(time)
            or self.ends(high, low, time + self.interval - 1)
            or self.passed(high, low)
        ):
            for row in range(first, last):
                self._walk(self._piece(row))

    def _is_paying(self, opens: int) -> bool:
        """Whether funding is paid within the candle that opened at `opens` (ms): what moves with
        it is another thing from piece to piece."""
        closes = opens + self.interval
        return self.paid_by(opens) != self.paid_by(closes)

    def _walk(self, piece: Piece) -> None:
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
                CANDLE, stop, target, waits, 0, held, *prices, none, time, rules, 0.0, ends
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

    def _undisturbed(self, high: float, low: float, until: int) -> bool:
        """Whether ticks between `low` and `high`, none later than `until` (ms), do nothing."""
        told: Any = {} if self._stop is None else self._stop.info
        calm = self._exit is None and "undisturbed" in told
        return calm and bool(told.undisturbed(high, low, until))

    def _by_ticks(self, rows: range, opens: int) -> None:
        """The prices of the pieces as ticks: at each something may fill, or the stop moves
        (C14)."""
        assert self.open is not None
        held = self.open.held
        told: Any = {} if self._stop is None else self._stop.info
        for row in rows:
            piece = self._piece(row)
            if self._undisturbed(piece.high, piece.low, piece.time):
                continue
            # The tick that entered tests nothing and moves nothing.
            entered = row == rows[0] and held.time >= opens
            for step in range(1 if entered else 0, 4):
                price = piece_price(piece, held.side, step)
                if self.filled_at(price, piece.time):
                    return
                if "ratchet" in told:
                    told.ratchet(price, piece.time)

    def filled_at(self, price: float, time: int) -> bool:
        """Whether the position is over after a tick at `price`: at the stop, at targets, or by
        an order to leave."""
        if not self.reached_at(price, time) and self._exit is not None:
            assert self.open is not None
            rules, side = self.run_rules.trade_rules, self.open.held.side
            self._close(self._exit, fill_price(-side, price, rules.costs, rules.market), time)
        return self.open is None

    def reached_at(self, price: float, time: int) -> bool:
        """Whether the position is over after a tick at `price`: at the stop or at targets."""
        while self.open is not None:
            if self.ends(price, price, time):
                self.stop_out(price, time)
            elif self.passed(price, price):
                self.take(time)
            else:
                break
        return self.open is None

    def _paid_at_exit(self, time: int) -> float:
        """Funding until a fill in the candle of `time` that closes units: the rows of its open
        and those inside it are paid (C19); where it has pieces, those up to the fill's."""
        first, last = pieces(self.detail, self.index)
        if first < last:
            return self.paid_by(time)
        return self.paid_before(time - time % self.interval + self.interval)

    def _piece(self, row: int) -> Piece:
        """A piece in Python's own numbers."""
        time, *prices = piece_at(self.detail, row)
        return Piece(int(time), *map(float, prices))

    def stop_out(self, first: float, time: int, level: float | None = None) -> None:
        """Fill the stop at `level` (its own), or at `first` where that is worse (C6); or close the
        position out where the account does not last until the stop (C20)."""
        assert self.open is not None
        trade_rules, side = self.run_rules.trade_rules, self.open.held.side
        working = self.levels()[0] if level is None else level
        danger = self.danger(time, self._paid_at_exit(time))
        reached, event = barrier(side, working, danger.price)
        price = stop_fill(side, first, reached, trade_rules.costs, trade_rules.market)
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
