"""The plain loop over the rule functions: slow, obvious, and what every engine must equal.

It visits each candle, takes each step of docs/fills.md in its order, and skips nothing.
Plain Python runs it as it is; `rules.jit.compiled` makes it quick enough to check a
kernel over years of candles.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stoptrail.rules.candles import Candles, Floats
from stoptrail.rules.costs import DAY, fill_price
from stoptrail.rules.decide import (
    NO_OBSTACLE,
    expired,
    obstacle,
    order_for,
    quiet_after,
    sized_units,
)
from stoptrail.rules.detail import Detail, Piece, piece_at, piece_price, pieces
from stoptrail.rules.jit import inner_rule, rule, uncounted
from stoptrail.rules.paths import TICKS, undisturbed, walk_candle, walk_tick
from stoptrail.rules.protections import (
    Guard,
    guard_day,
    guard_exit,
    guard_start,
)
from stoptrail.rules.sizing import NO_CLOSED_TRADES, ClosedTrades
from stoptrail.rules.stops import (
    CYCLE,
    Entry,
    Stop,
    ratchet,
)
from stoptrail.rules.trade import (
    GAP,
    SIZE,
    EntryOrder,
    Position,
    TradeRules,
    after_trade,
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

NONE = -1
"""No candle, no reason."""


class Bar(NamedTuple):
    """One candle, and the ATR of the stop around it."""

    place: int
    """Its index."""
    opens: int
    """Time of its open, ms."""
    closes: int
    """Time of its close, ms."""
    open: float
    high: float
    low: float
    close: float
    volume: float
    atr: float
    """As known at its close."""
    known_atr: float
    """As known at its open."""


class Order(NamedTuple):
    """An entry order."""

    entry_order: EntryOrder
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
    time: int
    """Open time of the candle, or of its piece, in which it ends, ms."""


class Books(NamedTuple):
    """The account."""

    balance: float
    """Cash, as it was before a position was entered."""
    guard: Guard
    quiet_until: int
    """First candle whose signal counts again after an exit."""
    history: ClosedTrades


NO_ORDER = Order(EntryOrder(1, 0.0, 0.0, 0.0, 0, 0), NONE)
NO_TRADE = Trade(Position(Entry(1, 0.0, 0, 0.0), 0.0, 0.0), Stop(0.0, 0.0, 0), False)
NO_CLOSING = Closing(0.0, NONE, NONE)


@rule
def simulate(
    candles: Candles,
    setups: Setups,
    atr: Floats,
    marks: DayMarks,
    run_rules: RunRules,
    detail: Detail,
    own_size: Any = None,
) -> Run:
    """Run one parameter set over all candles.

    `atr` has the shape (n,): the stop's ATR as known at each close. `detail` is of the same
    candles, or `no_detail()`. Trades that are open at the end have exit OPEN and are marked
    at the last close. own_size: the user's sizing function where the kind is rules.sizing.OWN.
    """
    n = len(candles.time)
    sizing = run_rules.trade_rules.sizing
    squares = squares_for(candles.close, needs_volatility(sizing))
    pieces_told = len(detail.time) if run_rules.path == TICKS else 0
    written = empty_log(len(setups.candle), n, pieces_told)
    # References are counted here once, not at each candle.
    log, detail = uncounted(written), uncounted(detail)
    # What every candle calls gets numbers only: a compiled call counts a reference to
    # each array among its arguments, which would cost more than the rules themselves.
    time, opens, highs, lows = candles.time, candles.open, candles.high, candles.low
    closes, volume, interval = candles.close, candles.volume, candles.interval
    signals, sides, turns = setups.candle, setups.side, setups.turn
    midnights, before_gap = marks.time, marks.candle
    ignored = log.ignored
    books = Books(run_rules.cash, guard_start(run_rules.cash), 0, NO_CLOSED_TRADES)
    order, trade = NO_ORDER, NO_TRADE
    event, mark = 0, 1
    for i in range(setups.first, n):
        bar = Bar(
            i,
            time[i],
            time[i] + interval,
            opens[i],
            highs[i],
            lows[i],
            closes[i],
            volume[i],
            atr[i],
            atr[i - 1],
        )
        if order.signal != NONE:
            order, trade = open_candle(order, log, bar, detail, run_rules)
        trade, closing = within_candle(trade, log, bar, detail, run_rules)
        if closing.reason != NONE:
            books = close_trade(trade, closing, books, log, bar, run_rules)
            trade = NO_TRADE
        level = trade.stop.level
        trade = manage(trade, bar, turns[i], run_rules)
        if trade.stop.level != level:
            write_level(log.stops, log.rows, i + 1, trade.stop, 0)
        while mark < len(midnights) and midnights[mark] <= bar.closes:
            books = pass_midnight(midnights[mark], books, trade, bar, run_rules.trade_rules)
            mark += 1
        while event < len(signals) and signals[event] == i:
            volatility = known_volatility(squares, i, sizing.window, interval)
            order = hear_signal(
                sides[event], order, trade, books, ignored, bar, volatility, run_rules, own_size
            )
            event += 1
        # Midnights in the missing candles after this one: its close still stands.
        while mark < len(midnights) and before_gap[mark] == i:
            books = pass_midnight(midnights[mark], books, trade, bar, run_rules.trade_rules)
            mark += 1
        if event == len(signals) and order.signal == NONE and not trade.position.units > 0.0:
            break
    if trade.position.units > 0.0:
        stay_open(trade, books, log, candles, run_rules.trade_rules)
    return finished(written)


@rule
def open_candle(
    order: Order, log: Log, bar: Bar, detail: Detail, run_rules: RunRules
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
    return NO_ORDER, Trade(position, stop, False)


@rule
def leave_candle(trade: Trade, bar: Bar, trade_rules: TradeRules) -> Closing:
    """The open of a candle for a baseline that wants to leave (C15)."""
    if not trade.leaving:
        return NO_CLOSING
    side = trade.position.held.side
    price = fill_price(-side, bar.open, trade_rules.costs, trade_rules.market)
    return Closing(price, CYCLE, bar.opens)


@inner_rule
def within_candle(
    trade: Trade, log: Log, bar: Bar, detail: Detail, run_rules: RunRules
) -> tuple[Trade, Closing]:
    """A candle before its close: the stop in force, or the baseline's leaving. Nothing is
    filled without volume."""
    if not trade.position.units > 0.0 or not bar.volume > 0.0:
        return trade, NO_CLOSING
    if run_rules.exits == CYCLE_EXIT:
        return trade, leave_candle(trade, bar, run_rules.trade_rules)
    first, last = pieces(detail, bar.place)
    if first == last:  # no array goes into a call: see `simulate`
        whole = Piece(bar.opens, bar.open, bar.high, bar.low, bar.close)
        return within_piece(trade, whole, bar.known_atr, run_rules)
    return along_pieces(trade, log, bar, detail, run_rules)


@rule
def along_pieces(
    trade: Trade, log: Log, bar: Bar, detail: Detail, run_rules: RunRules
) -> tuple[Trade, Closing]:
    """The stop in force over a candle (C6, C9) that has pieces, piece by piece (C21)."""
    first, last = pieces(detail, bar.place)
    if run_rules.path != TICKS:
        closing = NO_CLOSING
        for row in range(first, last):
            piece = piece_at(detail, row)
            trade, closing = within_piece(trade, piece, bar.known_atr, run_rules)
            if closing.reason != NONE:
                break
        return trade, closing
    return by_ticks(trade, log, bar, detail, run_rules.trade_rules)


@rule
def within_piece(
    trade: Trade, piece: Piece, atr: float, run_rules: RunRules
) -> tuple[Trade, Closing]:
    """The stop over one piece, of which `atr` is known at the open."""
    walk = walk_candle(
        run_rules.path,
        trade.stop,
        trade.position.held,
        piece.open,
        piece.high,
        piece.low,
        piece.close,
        atr,
        piece.time,
        run_rules.trade_rules,
    )
    trade = Trade(trade.position, walk.stop, False)
    if walk.hit:
        return trade, Closing(walk.price, walk.stop.reason, piece.time)
    return trade, NO_CLOSING


@rule
def by_ticks(
    trade: Trade, log: Log, bar: Bar, detail: Detail, trade_rules: TradeRules
) -> tuple[Trade, Closing]:
    """The prices of a candle's pieces as ticks (C14): each may hit the stop or move it."""
    held, atr = trade.position.held, bar.known_atr
    first, last = pieces(detail, bar.place)
    entered = held.time >= bar.opens
    for row in range(first, last):
        piece = piece_at(detail, row)
        if undisturbed(trade.stop, held, piece.high, piece.low, atr, piece.time, trade_rules):
            continue
        # The tick that entered tests nothing and moves nothing.
        for step in range(1 if entered and row == first else 0, 4):
            price = piece_price(piece, held.side, step)
            walk = walk_tick(trade.stop, held, price, atr, piece.time, trade_rules)
            if walk.hit:
                return trade, Closing(walk.price, walk.stop.reason, piece.time)
            if walk.stop.level != trade.stop.level:
                write_level(log.stops, log.rows, bar.place, walk.stop, piece.time)
            trade = Trade(trade.position, walk.stop, False)
    return trade, NO_CLOSING


