"""The plain loop over the rule functions: slow, obvious, and what every engine must equal.

It visits each candle with an order, a position or a signal, takes each step of docs/fills.md in
its order, and skips nothing.
Plain Python runs it as it is; `rules.jit.compiled` makes it quick enough to check a
kernel over years of candles.
"""

from __future__ import annotations

from typing import Any

from stoptrail.rules.candles import Candles, Floats, Times
from stoptrail.rules.costs import DAY
from stoptrail.rules.decide import (
    NO_OBSTACLE,
    expired,
    obstacle,
    order_for,
    quiet_after,
    sized_units,
)
from stoptrail.rules.detail import Detail, pieces
from stoptrail.rules.exits import no_target
from stoptrail.rules.funding import Funding, net_price, no_funding, sum_by, sum_closed, sum_held
from stoptrail.rules.jit import rule, uncounted
from stoptrail.rules.manage import Managed, manage_close, managed_from
from stoptrail.rules.measure import worth
from stoptrail.rules.own_exit import ExitCall
from stoptrail.rules.paths import (
    TICKS,
)
from stoptrail.rules.protections import (
    guard_day,
    guard_exit,
    guard_start,
)
from stoptrail.rules.sizing import NO_CLOSED_TRADES
from stoptrail.rules.stops import (
    CYCLE,
)
from stoptrail.rules.trade import (
    GAP,
    SIZE,
    TradeRules,
    after_trade,
    credited,
    enter,
    left_by,
    stand,
    working_target,
)
from stoptrail.rules.types import (
    CYCLE_EXIT,
    OPEN,
    Counts,
    DayMarks,
    RunRules,
    Setups,
    window_of,
)
from stoptrail.rules.volatility import known_volatility, needs_volatility, squares_for
from stoptrail.rules.window import reaches
from stoptrail.sweep.kernel.log import (
    Log,
    Run,
    empty_log,
    finished,
    write_entry,
    write_exit,
    write_fill,
    write_level,
)
from stoptrail.sweep.kernel.plain_candle import within_candle
from stoptrail.sweep.kernel.plain_state import (
    NO_ORDER,
    NO_TRADE,
    NONE,
    Bar,
    Books,
    Closing,
    Order,
    Trade,
    unit_paid,
)


@rule
def simulate(
    candles: Candles,
    setups: Setups,
    atr: Floats,
    marks: DayMarks,
    run_rules: RunRules,
    detail: Detail,
    own_size: Any = None,
    ask: ExitCall | None = None,
    funding: Funding | None = None,
) -> Run:
    """Run one parameter set over all candles.

    atr: the stop's as known at each close, shape (n,); detail, funding: of the same candles, or
    `no_detail()` and None; own_size: the user's where the kind is rules.sizing.OWN; ask: the
    user's rule where the stop is `ruled`. Open trades have exit OPEN, marked at the last close.
    """
    n, sums = len(candles.time), uncounted(no_funding() if funding is None else funding)
    sizing = run_rules.trade_rules.sizing
    squares = squares_for(candles.close, needs_volatility(sizing))
    kept = empty_log(len(setups.candle), n, len(detail.time) if run_rules.path == TICKS else 0)
    # What every candle calls gets numbers only, or arrays uncounted: a compiled call counts a
    # reference to each array among its arguments, which would cost more than the rules.
    log, detail = uncounted(kept), uncounted(detail)
    time, opens, highs, lows = candles.time, candles.open, candles.high, candles.low
    closes, volume, interval = candles.close, candles.volume, candles.interval
    signals, sides, turns = uncounted(setups.candle), setups.side, setups.turn
    midnights, before_gap, ignored = marks.time, marks.candle, log.ignored
    highest, lowest = reaches(candles, window_of(run_rules))
    books = Books(run_rules.cash, guard_start(run_rules.cash), 0, NO_CLOSED_TRADES)
    order, trade, event, mark = NO_ORDER, NO_TRADE, 0, 1
    i = following(setups.first - 1, order, trade, signals, event, n)
    while i < n:
        at, prices, known = time[i], (opens[i], highs[i], lows[i], closes[i]), (atr[i], atr[i - 1])
        reach = highest[i], lowest[i]
        bar = Bar(i, at, at + interval, *prices, volume[i], *known, *reach, sum_held(sums, i))
        if order.signal != NONE:
            order, trade = open_candle(order, log, bar, detail, sums, run_rules)
        trade, closed = within_candle(trade, log, bar, detail, sums, books.balance, run_rules)
        if closed.reason != NONE:
            books = close_trade(trade, closed, books, log, bar, run_rules)
            trade = NO_TRADE
        trade = manage(trade, log, bar, turns[i], run_rules, ask)
        while mark < len(midnights) and midnights[mark] <= bar.closes:
            books = pass_midnight(midnights[mark], books, trade, bar, sums, run_rules.trade_rules)
            mark += 1
        while event < len(signals) and signals[event] == i:
            volatility = known_volatility(squares, i, sizing.window, interval)
            heard = order, trade, books, ignored, bar, volatility, run_rules, own_size
            order = hear_signal(sides[event], *heard)
            event += 1
        # Midnights in the missing candles after this one: its close still stands.
        while mark < len(midnights) and before_gap[mark] == i:
            books = pass_midnight(midnights[mark], books, trade, bar, sums, run_rules.trade_rules)
            mark += 1
        i = following(i, order, trade, signals, event, n)
    stay_open(trade, books, log, candles, sum_closed(sums, n - 1), run_rules.trade_rules)
    return finished(kept)


@rule
def following(i: int, order: Order, trade: Trade, signals: Times, event: int, n: int) -> int:
    """The candle to look at after candle i, n where there is none: without an order and a
    position that of the next signal, as the midnights up to it find the same account."""
    if order.signal != NONE or trade.position.units > 0.0:
        return i + 1
    return signals[event] if event < len(signals) else n


