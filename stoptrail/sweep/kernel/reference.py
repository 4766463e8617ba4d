"""The plain loop over the rule functions: slow, obvious, and what every engine must equal.

It visits each candle, takes each step of docs/fills.md in its order, and skips nothing.
Plain Python runs it as it is; `rules.jit.compiled` makes it quick enough to check a
kernel over years of candles.
"""

from __future__ import annotations

from typing import Any

from stoptrail.rules.candles import Candles, Floats
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
from stoptrail.rules.funding import (
    Funding,
    no_funding,
    sum_by,
    sum_closed,
    sum_held,
)
from stoptrail.rules.jit import rule, uncounted
from stoptrail.rules.paths import TICKS
from stoptrail.rules.protections import (
    guard_day,
    guard_exit,
    guard_start,
)
from stoptrail.rules.sizing import NO_CLOSED_TRADES
from stoptrail.rules.stops import (
    ratchet,
)
from stoptrail.rules.trade import (
    GAP,
    SIZE,
    TradeRules,
    after_trade,
    credited,
    enter,
    leave,
    marked,
    stand,
)
from stoptrail.rules.types import (
    CYCLE_EXIT,
    OPEN,
    Counts,
    DayMarks,
    RunRules,
    Setups,
)
from stoptrail.rules.volatility import known_volatility, needs_volatility, squares_for
from stoptrail.sweep.kernel.log import (
    Log,
    Run,
    empty_log,
    finished,
    write_entry,
    write_exit,
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
    funding: Funding | None = None,
) -> Run:
    """Run one parameter set over all candles.

    `atr` has the shape (n,): the stop's ATR as known at each close. `detail` is of the same
    candles, or `no_detail()`. Trades that are open at the end have exit OPEN and are marked
    at the last close. own_size: the user's sizing function where the kind is rules.sizing.OWN.
    """
    n, sums = len(candles.time), uncounted(no_funding() if funding is None else funding)
    sizing = run_rules.trade_rules.sizing
    squares = squares_for(candles.close, needs_volatility(sizing))
    written = empty_log(len(setups.candle), n, len(detail.time) if run_rules.path == TICKS else 0)
    log, detail = uncounted(written), uncounted(detail)
    # What every candle calls gets numbers only: a compiled call counts a reference to
    # each array among its arguments, which would cost more than the rules themselves.
    time, opens, highs, lows = candles.time, candles.open, candles.high, candles.low
    closes, volume, interval = candles.close, candles.volume, candles.interval
    signals, sides, turns = setups.candle, setups.side, setups.turn
    midnights, before_gap, ignored = marks.time, marks.candle, log.ignored
    books = Books(run_rules.cash, guard_start(run_rules.cash), 0, NO_CLOSED_TRADES)
    order, trade, event, mark = NO_ORDER, NO_TRADE, 0, 1
    for i in range(setups.first, n):
        at, prices, spent = time[i], (opens[i], highs[i], lows[i], closes[i]), sum_held(sums, i)
        bar = Bar(i, at, at + interval, *prices, volume[i], atr[i], atr[i - 1], spent)
        if order.signal != NONE:
            order, trade = open_candle(order, log, bar, detail, sums, run_rules)
        trade, closing = within_candle(trade, log, bar, detail, sums, run_rules)
        if closing.reason != NONE:
            books = close_trade(trade, closing, books, log, bar, detail, sums, run_rules)
            trade = NO_TRADE
        level = trade.stop.level
        trade = manage(trade, bar, turns[i], run_rules)
        if trade.stop.level != level:
            write_level(log.stops, log.rows, i + 1, trade.stop, 0)
        while mark < len(midnights) and midnights[mark] <= bar.closes:
            books = pass_midnight(midnights[mark], books, trade, bar, sums, run_rules.trade_rules)
            mark += 1
        while event < len(signals) and signals[event] == i:
            volatility = known_volatility(squares, i, sizing.window, interval)
            order = hear_signal(
                sides[event], order, trade, books, ignored, bar, volatility, run_rules, own_size
            )
            event += 1
        # Midnights in the missing candles after this one: its close still stands.
        while mark < len(midnights) and before_gap[mark] == i:
            books = pass_midnight(midnights[mark], books, trade, bar, sums, run_rules.trade_rules)
            mark += 1
        if event == len(signals) and order.signal == NONE and not trade.position.units > 0.0:
            break
    if trade.position.units > 0.0:
        stay_open(trade, books, log, candles, sum_closed(sums, n - 1), run_rules.trade_rules)
    return finished(written)


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
    position, stop = enter(order.entry_order, bar.open, time, run_rules.trade_rules)
    if not position.units > 0.0:
        log.ignored[SIZE] += 1
        return NO_ORDER, NO_TRADE
    write_entry(log, order.signal, order.entry_order, bar.place, position, stop)
    if run_rules.exits != CYCLE_EXIT:
        write_level(log.stops, log.rows, bar.place, stop, 0)
    return NO_ORDER, Trade(position, stop, False, sum_by(sums, time))


