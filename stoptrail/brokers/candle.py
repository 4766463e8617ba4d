"""A Backtrader broker that fills by docs/fills.md on closed candles.

One market, one position, at most one entry order, one stop order, one limit order that takes
a profit, and one market exit.
Everything that decides a price or a size is a function of `rules`; the bookkeeping here
only turns its outcome into Backtrader's orders, position and notifications.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

from stoptrail.adapter.backtrader import bt
from stoptrail.brokers.requests import (
    EXIT_WAITS,
    STOP_WORKS,
    TARGET_WORKS,
    WORDS,
    new_order,
    require_leaving,
    require_unmanaged,
    side_of,
    told_of_the_end,
)
from stoptrail.brokers.terms import without_stop
from stoptrail.brokers.within import WithinCandle
from stoptrail.core.errors import UsageError
from stoptrail.rules.costs import DAY
from stoptrail.rules.decide import expired, order_for
from stoptrail.rules.paths import TICKS, barrier
from stoptrail.rules.stops import LIQUIDATED, MANUAL, Stop
from stoptrail.rules.trade import (
    GAP,
    PENDING,
    POSITION,
    SIZE,
    EntryOrder,
    Position,
    TradeRules,
    after_trade,
    credited,
    enter,
    leave,
)

_LEAVING = {bt.Order.Stop: ("_stop", STOP_WORKS), bt.Order.Limit: ("_target", TARGET_WORKS)}
"""Where orders wait that leave a position, by kind, and why there is no second one."""

_SPARE = 0.005
"""Part of the account that funding and borrow may take, each, before a look at what is left."""


class CandleBroker(WithinCandle):
    """The contract's broker. Parameters, all optional:

    settings: whose costs, risk, stop, account and market hold (config.settings.Settings,
    default: its defaults); the market's steps are fitted to the data where they are built in
    or unknown; run_rules: the same as resolved numbers, instead; journal: hears every event;
    detail: finer candles of those that are traded, walked while a position is open (C21);
    funding: what a swap's positions pay (rules.funding.Funding).

    What an order carries besides (`order.info`): `entry_order`, the decision of an entry;
    `filled`, called at the fill, inside the candle, with position and initial stop or with
    position and exit: a stop order that it submits protects the rest of that candle (C5);
    `closed_out`, called as `filled` where the exchange closes what the entry opened (C20);
    `reduced`, called with what is left of the position and the fill where a limit order took a
    part of it (C18); `managed`, that it is no user's to cancel; `reason`, why it leaves;
    `ratchet`, which moves a stop with the price of a tick, and `undisturbed`, which says that
    prices between two do nothing. Orders without are a
    user's own: a market order enters without a stop, or leaves whole; a limit order takes a
    profit, of a part too.
    """

    own_managers = True
    """Whether a strategy may manage its trades in a way of its own."""

    def reset(self) -> None:
        """Stand where a run begins."""
        super().reset()
        self._entry: Any = None
        self._entered: Any = None
        """The order that entered the open trade."""
        self.news: deque[Any] = deque()
        """States of orders that the strategy has not heard of."""
        self.patterns: Any = None
        """Of orders, where nobody hears of them; whoever runs it knows."""
        self.is_awake = False
        """Whether `next` may have something to do on a candle that reaches `below` or `above`."""
        self.below, self.above = -math.inf, math.inf
        self._foreseen: tuple[Position, float, float] | None = None
        """Of which position, and what `_foresee` said of it."""
        self.due = math.inf
        """From when on `next` has something to do whatever the candle reaches, ms."""
        self._played = 0
        """Candles of its feed when it last had something to do."""

    @property
    def pending(self) -> bool:
        """Whether an entry order waits for its open."""
        return self._entry is not None

    @property
    def entry_order(self) -> EntryOrder | None:
        """The decision behind the entry order that waits for its open."""
        return self._entry.info["entry_order"] if self._entry is not None else None

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
        self._played = len(data)
        order = new_order(kind, owner, data, size, price, exectype, self.patterns, **options)
        order.addcomminfo(self.getcommissioninfo(data))
        order.submit(self)
        slot, against = self._slot(order)
        if refused is not None:
            against = WORDS[refused]
            self.journal.ignored(side_of(order), refused, self.opened_at())
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
        held, kind = self.open, order.p.exectype
        side, units = (0, 0.0) if held is None else (held.held.side, held.units)
        own = "entry_order" not in order.info
        if kind in _LEAVING or (own and side == -side_of(order)):
            require_leaving(order, side, units)
            slot, works = _LEAVING.get(kind, ("_exit", EXIT_WAITS))
            return slot, works if getattr(self, slot) is not None else ""
        if own:
            order.addinfo(entry_order=self._own_entry(order), own=True)
        if self._entry is not None:
            return "_entry", WORDS[PENDING]
        return "_entry", WORDS[POSITION] if side else ""

    def _own_entry(self, order: Any) -> EntryOrder:
        """A user's own market order: no ATR is known, so that there is no stop."""
        time = self.opened_at()
        closes = time + self.interval
        return order_for(
            side_of(order), abs(order.size), self.balance, 0.0, time, closes, self.run_rules
        )

    def get_orders_open(self, safe: bool = False) -> list[Any]:
        """The orders that work; copies of them with `safe`."""
        slots = (self._entry, self._stop, self._target, self._exit)
        working = [each for each in slots if each is not None]
        return [order.clone() for order in working] if safe else working

    def amend(self, order: Any, stop: Stop) -> None:
        """Move a working stop order to `stop.level` in place."""
        if not 0.0 < stop.level < math.inf:
            raise UsageError(f"a stop was moved to {stop.level!r}: its level is a price above 0")
        order.created.price = stop.level
        order.addinfo(reason=stop.reason)
        self.watch()

    def cancel(self, order: Any) -> None:
        """Withdraw a working order, if it works. Raises UsageError for MtfStrategy's own exits."""
        for slot in ("_entry", "_stop", "_target", "_exit"):
            working = getattr(self, slot)
            if working is not None and working.ref == order.ref:
                require_unmanaged(working)
                self._withdraw(slot)

    def _withdraw(self, slot: str) -> None:
        order = getattr(self, slot)
        setattr(self, slot, None)
        order.cancel()
        self.notify(order)

    def notify(self, order: Any) -> None:
        """Queue the order's state for the strategy; the coming candle is looked at anyway."""
        if self.patterns is None:
            self.news.append(order.clone())
        self.is_awake, self.below = True, math.inf

    def get_notification(self) -> Any:
        """The oldest queued notification, or None."""
        if self.news:
            return self.news.popleft()
        self.watch()
        return None

    def watch(self) -> None:
        """Work out what wakes `next`: a waiting market order always does."""
        waits = self._entry is not None or self._exit is not None
        # A tick between level and extreme may move the stop as well.
        waits = waits or (self._stop is not None and self.run_rules.path == TICKS)
        leaves = self._stop is not None or self._target is not None
        guarded = self.open is not None and self.run_rules.trade_rules.margin.liquidates
        self.is_awake = waits or leaves or guarded or bool(self.news)
        self.below, self.above = -math.inf, math.inf
        if waits:
            self.below = math.inf
        elif self.open is not None:
            level, target = self.levels()
            ends, self.due = self._watched(level) if guarded else (level, math.inf)
            # Each on its own side of the market, also where a stop has passed the target: a
            # candle without volume may go beyond both and fill neither.
            bounds = (ends, target) if self.open.held.side > 0 else (target, ends)
            self.below, self.above = bounds

    def _watched(self, level: float) -> tuple[float, float]:
        """The price that ends the open trade, or one before it, and until when (ms) that holds:
        while what is paid of funding and borrow comes to a small part of the account (C20)."""
        assert self.open is not None
        now = max(self.open.held.time, self._last_moment()[1])
        if self._foreseen is None or self._foreseen[0] is not self.open or now >= self.due:
            self._foreseen = self.open, *self._foresee(self.open, now)
        _, danger, until = self._foreseen
        return barrier(self.open.held.side, level, danger), until

    def _foresee(self, position: Position, now: int) -> tuple[float, float]:
        """A price before which `position` is not liquidated, and until when (ms)."""
        held, costs = position.held, self.run_rules.trade_rules.costs
        spare = _SPARE * self.backing / position.units
        danger = self.danger(now, self.paid_by(now) + held.side * 2.0 * spare)
        until = self.schedule.exceeds(now, spare, costs.funding)
        if held.side < 0 and costs.borrow_daily > 0.0:
            until = min(until, now + DAY * spare / (held.fill * costs.borrow_daily))
        return danger.price, until

    # Fills

    def next(self) -> None:
        """One closed candle, not one of another feed alone: its open, then the stop in force."""
        if (self._entry is None and self.open is None) or len(self._data) == self._played:
            return
        self._played = len(self._data)
        data = self._data.lines
        time = self.opened_at()
        if self._entry is not None and expired(self._entry.info["entry_order"], time):
            self._drop_entry(GAP)
        if not data.volume[0] > 0.0:
            return
        if self._entry is not None:
            self._fill_entry(data.open[0], self.first_price(time))
        if self.open is not None:
            self.within(time)

    def _fill_entry(self, price: float, time: int) -> None:
        order = self._entry
        rules = self._entry_rules(order)
        self._book_entry(*enter(order.info["entry_order"], price, time, rules, self.tiers))

    def _entry_rules(self, order: Any) -> TradeRules:
        """The rules that an entry fills by."""
        rules = self.run_rules.trade_rules
        return without_stop(rules) if "own" in order.info else rules

    def _book_entry(self, position: Position, stop: Stop) -> None:
        """The entry order has filled as `position`; its initial stop is `stop`."""
        order = self._entry
        if position.units <= 0.0:
            self._drop_entry(SIZE)
            return
        self._entry, self._entered = None, order
        self.open = position
        held = position.held
        self.funding_before = self.schedule.by(held.time)
        self._execute(order, position.units * held.side, held.fill, position.fee, 0.0, held.time)
        self.journal.entered(order.info["entry_order"], position, stop, held.time)
        if "filled" in order.info:
            order.info.filled(position, stop)

    def _close_out(self, price: float, time: int, charge: float) -> None:
        """The exchange's own order, at exactly `price` (C20)."""
        assert self.open is not None
        kind = bt.SellOrder if self.open.held.side > 0 else bt.BuyOrder
        # A session that goes on knows of no order that entered, but has a stop.
        kin = self._entered or self._stop
        order = new_order(kind, kin.owner, kin.data, self.open.units, None, None)
        order.addinfo(reason=LIQUIDATED)
        order.addcomminfo(self.getcommissioninfo(kin.data))
        order.submit(self)
        order.accept(self)
        self._close(order, price, time, charge)

    def _close(self, order: Any, price: float, time: int, charge: float = 0.0) -> None:
        """Leave what is left at exactly `price`, for `charge` of the notional beside the fee."""
        position, reason = self.open, order.info.get("reason", MANUAL)
        assert position is not None
        told = told_of_the_end(order, self._entered, self._stop)
        paid = self._paid_at_exit(time)
        end = leave(position, price, time, self.run_rules.trade_rules, reason, paid, charge)
        end = credited(end, self.backing)
        self.balance += end.pnl
        self.history = after_trade(self.history, position, end.pnl, self.run_rules.trade_rules)
        self.open = None
        slots = (self._stop, self._target, self._exit)
        others = [each for each in slots if each not in (None, order)]
        self._stop = self._target = self._exit = None
        # Neither is a profit of a price: Backtrader's trades take them as a commission.
        paid = end.last.fee + end.last.borrow - end.last.funding - end.shortfall
        gross = end.pnl - position.parts.profit + position.fee + paid
        # Backtrader adds sizes up in floats: what it holds leaves, so that nothing is left.
        self._execute(order, -self._position.size, price, paid, gross, time)
        for other in others:
            other.cancel()
            self.notify(other)
        self.journal.left(position, end, reason, time)
        if told is not None:
            told(position, end)

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