@rule
def open_candle(
    order: Order, log: Log, bar: Bar, detail: Detail, sums: Funding, run_rules: RunRules
) -> tuple[Order, Trade]:
    """The open of a candle for a pending order: cancelled, filled, or waiting on (C2, C4)."""
    if expired(order.entry_order, bar.opens):
        log.ignored[GAP] += 1
        return NO_ORDER, NO_TRADE
    if not bar.volume > 0.0:
        return order, NO_TRADE
    time = bar.opens
    first, last = pieces(detail, bar.place)
    if run_rules.path == TICKS and first < last:
        time = detail.time[first]  # of the first tick
    position, stop = enter(order.entry_order, bar.open, time, run_rules.trade_rules, sums.tiers)
    if not position.units > 0.0:
        log.ignored[SIZE] += 1
        return NO_ORDER, NO_TRADE
    write_entry(log, order.signal, order.entry_order, bar.place, position, stop)
    managed, before = managed_from(position.held, stop), sum_by(sums, time)
    if run_rules.exits == CYCLE_EXIT:
        return NO_ORDER, Trade(position, managed, no_target(position.held.side), before)
    write_level(log.stops, log.rows, bar.place, stop, 0, 0.0)
    target = working_target(position, run_rules.trade_rules)
    return NO_ORDER, Trade(position, managed, target, before)


@rule
def close_trade(
    trade: Trade, closed: Closing, books: Books, log: Log, bar: Bar, run_rules: RunRules
) -> Books:
    """The account after a trade that ends on a candle (C10, C12)."""
    end, time = credited(left_by(trade.position, closed.last), books.balance), closed.time
    write_fill(log.fills, log.rows, bar.place, time, closed.last, closed.reason)
    write_exit(log, bar.place, time, closed.reason, trade.position, end)
    balance = books.balance + end.pnl
    guard = guard_exit(books.guard, end.pnl, balance, bar.place, run_rules.protections)
    history = after_trade(books.history, trade.position, end.pnl, run_rules.trade_rules)
    return Books(balance, guard, quiet_after(bar.place, run_rules), history)


@rule
def manage(
    trade: Trade, log: Log, bar: Bar, turn: int, run_rules: RunRules, ask: ExitCall | None
) -> Trade:
    """The close of a candle for an open trade: ratchet, a reason to leave, or the baseline's
    turn (C7, C8, C18). A level that moves holds from the next candle on."""
    position, managed, target, before = trade
    if not position.units > 0.0:
        return trade
    if run_rules.exits == CYCLE_EXIT:
        leaving = CYCLE if turn == -position.held.side else managed.leaving
        return Trade(position, Managed(managed.stop, leaving, managed.seen), target, before)
    level = managed.stop.level
    managed = manage_close(
        managed,
        position,
        bar.opens,
        bar.open,
        bar.high,
        bar.low,
        bar.close,
        bar.volume,
        bar.atr,
        bar.highest if position.held.side > 0 else bar.lowest,
        bar.closes,
        run_rules.trade_rules,
        ask,
        unit_paid(trade, bar.paid, run_rules.trade_rules),
    )
    if managed.stop.level != level:
        write_level(log.stops, log.rows, bar.place + 1, managed.stop, 0, 0.0)
    return Trade(position, managed, target, before)


@rule
def hear_signal(
    side: int,
    order: Order,
    trade: Trade,
    books: Books,
    ignored: Counts,
    bar: Bar,
    volatility: float,
    run_rules: RunRules,
    own_size: Any,
) -> Order:
    """The order after a signal at the close of a candle: a new one, or the signal is
    counted as ignored (C3, C4, C10, C16)."""
    against = obstacle(
        trade.position.units > 0.0,
        order.signal != NONE,
        bar.place,
        books.quiet_until,
        books.guard,
        books.balance,
        run_rules,
    )
    if against != NO_OBSTACLE:
        ignored[against] += 1
        return order
    equity = books.balance
    known = side, equity, bar.close, bar.atr, volatility, books.history
    units = sized_units(*known, run_rules.trade_rules, own_size, bar.opens)
    if not units > 0.0:
        ignored[SIZE] += 1
        return NO_ORDER
    wanted = order_for(side, units, equity, bar.atr, bar.opens, bar.closes, run_rules)
    return Order(wanted, bar.place)


@rule
def pass_midnight(
    time: int, books: Books, trade: Trade, bar: Bar, sums: Funding, trade_rules: TradeRules
) -> Books:
    """A day mark at `time`, valued at the close of the candle, with the funding of that moment:
    the guard looks at midnights (C16), which the last mark need not be."""
    if time % DAY != 0:
        return books
    value = books.balance
    if trade.position.units > 0.0:
        total, scale = sum_by(sums, time), trade_rules.costs.funding
        net = net_price(bar.close, total, trade.before, scale)
        value = worth(value, trade.position, net, time, trade_rules)
    return Books(books.balance, guard_day(books.guard, value), books.quiet_until, books.history)


@rule
def stay_open(
    trade: Trade,
    books: Books,
    log: Log,
    candles: Candles,
    total: float,
    trade_rules: TradeRules,
) -> None:
    """The end of the data for an open trade, if there is one (C11), with the running sum of
    funding by then."""
    if not trade.position.units > 0.0:
        return
    last = len(candles.time) - 1
    closes = candles.time[last] + candles.interval
    paid = unit_paid(trade, total, trade_rules)
    end = stand(trade.position, books.balance, candles.close[last], closes, trade_rules, paid)
    end = credited(end, books.balance)
    write_exit(log, OPEN, OPEN, trade.managed.stop.reason, trade.position, end)
