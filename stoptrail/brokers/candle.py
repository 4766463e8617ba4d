"""A Backtrader broker that fills by docs/fills.md on closed candles.

One market, one position, at most one entry order, one stop order and one market exit.
Everything that decides a price or a size is a function of `rules`; the bookkeeping here
only turns its outcome into Backtrader's orders, position and notifications.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

from stoptrail.adapter.backtrader import bt
from stoptrail.brokers.account import Account
from stoptrail.brokers.requests import EXIT_WAITS, STOP_WORKS, WORDS, new_order, require_whole
from stoptrail.brokers.terms import without_stop
from stoptrail.core.errors import UsageError
from stoptrail.core.time import date_number
from stoptrail.rules.costs import fill_price
from stoptrail.rules.decide import expired, order_for
from stoptrail.rules.detail import Piece, piece_at, piece_price, pieces
from stoptrail.rules.paths import TICKS
from stoptrail.rules.stops import MANUAL, Stop, stop_fill, stop_hit
from stoptrail.rules.trade import (
    GAP,
    PENDING,
    POSITION,
    SIZE,
    EntryOrder,
    Position,
    after_trade,
    credited,
    enter,
    leave,
)


class CandleBroker(Account):
    """The contract's broker. Parameters, all optional:

    settings: whose costs, risk, stop, account and market hold (config.settings.Settings,
    default: its defaults); the market's steps are fitted to the data where they are built in
    or unknown; run_rules: the same as resolved numbers, instead; journal: hears every event;
    detail: finer candles of those that are traded, walked while a position is open (C21);
    funding: what a swap's positions pay (rules.funding.Funding).

    What an order carries besides (`order.info`): `entry_order`, the decision of an entry;
    `filled`, called at the fill, inside the candle, with position and initial stop or with
    position and exit: a stop order that it submits protects the rest of that candle (C5);
    `reason`, why it leaves; `ratchet`, which moves a stop with the price of a tick, and
    `undisturbed`, which says that prices between two do not. Orders without are a user's own:
    a market order enters without a stop, or leaves whole.
    """

    own_managers = True
    """Whether a strategy may manage its trades in a way of its own."""

    def reset(self) -> None:
        """Stand where a run begins."""
        super().reset()
        self._entry: Any = None
        self._stop: Any = None
        self._exit: Any = None
        self.news: deque[Any] = deque()
        """States of orders that the strategy has not heard of."""
        self.is_awake = False
        """Whether `next` may have something to do on a candle that reaches `below` or
        `above`, or there is news."""
        self.below, self.above = -math.inf, math.inf

    @property
    def pending(self) -> bool:
        """Whether an entry order waits for its open."""
        return self._entry is not None

    @property
    def entry_order(self) -> EntryOrder | None:
        """The decision behind the entry order that waits for its open."""
        return self._entry.info.entry_order if self._entry is not None else None

    @property
    def index(self) -> int:
        """Number of the candle at hand; 0 is the first."""
        return self.past + len(self._data) - 1

    # Orders

    def buy(self, owner: Any, data: Any, size: float, **options: Any) -> Any:
        """Submit a buy; see the class for what is understood."""
        return self._submit(bt.BuyOrder, owner, data, size, **options)

    def sell(self, owner: Any, data: Any, size: float, **options: Any) -> Any:
        """Submit a sell; see the class for what is understood."""
        return self._submit(bt.SellOrder, owner, data, size, **options)

    def _submit(
        self,
        kind: Any,
        owner: Any,
        data: Any,
        size: float,
        price: float | None = None,
        exectype: Any = None,
        refused: int | None = None,
        **options: Any,
    ) -> Any:
        """Accept the order, or reject it with the reason in `info.refused`. `refused`: the
        code of what its strategy knows to stand against it."""
        self.attach(data, self.past)
        order = new_order(kind, owner, data, size, price, exectype, **options)
        order.addcomminfo(self.getcommissioninfo(data))
        order.submit(self)
        slot, against = self._slot(order)
        if refused is not None:
            against = WORDS[refused]
            self.journal.ignored(_side(order), refused, self._time())
        if against:
            order.addinfo(refused=against)
            order.reject(self)
        else:
            setattr(self, slot, order)
            order.accept(self)
        self.notify(order)
        return order

    def _slot(self, order: Any) -> tuple[str, str]:
        """Where the order waits, and what stands against it."""
        side = self.open.held.side if self.open is not None else 0
        units = self.open.units if self.open is not None else 0.0
        if order.exectype == bt.Order.Stop:
            require_whole(order, side, units)
            return "_stop", STOP_WORKS if self._stop is not None else ""
        if side == -_side(order) and "entry_order" not in order.info:
            require_whole(order, side, units)
            return "_exit", EXIT_WAITS if self._exit is not None else ""
        if "entry_order" not in order.info:
            order.addinfo(entry_order=self._own_entry(order), own=True)
        if self._entry is not None:
            return "_entry", WORDS[PENDING]
        return "_entry", WORDS[POSITION] if side else ""

    def _own_entry(self, order: Any) -> EntryOrder:
        """A user's own market order: no ATR is known, so that there is no stop."""
        time = self._time()
        closes = time + self.interval
        return order_for(
            _side(order), abs(order.size), self.balance, 0.0, time, closes, self.run_rules
        )

    def get_orders_open(self, safe: bool = False) -> list[Any]:
        """The orders that work; copies of them with `safe`."""
        working = [each for each in (self._entry, self._stop, self._exit) if each is not None]
        return [order.clone() for order in working] if safe else working

    def amend(self, order: Any, stop: Stop) -> None:
        """Move a working stop order to `stop.level` in place."""
        if not 0.0 < stop.level < math.inf:
            raise UsageError(f"a stop was moved to {stop.level!r}: its level is a price above 0")
        order.created.price = stop.level
        order.addinfo(reason=stop.reason)
        self._watch()

    def cancel(self, order: Any) -> None:
        """Withdraw a working order; nothing where it does not work any more."""
        for slot in ("_entry", "_stop", "_exit"):
            working = getattr(self, slot)
            if working is not None and working.ref == order.ref:
                setattr(self, slot, None)
                working.cancel()
                self.notify(working)

    def notify(self, order: Any) -> None:
        """Queue the order's state for the strategy."""
        self.news.append(order.clone())
        self.is_awake = True

    def get_notification(self) -> Any:
        """The oldest queued notification, or None."""
        if self.news:
            return self.news.popleft()
        self._watch()
        return None

    def _watch(self) -> None:
        """Work out what wakes `next`: a waiting market order always does."""
        waits = self._entry is not None or self._exit is not None
        # A tick between level and extreme may move the stop as well.
        waits = waits or (self._stop is not None and self.run_rules.path == TICKS)
        self.is_awake = waits or self._stop is not None or bool(self.news)
        self.below, self.above = -math.inf, math.inf
        if waits:
            self.below = math.inf
        elif self._stop is not None and self.open is not None:
            if self.open.held.side > 0:
                self.below = self._stop.created.price
            else:
                self.above = self._stop.created.price

    # Fills

    def next(self) -> None:
        """One closed candle: its open, then the stop in force while it lasted."""
        if self._entry is None and self.open is None:
            return
        data = self._data.lines
        time = self._time()
        if self._entry is not None and expired(self._entry.info.entry_order, time):
            self._drop_entry(GAP)
        if not data.volume[0] > 0.0:
            return
        if self._entry is not None:
            self._fill_entry(data.open[0], self._first_price(time))
        elif self._exit is not None:
            self._fill_exit(data.open[0], time)
        if self._stop is not None:
            self._within(data.open[0], data.high[0], data.low[0], time)

    def _first_price(self, opens: int) -> int:
        """When the candle that opened at `opens` has its first price: by ticks, that of its
        first piece (C21)."""
        first, last = pieces(self.detail, self.index)
        known = self.run_rules.path == TICKS and first < last
        return int(self.detail.time[first]) if known else opens

    def _within(self, candle_open: float, high: float, low: float, time: int) -> None:
        """The stop over the candle at hand, piece by piece where it has pieces (C21)."""
        first, last = pieces(self.detail, self.index)
        if first == last:
            self._test_stop(candle_open, high, low, time)
        elif self.run_rules.path == TICKS:
            told, until = self._stop.info, time + self.interval
            if "undisturbed" not in told or not told.undisturbed(high, low, until):
                self._by_ticks(range(first, last), time)
        elif self.touched(high) or self.touched(low):
            for row in range(first, last):
                piece = self._piece(row)
                self._test_stop(piece.open, piece.high, piece.low, piece.time)
                if self.open is None:
                    return

    def _by_ticks(self, rows: range, opens: int) -> None:
        """The prices of the pieces as ticks: each may hit the stop or move it (C14)."""
        assert self.open is not None
        held, told = self.open.held, self._stop.info
        for row in rows:
            piece = self._piece(row)
            if "undisturbed" in told and told.undisturbed(piece.high, piece.low, piece.time):
                continue
            # The tick that entered tests nothing and moves nothing.
            entered = row == rows[0] and held.time >= opens
            for step in range(1 if entered else 0, 4):
                price = piece_price(piece, held.side, step)
                if self.touched(price):
                    self._stop_out(price, piece.time)
                    return
                if "ratchet" in told:
                    told.ratchet(price, piece.time)

    def _piece(self, row: int) -> Piece:
        """A piece in Python's own numbers."""
        time, *prices = piece_at(self.detail, row)
        return Piece(int(time), *map(float, prices))

    def touched(self, price: float) -> bool:
        """Whether `price` reaches the working stop."""
        if self.open is None or self._stop is None:
            return False
        return stop_hit(self.open.held.side, price, price, self._stop.created.price)

    def _stop_out(self, first: float, time: int, level: float | None = None) -> None:
        """Fill the stop at `level` (its own), or at `first` where that is worse (C6)."""
        assert self.open is not None
        trade_rules, side = self.run_rules.trade_rules, self.open.held.side
        working = self._stop.created.price if level is None else level
        price = stop_fill(side, first, working, trade_rules.costs, trade_rules.market)
        self._close(self._stop, price, time)

    def _fill_entry(self, price: float, time: int) -> None:
        order, rules = self._entry, self.run_rules.trade_rules
        if "own" in order.info:
            rules = without_stop(rules)
        self._book_entry(*enter(order.info.entry_order, price, time, rules))

    def _book_entry(self, position: Position, stop: Stop) -> None:
        """The entry order has filled as `position`; its initial stop is `stop`."""
        order = self._entry
        if position.units <= 0.0:
            self._drop_entry(SIZE)
            return
        self._entry = None
        self.open = position
        held = position.held
        self.funding_before = self.schedule.by(held.time)
        self._execute(order, position.units * held.side, held.fill, position.fee, 0.0, held.time)
        self.journal.entered(order.info.entry_order, position, stop, held.time)
        if "filled" in order.info:
            order.info.filled(position, stop)

    def _test_stop(self, candle_open: float, high: float, low: float, time: int) -> None:
        if self.touched(high) or self.touched(low):
            self._stop_out(candle_open, time)

    def _fill_exit(self, price: float, time: int) -> None:
        assert self.open is not None
        trade_rules = self.run_rules.trade_rules
        price = fill_price(-self.open.held.side, price, trade_rules.costs, trade_rules.market)
        self._close(self._exit, price, time)

    def _close(self, order: Any, price: float, time: int) -> None:
        """Leave at exactly `price`."""
        position = self.open
        assert position is not None
        paid = self._paid_at_exit(time)
        end = leave(position, price, time, self.run_rules.trade_rules, paid)
        end = credited(end, self.balance)
        self.balance += end.pnl
        self.history = after_trade(self.history, position, end.pnl, self.run_rules.trade_rules)
        self.open = None
        others = [each for each in (self._stop, self._exit) if each not in (None, order)]
        self._stop = self._exit = None
        # Neither is a profit of a price: Backtrader's trades take them as a commission.
        paid = end.fee + end.borrow - end.funding - end.shortfall
        gross = end.pnl + position.fee + paid
        self._execute(order, -position.units * position.held.side, price, paid, gross, time)
        for other in others:
            other.cancel()
            self.notify(other)
        self.journal.left(position, end, order.info.get("reason", MANUAL), time)
        if "filled" in order.info:
            order.info.filled(position, end)

    def _paid_at_exit(self, time: int) -> float:
        """Funding until an exit in the candle of `time`: the rows of its open and those inside
        it are paid (C19); where it has pieces, those up to the exit's."""
        first, last = pieces(self.detail, self.index)
        if first < last:
            return self.paid_by(time)
        return self.paid_before(time - time % self.interval + self.interval)

    def _drop_entry(self, reason: int) -> None:
        order, self._entry = self._entry, None
        entry_order: EntryOrder = order.info.entry_order
        order.addinfo(refused=WORDS.get(reason, "the session makes no entries now"))
        if reason == SIZE:
            order.margin()
        else:
            order.cancel()
        self.notify(order)
        self.journal.ignored(entry_order.side, reason, entry_order.signal)

    def _execute(
        self, order: Any, size: float, price: float, fee: float, gross: float, time: int
    ) -> None:
        """Book a whole fill in Backtrader's terms; `gross` is the profit before fees."""
        order.size = size
        order.executed.remsize = size
        dt = date_number(time)
        held, entry = self._position.size, self._position.price
        psize, pprice, opened, closed = self._position.update(size, price, dt)
        closing, opening = bool(held), not held
        order.execute(
            dt,
            size,
            price,
            closed,
            abs(closed) * entry,
            fee if closing else 0.0,
            opened,
            abs(opened) * price,
            fee if opening else 0.0,
            0.0,
            gross,
            psize,
            pprice,
        )
        order.completed()
        self.notify(order)


def _side(order: Any) -> int:
    return 1 if order.isbuy() else -1
