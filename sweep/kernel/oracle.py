"""The plain loop over the rule functions: slow, obvious, and what every engine must equal.

It visits each candle, takes each step of docs/fills.md in its order, and skips nothing.
Plain Python runs it as it is; `rules.jit.compiled` makes it quick enough to check a
kernel over years of candles.
"""

from __future__ import annotations

from typing import NamedTuple

from rules.account import (
    CYCLE_EXIT,
    OPEN,
    Conduct,
    DayMarks,
    Setups,
)
from rules.candles import Candles, Floats
from rules.costs import DAY, fill_price
from rules.jit import rule
from rules.paths import walk_candle
from rules.protections import Guard, entries_stopped, guard_day, guard_exit, guard_start
from rules.sizing import wanted_units
from rules.stops import CYCLE, Held, Stop, ratchet
from rules.trade import (
    COOLDOWN,
    GAP,
    PENDING,
    POSITION,
    PROTECTION,
    SIZE,
    Position,
    Terms,
    Ticket,
    enter,
    leave,
    marked,
    stand,
)
from sweep.kernel.log import Log, Run, empty_log, finished, write_entry, write_exit, write_level

NONE = -1
"""No candle, no reason."""


class Order(NamedTuple):
    """An entry order."""

    ticket: Ticket
    signal: int
    """Candle of its signal; NONE where no order is pending."""


class Trade(NamedTuple):
    """A position with its stop; units are 0 where there is none."""

    position: Position
    stop: Stop
    leaving: bool
    """Whether the baseline leaves at the next open."""


class Closing(NamedTuple):
    """How a trade ends on a candle; reason NONE where it does not."""

    price: float
    reason: int


class Books(NamedTuple):
    """The account."""

    balance: float
    """Cash, as it was before a position was entered."""
    guard: Guard
    quiet_until: int
    """First candle whose signal counts again after an exit."""


NO_ORDER = Order(Ticket(1, 0.0, 0.0, 0.0, 0, 0), NONE)
NO_TRADE = Trade(Position(Held(1, 0.0, 0, 0.0), 0.0, 0.0), Stop(0.0, 0.0, 0), False)
NO_CLOSING = Closing(0.0, NONE)


@rule
def simulate(
    candles: Candles, setups: Setups, atr: Floats, marks: DayMarks, conduct: Conduct
) -> Run:
    """Run one parameter set over all candles.

    `atr` has the shape (n,): the stop's ATR as known at each close. Trades that are open
    at the end have exit OPEN and are marked at the last close.
    """
    n = len(candles.time)
    log = empty_log(len(setups.candle), n)
    books = Books(conduct.cash, guard_start(conduct.cash), 0)
    order, trade = NO_ORDER, NO_TRADE
    event, mark = 0, 1
    for i in range(setups.first, n):
        if order.signal != NONE:
            order, trade = open_candle(order, log, candles, i, conduct)
        closing = leave_candle(trade, candles, i, conduct.terms)
        if trade.position.units > 0.0 and conduct.exits != CYCLE_EXIT:
            trade, closing = within_candle(trade, candles, atr, i, conduct)
        if closing.reason != NONE:
            books = close_trade(trade, closing, books, log, candles, i, conduct)
            trade = NO_TRADE
        if trade.position.units > 0.0:
            trade = manage(trade, log, candles, setups, atr, i, conduct)
        mark, books = pass_midnights(mark, marks, books, trade, candles, i, conduct.terms)
        while event < len(setups.candle) and setups.candle[event] == i:
            side = setups.side[event]
            order = hear_signal(side, order, trade, books, log, candles, atr, i, conduct)
            event += 1
        mark, books = pass_gap(mark, marks, books, trade, candles, i, conduct.terms)
    if trade.position.units > 0.0:
        stay_open(trade, books, log, candles, conduct.terms)
    return finished(log)


@rule
def open_candle(
    order: Order, log: Log, candles: Candles, i: int, conduct: Conduct
) -> tuple[Order, Trade]:
    """The open of candle i for a pending order: cancelled, filled, or waiting on (C2, C4)."""
    time = candles.time[i]
    if time > order.ticket.latest:
        log.ignored[GAP] += 1
        return NO_ORDER, NO_TRADE
    if not candles.volume[i] > 0.0:
        return order, NO_TRADE
    position, stop = enter(order.ticket, candles.open[i], time, conduct.terms)
    if not position.units > 0.0:
        log.ignored[SIZE] += 1
        return NO_ORDER, NO_TRADE
    write_entry(log, order.signal, order.ticket, i, position, stop)
    if conduct.exits != CYCLE_EXIT:
        write_level(log, i, stop)
    return NO_ORDER, Trade(position, stop, False)


@rule
def leave_candle(trade: Trade, candles: Candles, i: int, terms: Terms) -> Closing:
    """The open of candle i for a baseline that wants to leave (C15)."""
    if not trade.leaving or not candles.volume[i] > 0.0:
        return NO_CLOSING
    side = trade.position.held.side
    return Closing(fill_price(-side, candles.open[i], terms.costs, terms.market), CYCLE)


