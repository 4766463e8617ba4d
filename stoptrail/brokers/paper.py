"""The broker of a paper session: the backtest's broker, and ticks (C14).

On candles it is `CandleBroker`, with funding as it is published. With `ticks`, entries and stops
are filled by ticks, every tick may move the stop, and a closed candle then settles what ticks
were missed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from stoptrail.adapter.backtrader import bt
from stoptrail.brokers.funded import FundedBroker, FundingJournal
from stoptrail.core.time import date_number
from stoptrail.rules.costs import fill_price, quoted_price
from stoptrail.rules.decide import expired
from stoptrail.rules.manage import STAYS
from stoptrail.rules.margin import Mark
from stoptrail.rules.paths import NOTHING
from stoptrail.rules.quotes import market_price
from stoptrail.rules.stops import (
    MANUAL,
    MANUAL_PRICE,
    Stop,
    held_throughout,
)
from stoptrail.rules.trade import (
    GAP,
    EntryOrder,
    Position,
    book_entry,
)
from stoptrail.rules.types import Checkpoint


class PriceTick(Protocol):
    """A trade with the best quote known at that moment."""

    @property
    def time(self) -> int:
        """Event time, ms."""

    @property
    def price(self) -> float:
        """Of the trade."""

    @property
    def bid(self) -> float:
        """NaN where no quote is known."""

    @property
    def ask(self) -> float:
        """NaN where no quote is known."""

    @property
    def ahead(self) -> bool:
        """Whether an earlier candle has not been seen yet: good for a stop's test only."""


class PaperJournal(FundingJournal, Protocol):
    """A journal that hears of orders too, which a session has to remember."""

    def ordered(self, entry_order: EntryOrder) -> None:
        """An entry order was sent."""