@rule
def paid_at_exit(closing: Closing, bar: Bar, detail: Detail, sums: Funding) -> float:
    """The running sum of funding that an exit has paid: by the finer candle where there are
    such (C21), else with the rows inside the candle, which was open at its open (C19)."""
    first, last = pieces(detail, bar.place)
    return sum_by(sums, closing.time) if first < last else bar.paid


@rule
def close_trade(
    trade: Trade,
    closing: Closing,
    books: Books,
    log: Log,
    bar: Bar,
    detail: Detail,
    sums: Funding,
    run_rules: RunRules,
) -> Books:
    """The account after a trade that ends on a candle (C10, C12)."""
    trade_rules = run_rules.trade_rules
    paid = unit_paid(trade, paid_at_exit(closing, bar, detail, sums), trade_rules)
    end = leave(trade.position, closing.price, closing.time, trade_rules, paid)
    end = credited(end, books.balance)
    write_exit(log, bar.place, closing.time, closing.reason, trade.position, end)
    balance = books.balance + end.pnl
    guard = guard_exit(books.guard, end.pnl, balance, bar.place, run_rules.protections)
    history = after_trade(books.history, trade.position, end.pnl, run_rules.trade_rules)
    return Books(balance, guard, quiet_after(bar.place, run_rules), history)


@rule
def manage(trade: Trade, bar: Bar, turn: int, run_rules: RunRules) -> Trade:
    """The close of a candle for an open trade: ratchet, or the baseline's turn (C7, C8)."""
    held, trade_rules = trade.position.held, run_rules.trade_rules
    if not trade.position.units > 0.0:
        return trade
    if run_rules.exits == CYCLE_EXIT:
        leaving = trade.leaving or turn == -held.side
        return Trade(trade.position, trade.stop, leaving, trade.before)
    stop = ratchet(
        trade.stop,
        held,
        bar.high,
        bar.low,
        bar.close,
        bar.atr,
        bar.closes,
        trade_rules.stop,
        trade_rules.costs,
        trade_rules.market,
        unit_paid(trade, bar.paid, trade_rules),
    )
    return Trade(trade.position, stop, False, trade.before)


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
    units = sized_units(
        side, equity, bar.close, bar.atr, volatility, books.history, run_rules.trade_rules, own_size
    )
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
        paid = unit_paid(trade, sum_by(sums, time), trade_rules)
        value = marked(value, trade.position, bar.close, time, trade_rules, paid)
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
    """The end of the data for an open trade (C11), with the running sum of funding by then."""
    last = len(candles.time) - 1
    closes = candles.time[last] + candles.interval
    paid = unit_paid(trade, total, trade_rules)
    end = stand(trade.position, books.balance, candles.close[last], closes, trade_rules, paid)
    write_exit(log, OPEN, OPEN, trade.stop.reason, trade.position, end)
