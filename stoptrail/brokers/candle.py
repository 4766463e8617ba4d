"""A Backtrader broker that fills by docs/fills.md on closed candles.

One market, one position, at most one entry order, one stop order and one market exit.
Everything that decides a price or a size is a function of `rules`; the bookkeeping here
only turns its outcome into Backtrader's orders, position and notifications.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any, ClassVar

import backtrader as bt

from stoptrail.rules.costs import fill_price
from stoptrail.rules.dates import date_number, milliseconds
from stoptrail.rules.decide import expired
from stoptrail.rules.journal import Journal
from stoptrail.rules.stops import (
    INITIAL,
    Stop,
    stop_fill,
    stop_hit,
)
from stoptrail.rules.trade import (
    GAP,
    SIZE,
    EntryOrder,
    Position,
    enter,
    leave,
    marked,
)
from stoptrail.rules.types import RunRules

_INFO = ("entry_order", "filled", "reason", "ratchet")
"""What an order may carry: the decision, a function called at its fill, why it leaves, a
function that moves the stop with the price of a tick."""


class CandleBroker(bt.BrokerBase):  # type: ignore[misc]
    """The contract's broker; `conduct` holds the terms, `journal` hears every event.

    Entries are market orders with a `ticket` (rules.trade.Ticket) and `filled`, a
    function that is called at the fill, inside the candle, with the position and its
    initial stop: a stop order that it submits protects the rest of that candle (C5).
    Exits carry `filled` too, called with the position and its exit, and a `reason`.
    """

    params: ClassVar[Any] = (("run_rules", None), ("journal", None))

    def __init__(self, **_params: Any) -> None:
        super().__init__()  # Backtrader has put the parameters into self.p
        self.run_rules: RunRules = self.p.run_rules
        self.journal: Journal = self.p.journal
        self.balance: float = self.run_rules.cash
        """Cash as it was before the open position, quote currency."""
        self.startingcash = self.run_rules.cash  # Backtrader's writers read it
        self.open: Position | None = None
        """The open trade."""
        self.opening: Stop | None = None
        """The stop with which the candle under way began, where a tick has moved it; on
        closed candles alone none does."""
        self._data: Any = None
        self._entry: Any = None
        self._stop: Any = None
        self._exit: Any = None
        self._position = bt.Position()
        self.news: deque[Any] = deque()
        """States of orders that the strategy has not heard of."""
        self.is_awake = False
        """Whether `next` may have something to do on a candle that reaches `below` or
        `above`, or there is news."""
        self.below, self.above = -math.inf, math.inf

    # Account

    def getcash(self) -> float:
        """Cash in the quote currency; a short's proceeds are in it."""
        if self.open is None:
            return self.balance
        held = self.open.held
        return self.balance - held.side * self.open.units * held.fill - self.open.fee

    def getvalue(self, datas: Any = None) -> float:
        """Equity at the close of the current candle."""
        if self.open is None:
            return self.balance
        return self.equity(self._data.close[0], self._time() + self._data.interval)

    def equity(self, price: float, time: int) -> float:
        """Equity with the position marked at `price` at `time` in milliseconds."""
        if self.open is None:
            return self.balance
        return marked(self.balance, self.open, price, time, self.run_rules.trade_rules)

    def getposition(self, data: Any, clone: bool = True) -> Any:
        """Backtrader's view of the open trade."""
        return self._position.clone() if clone else self._position

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
        return len(self._data) - 1

    # Orders

    def buy(self, owner: Any, data: Any, size: float, **options: Any) -> Any:
        """Submit a buy; see `_submit` for what is understood."""
        return self._submit(bt.BuyOrder, owner, data, size, **options)

    def sell(self, owner: Any, data: Any, size: float, **options: Any) -> Any:
        """Submit a sell; see `_submit` for what is understood."""
        return self._submit(bt.SellOrder, owner, data, size, **options)

    def _submit(
        self,
        kind: Any,
        owner: Any,
        data: Any,
        size: float,
        price: float | None = None,
        exectype: Any = None,
        **options: Any,
    ) -> Any:
        """A market order with `ticket` is an entry, one without leaves at the next open;
        a stop order at `price` protects the position. A second one of a kind is rejected."""
        order = kind(
            owner=owner,
            data=data,
            size=size,
            price=price,
            pricelimit=None,
            exectype=exectype,
            valid=None,
            tradeid=0,
            oco=None,
            trailamount=None,
            trailpercent=None,
            parent=None,
            transmit=True,
        )
        order.addinfo(**{key: options[key] for key in _INFO if key in options})
        order.addcomminfo(self.getcommissioninfo(data))
        self._data = data
        slot = self._slot(order)
        if getattr(self, slot) is not None:
            order.submit(self)
            order.reject(self)
        else:
            setattr(self, slot, order)
            order.submit(self)
            order.accept(self)
        self.notify(order)
        return order

    def _slot(self, order: Any) -> str:
        if order.exectype == bt.Order.Stop:
            return "_stop"
        return "_entry" if "entry_order" in order.info else "_exit"

    def amend(self, order: Any, stop: Stop) -> None:
        """Move a working stop order to `stop.level` in place."""
        order.created.price = stop.level
        order.addinfo(reason=stop.reason)
        self._watch()

    def cancel(self, order: Any) -> None:
        """Withdraw a working order."""
        for slot in ("_entry", "_stop", "_exit"):
            if getattr(self, slot) is order:
                setattr(self, slot, None)
                order.cancel()
                self.notify(order)

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
            self._fill_entry(data.open[0], time)
        elif self._exit is not None:
            self._fill_exit(data.open[0], time)
        if self._stop is not None:
            self._test_stop(data.open[0], data.high[0], data.low[0], time)

    def _fill_entry(self, price: float, time: int) -> None:
        self._book_entry(
            *enter(self._entry.info.entry_order, price, time, self.run_rules.trade_rules)
        )

    def _book_entry(self, position: Position, stop: Stop) -> None:
        """The entry order has filled as `position`; its initial stop is `stop`."""
        order = self._entry
        if position.units <= 0.0:
            self._drop_entry(SIZE)
            return
        self._entry = None
        self.open = position
        held = position.held
        self._execute(order, position.units * held.side, held.fill, position.fee, 0.0, held.time)
        self.journal.entered(order.info.entry_order, position, stop, held.time)
        order.info.filled(position, stop)

    def _test_stop(self, candle_open: float, high: float, low: float, time: int) -> None:
        assert self.open is not None
        level, side = self._stop.created.price, self.open.held.side
        if stop_hit(side, high, low, level):
            trade_rules = self.run_rules.trade_rules
            price = stop_fill(side, candle_open, level, trade_rules.costs, trade_rules.market)
            self._close(self._stop, price, time)

    def _fill_exit(self, price: float, time: int) -> None:
        assert self.open is not None
        trade_rules = self.run_rules.trade_rules
        price = fill_price(-self.open.held.side, price, trade_rules.costs, trade_rules.market)
        self._close(self._exit, price, time)

    def _close(self, order: Any, price: float, time: int) -> None:
        """Leave at exactly `price`."""
        position = self.open
        assert position is not None
        end = leave(position, price, time, self.run_rules.trade_rules)
        self.balance += end.pnl
        self.open = None
        self._stop = self._exit = None
        gross = end.pnl + position.fee + end.fee
        self._execute(order, -position.units * position.held.side, price, end.fee, gross, time)
        self.journal.left(position, end, order.info.get("reason", INITIAL), time)
        order.info.filled(position, end)

    def _drop_entry(self, reason: int) -> None:
        order, self._entry = self._entry, None
        entry_order: EntryOrder = order.info.entry_order
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

    def _time(self) -> int:
        return milliseconds(self._data.lines.datetime[0])