@rule
def close_trade(
    trade: Trade, closing: Closing, books: Books, log: Log, bar: Bar, run_rules: RunRules
) -> Books:
    """The account after a trade that ends on a candle (C10, C12)."""
    end = leave(trade.position, closing.price, closing.time, run_rules.trade_rules)
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
        return Trade(trade.position, trade.stop, leaving)
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
    )
    return Trade(trade.position, stop, False)


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
    time: int, books: Books, trade: Trade, bar: Bar, trade_rules: TradeRules
) -> Books:
    """A day mark at `time`, valued at the close of the candle: the guard looks at
    midnights (C16), which the last mark need not be."""
    if time % DAY != 0:
        return books
    value = books.balance
    if trade.position.units > 0.0:
        value = marked(value, trade.position, bar.close, time, trade_rules)
    return Books(books.balance, guard_day(books.guard, value), books.quiet_until, books.history)


@rule
def stay_open(
    trade: Trade, books: Books, log: Log, candles: Candles, trade_rules: TradeRules
) -> None:
    """The end of the data for an open trade (C11)."""
    last = len(candles.time) - 1
    closes = candles.time[last] + candles.interval
    end = stand(trade.position, books.balance, candles.close[last], closes, trade_rules)
    write_exit(log, OPEN, OPEN, trade.stop.reason, trade.position, end)