@rule
def within_candle(
    trade: Trade, candles: Candles, atr: Floats, i: int, conduct: Conduct
) -> tuple[Trade, Closing]:
    """The stop in force during candle i (C6, C9); a candle without volume fills nothing."""
    if not candles.volume[i] > 0.0:
        return trade, NO_CLOSING
    walk = walk_candle(
        conduct.path,
        trade.stop,
        trade.position.held,
        candles.open[i],
        candles.high[i],
        candles.low[i],
        candles.close[i],
        atr[i - 1],
        candles.time[i],
        conduct.terms,
    )
    trade = Trade(trade.position, walk.stop, False)
    if walk.hit:
        return trade, Closing(walk.price, walk.stop.reason)
    return trade, NO_CLOSING


@rule
def close_trade(
    trade: Trade,
    closing: Closing,
    books: Books,
    log: Log,
    candles: Candles,
    i: int,
    conduct: Conduct,
) -> Books:
    """The account after a trade that ends on candle i (C10, C12)."""
    end = leave(trade.position, closing.price, candles.time[i], conduct.terms)
    write_exit(log, i, closing.reason, trade.position, end)
    balance = books.balance + end.pnl
    guard = guard_exit(books.guard, end.pnl, balance, i, conduct.protections)
    return Books(balance, guard, i + conduct.cooldown)


@rule
def manage(
    trade: Trade,
    log: Log,
    candles: Candles,
    setups: Setups,
    atr: Floats,
    i: int,
    conduct: Conduct,
) -> Trade:
    """The close of candle i for an open trade: ratchet, or the baseline's turn (C7, C8)."""
    held, terms = trade.position.held, conduct.terms
    if conduct.exits == CYCLE_EXIT:
        leaving = trade.leaving or setups.turn[i] == -held.side
        return Trade(trade.position, trade.stop, leaving)
    stop = ratchet(
        trade.stop,
        held,
        candles.high[i],
        candles.low[i],
        candles.close[i],
        atr[i],
        candles.time[i] + candles.interval,
        terms.stop,
        terms.costs,
        terms.market,
    )
    if stop.level != trade.stop.level:
        write_level(log, i + 1, stop)
    return Trade(trade.position, stop, False)


@rule
def hear_signal(
    side: int,
    order: Order,
    trade: Trade,
    books: Books,
    log: Log,
    candles: Candles,
    atr: Floats,
    i: int,
    conduct: Conduct,
) -> Order:
    """The order after a signal at the close of candle i: a new one, or the signal is
    counted as ignored (C3, C4, C10, C16)."""
    if trade.position.units > 0.0:
        log.ignored[POSITION] += 1
    elif order.signal != NONE:
        log.ignored[PENDING] += 1
    elif i < books.quiet_until:
        log.ignored[COOLDOWN] += 1
    elif entries_stopped(books.guard, books.balance, i, conduct.protections):
        log.ignored[PROTECTION] += 1
    else:
        return _order(side, books.balance, log, candles, atr, i, conduct)
    return order


@rule
def _order(
    side: int,
    balance: float,
    log: Log,
    candles: Candles,
    atr: Floats,
    i: int,
    conduct: Conduct,
) -> Order:
    distance = conduct.terms.stop.multiplier * atr[i]
    units = wanted_units(balance, distance, candles.close[i], conduct.terms.sizing)
    if not units > 0.0:
        log.ignored[SIZE] += 1
        return NO_ORDER
    latest = candles.time[i] + candles.interval + conduct.delay
    return Order(Ticket(side, units, balance, atr[i], candles.time[i], latest), i)


@rule
def pass_midnights(
    mark: int,
    marks: DayMarks,
    books: Books,
    trade: Trade,
    candles: Candles,
    i: int,
    terms: Terms,
) -> tuple[int, Books]:
    """The day marks up to the close of candle i: the guard looks at midnights (C16)."""
    closes = candles.time[i] + candles.interval
    guard = books.guard
    while mark < len(marks.time) and marks.time[mark] <= closes:
        if marks.time[mark] % DAY == 0:
            value = _value(books.balance, trade.position, candles, i, closes, terms)
            guard = guard_day(guard, value)
        mark += 1
    return mark, Books(books.balance, guard, books.quiet_until)


@rule
def pass_gap(
    mark: int,
    marks: DayMarks,
    books: Books,
    trade: Trade,
    candles: Candles,
    i: int,
    terms: Terms,
) -> tuple[int, Books]:
    """Midnights in the missing candles after candle i: its close still stands."""
    guard = books.guard
    while mark < len(marks.time) and marks.candle[mark] == i:
        value = _value(books.balance, trade.position, candles, i, marks.time[mark], terms)
        guard = guard_day(guard, value)
        mark += 1
    return mark, Books(books.balance, guard, books.quiet_until)


@rule
def stay_open(trade: Trade, books: Books, log: Log, candles: Candles, terms: Terms) -> None:
    """The end of the data for an open trade (C11)."""
    last = len(candles.time) - 1
    closes = candles.time[last] + candles.interval
    end = stand(trade.position, books.balance, candles.close[last], closes, terms)
    write_exit(log, OPEN, trade.stop.reason, trade.position, end)


@rule
def _value(
    balance: float, position: Position, candles: Candles, i: int, time: int, terms: Terms
) -> float:
    """Equity at `time`, with the position at the close of candle i."""
    if position.units > 0.0:
        return marked(balance, position, candles.close[i], time, terms)
    return balance