class PaperBroker(FundedBroker):
    """`CandleBroker` with ticks. Parameters: those of `FundedBroker`, and

    ticks: whether ticks fill and move (tick mode);
    gate: function of a candle's open time that gives the code of what cancels an entry
    order which would fill in that candle, or None; tick_gate: whether it may fill at a tick
    now; turn: called whenever Cerebro turns, with or without a candle.
    """

    params: ClassVar[Any] = (
        ("ticks", True),
        ("gate", None),
        ("tick_gate", None),
        ("turn", None),
    )

    own_managers = False

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self.journal: PaperJournal = self.p.journal
        self._gate: Callable[[int], int | None] | None = self.p.gate
        self._tick_gate: Callable[[], bool] = self.p.tick_gate or (lambda: True)
        self._turn: Callable[[bool], None] | None = self.p.turn
        self._closed = 0
        self._in_tick = False
        self._by_hand = False
        """Whether a person leaves now."""
        self._ends = 0
        """Close time of the last candle, ms."""
        self._missing = 0
        """Candles before that of the tick at hand which have not been seen."""
        self._marked: tuple[int, Mark] | None = None
        """Open time of the newest candle whose mark prices are known, and those."""

    @property
    def index(self) -> int:
        """Number of the candle at hand; in a tick, of the one under way, behind those that are
        missing where it comes ahead of them."""
        return self.past + (self._closed + self._missing if self._in_tick else self._closed - 1)

    def know_mark(self, opens: int, mark: Mark) -> None:
        """The candle that opened at `opens` (ms) and comes next has these mark prices (C20)."""
        self._marked = opens, mark

    def mark_at_hand(self, own: Mark) -> Mark:
        """Those that came with the candle, else as in a backtest."""
        if self._marked is None or self._marked[0] != self.opened_at():
            return super().mark_at_hand(own)
        return self._marked[1]

    @property
    def leaving(self) -> bool:
        """Whether an order to leave at market waits for its fill."""
        return self._exit is not None

    @property
    def leaving_for(self) -> int:
        """Why it waits, a code of rules.stops.REASONS; STAYS where there is none."""
        return STAYS if self._exit is None else int(self._exit.info.get("reason", MANUAL))

    def carry(self, checkpoint: Checkpoint) -> None:
        """Take over the account and the open trade; its stop order comes from the strategy."""
        self.balance, self.opening = checkpoint.balance, checkpoint.opening
        self.history = checkpoint.history
        self.fund_former()
        position = self.open = checkpoint.position
        if position is not None:
            held = position.held
            self._position = bt.Position()
            size = position.units * held.side
            self.funding_before = self.schedule.by(held.time)
            self._position.update(size, held.fill, date_number(held.time))

    def leave_at_market(self, owner: Any) -> bool:
        """Send an order to leave; whether there was a position that none leaves yet."""
        position = self.open
        if position is None or self.leaving:
            return False
        self._send_exit(owner, position, MANUAL)
        self.journal.leaving(position, MANUAL)
        return True

    def leave_at(self, owner: Any, price: float, time: int) -> float | None:
        """Leave at `time` (ms) at a price that a person names, put on the tick against the
        position; the fill, None where there is no position. An order to leave that waits is
        replaced: where nothing is traded it would wait for ever."""
        position = self.open
        if position is None:
            return None
        if self._exit is not None:
            self._withdraw("_exit")
        self._send_exit(owner, position, MANUAL_PRICE)
        self.journal.leaving(position, MANUAL_PRICE, price)
        fill = quoted_price(-position.held.side, price, self.run_rules.trade_rules.market)
        self._by_hand = True
        self._close(self._exit, fill, max(time, position.held.time))
        self._by_hand = False
        return fill

    def _send_exit(self, owner: Any, position: Position, reason: int) -> None:
        place = self.sell if position.held.side > 0 else self.buy
        self._date_at_hand(position.held.time)
        place(owner, self._data, position.units, reason=reason, filled=owner.manager.left)

    def _submit(self, *what: Any, **options: Any) -> Any:
        order = super()._submit(*what, **options)
        if order is self._entry:
            self.journal.ordered(order.info.entry_order)
        return order

    # Ticks

    def monitor_positions(self, tick: PriceTick) -> bool:
        """Fill, test and ratchet by one tick; whether it changed anything.

        On candles alone ticks change nothing. A tick that comes `ahead` of a missing
        candle only tests the stop.
        """
        if not self.p.ticks or (self.open is None and self._entry is None):
            return False
        before = self._seen()
        self._in_tick = True
        late = (tick.time - self._ends) // self._data.interval
        self._missing = max(0, late) if tick.ahead else 0
        booked = not tick.ahead and self.fund_within(tick.time)
        self._date_at_hand(tick.time)
        try:
            self._by_tick(tick)
        finally:
            self._in_tick = False
        return booked or self._seen() != before

    def _date_at_hand(self, time: int) -> None:
        """Backtrader dates orders by the candle at hand, which is empty between candles."""
        dates = self._data.datetime
        if dates[0] != dates[0]:
            dates[0] = date_number(time)

    def _seen(self) -> tuple[Any, ...]:
        """What a tick may change."""
        return self.open, self._entry, self._stop and self._stop.owner.manager.stop

    def _by_tick(self, tick: PriceTick) -> None:
        if self._entry is not None:
            if not tick.ahead and self._tick_gate():
                self._enter_at(tick)
            return
        # Ahead of a missing candle a tick tests the stop only: its target may not be the last.
        if tick.ahead:
            event = self.met(tick.price, tick.price, tick.time)
            if event != NOTHING:
                self.stop_out(event, tick.price, tick.price, tick.time)
        else:
            self.reached_at(tick.price, tick.time)
        if self.open is None:
            return
        if self._exit is not None:
            quote = tick.bid if self._side() > 0 else tick.ask
            self._close(self._exit, self._market_price(-self._side(), tick, quote), tick.time)
        elif not tick.ahead:
            self._ratchet(tick)

    def _enter_at(self, tick: PriceTick) -> None:
        """At the quote; at the last price with slippage where there is none."""
        entry_order, trade_rules = self._entry.info.entry_order, self._entry_rules(self._entry)
        if expired(entry_order, tick.time - tick.time % self._data.interval):
            self._drop_entry(GAP)
            return
        quote = tick.ask if entry_order.side > 0 else tick.bid
        fill = self._market_price(entry_order.side, tick, quote)
        self._book_entry(*book_entry(entry_order, fill, tick.time, trade_rules, self.tiers))

    def _market_price(self, direction: int, tick: PriceTick, quote: float) -> float:
        terms = self.run_rules.trade_rules
        return market_price(direction, tick.price, quote, terms.costs, terms.market)

    def _ratchet(self, tick: PriceTick) -> None:
        before = Stop(self._stop.created.price, tick.price, self._stop.info.reason)
        self._stop.info.ratchet(tick.price, tick.time)
        if self.opening is None and self._stop.created.price != before.level:
            self.opening = before

    def take(self, time: int) -> None:
        """See WithinCandle."""
        self.journal.closing(self._paid_until(time))
        super().take(time)

    def _close(self, order: Any, price: float, time: int, charge: float = 0.0) -> None:
        self.opening = None
        self.journal.closing(self._paid_until(time))
        super()._close(order, price, time, charge)

    def _paid_at_exit(self, time: int) -> float:
        return self.paid_before(self._paid_until(time))

    def _paid_until(self, time: int) -> int:
        """The moment before which rows belong to units that close at `time`, in ms: a tick and a
        person have a moment, of what a candle fills it alone is known (C19)."""
        if self._in_tick or self._by_hand:
            return time + 1
        return time - time % self.interval + self.interval

    # Candles

    def next(self) -> None:
        """Called at every turn of Cerebro; acts where a candle has closed."""
        closed = len(self._data)
        if self._turn is not None:
            self._turn(closed > self._closed)
        if closed == self._closed:
            return
        self._closed = closed
        self._played = 0  # an order between two candles was sent where the second has its place
        self._ends = self.opened_at() + self.interval
        self.fund()
        if self._entry is not None and self._gate is not None:
            reason = self._gate(self.opened_at())
            if reason is not None:
                self._drop_entry(reason)
        if self.p.ticks and self.open is not None:
            self._settle()
        else:
            super().next()
        self.opening = None

    def _settle(self) -> None:
        """A closed candle after its ticks: what they would have done, had all been seen.

        The stop with which the candle began is tested on the whole candle, then the
        working one on the close, which is the candle's last trade (C9, C14). Between the
        two a missed price leaves no trace in a candle. Of a candle in which a tick entered
        later than at its open only the close is known to lie after the fill.
        """
        data, time = self._data, self.opened_at()
        if not data.volume[0] > 0.0:
            return
        assert self.open is not None
        held = self.open.held
        level = self._stop.created.price if self.opening is None else self.opening.level
        whole = held_throughout(held, time)
        event = self.met(data.high[0], data.low[0], time, level) if whole else NOTHING
        if event != NOTHING:
            # The open of a candle in which a tick entered was before the trade.
            entered_here = held.time >= time
            if self.opening is not None:
                self._stop.addinfo(reason=self.opening.reason)
            last = data.low[0] if held.side > 0 else data.high[0]
            self.stop_out(event, level if entered_here else data.open[0], last, time, level)
            return
        # A target that the ticks left lay beyond them, or beyond what was seen of them.
        close = data.close[0]
        high, low = (data.high[0], data.low[0]) if whole else (close, close)
        while self.passed(high, low):
            self.take(time if whole else time + data.interval - 1)
        if self.open is None:
            return
        event = self.met(close, close, time + data.interval - 1)
        if event != NOTHING:
            self.stop_out(event, close, close, time + data.interval - 1)
        elif self._exit is not None:
            trade_rules = self.run_rules.trade_rules
            price = fill_price(-self._side(), data.close[0], trade_rules.costs, trade_rules.market)
            self._close(self._exit, price, time + data.interval - 1)

    def _side(self) -> int:
        assert self.open is not None
        return self.open.held.side
