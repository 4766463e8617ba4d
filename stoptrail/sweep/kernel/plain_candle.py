"""The plain loop within a candle: what fills of an open trade before its close."""

from __future__ import annotations

from stoptrail.rules.detail import (
    Detail,
    Piece,
    piece_at,
    piece_mark,
    piece_price,
    pieces,
    worst_piece,
)
from stoptrail.rules.funding import Funding, sum_by
from stoptrail.rules.jit import inner_rule, rule
from stoptrail.rules.manage import STAYS
from stoptrail.rules.margin import Danger, Mark, mark_of
from stoptrail.rules.paths import (
    TICKS,
    undisturbed,
    walk_candle,
    walk_tick,
)
from stoptrail.rules.stops import TARGET
from stoptrail.rules.trade import TradeRules, without_part, working_target
from stoptrail.rules.types import CYCLE_EXIT, RunRules
from stoptrail.sweep.kernel.log import Log, write_fill, write_level
from stoptrail.sweep.kernel.plain_baseline import leave_candle
from stoptrail.sweep.kernel.plain_state import (
    NO_CLOSING,
    NONE,
    Bar,
    Closing,
    Trade,
    endangered,
    filled_by,
    unit_paid,
)


@inner_rule
def within_candle(
    trade: Trade,
    log: Log,
    bar: Bar,
    detail: Detail,
    sums: Funding,
    balance: float,
    run_rules: RunRules,
) -> tuple[Trade, Closing]:
    """A candle before its close: the stop in force, targets and an order to leave, or the
    baseline's leaving. Nothing is filled without volume. balance: cash before the entry."""
    if not trade.position.units > 0.0 or not bar.volume > 0.0:
        return trade, NO_CLOSING
    if run_rules.exits == CYCLE_EXIT:
        return trade, leave_candle(trade, bar, detail, sums, balance, run_rules)
    return along_pieces(trade, log, bar, detail, sums, balance, run_rules)


@inner_rule
def along_pieces(
    trade: Trade,
    log: Log,
    bar: Bar,
    detail: Detail,
    sums: Funding,
    balance: float,
    run_rules: RunRules,
) -> tuple[Trade, Closing]:
    """What fills over a candle (C6, C9, C18), piece by piece where it has pieces (C21). What
    fills has paid the funding of its piece's open, and of a whole candle all within it (C19)."""
    ends = bar.open, bar.high, bar.low, bar.close
    first, last = pieces(detail, bar.place)
    if first == last:
        known, whole = sum_by(sums, bar.opens), Piece(bar.opens, *ends)
        mark = mark_of(sums.marks, bar.place, Mark(*ends))
        return within_piece(trade, log, bar, whole, mark, known, bar.paid, sums, balance, run_rules)
    if run_rules.path != TICKS:
        closed, worst = NO_CLOSING, worst_piece(detail, bar.place, side_of(trade), sums.marks)
        for row in range(first, last):
            piece = piece_at(detail, row)
            mark = piece_mark(detail, row, bar.place, worst, sums.marks)
            total = sum_by(sums, piece.time)
            trade, closed = within_piece(
                trade, log, bar, piece, mark, total, total, sums, balance, run_rules
            )
            if closed.reason != NONE:
                break
        return trade, closed
    return by_ticks(trade, log, bar, detail, sums, balance, run_rules.trade_rules)


@inner_rule
def side_of(trade: Trade) -> int:
    """1 for a long, -1 for a short."""
    return trade.position.held.side


@inner_rule
def within_piece(
    trade: Trade,
    log: Log,
    bar: Bar,
    piece: Piece,
    mark: Mark,
    known: float,
    spent: float,
    sums: Funding,
    balance: float,
    run_rules: RunRules,
) -> tuple[Trade, Closing]:
    """What fills over one piece, one after the other; known: the running sum of funding at its
    open; spent: that of what fills in it; balance: cash before the entry."""
    atr, rules, time = bar.known_atr, run_rules.trade_rules, piece.time
    danger = endangered(trade, balance, time, spent, sums, rules)
    trade, closed, step = first_fill(trade, 0, piece, mark, atr, known, spent, danger, run_rules)
    while is_part(trade, closed):
        trade = take_part(trade, closed, log, bar, rules)
        danger = endangered(trade, balance, time, spent, sums, rules)
        on = step, piece, mark, atr, known, spent, danger, run_rules
        trade, closed, step = first_fill(trade, *on)
    return trade, closed


@inner_rule
def is_part(trade: Trade, closed: Closing) -> bool:
    """Whether a target took a part, and not the whole trade."""
    return closed.reason == TARGET and closed.last.units < trade.position.units


@rule
def first_fill(
    trade: Trade,
    step: int,
    piece: Piece,
    mark: Mark,
    atr: float,
    known: float,
    spent: float,
    danger: Danger,
    run_rules: RunRules,
) -> tuple[Trade, Closing, int]:
    """What fills first over one piece, of which `atr` is known at the open; step: 0, or what
    was returned with a part, from where it goes on; known, spent: see `within_piece`."""
    position, managed, target, _ = trade
    walk = walk_candle(
        run_rules.path,
        managed.stop,
        target.level,
        managed.leaving != STAYS,
        step,
        position.held,
        piece.open,
        piece.high,
        piece.low,
        piece.close,
        atr,
        piece.time,
        run_rules.trade_rules,
        unit_paid(trade, known, run_rules.trade_rules),
        danger.price,
        mark,
    )
    paid = unit_paid(trade, spent, run_rules.trade_rules)
    trade, closed = filled_by(walk, trade, piece.time, paid, danger.fee, run_rules.trade_rules)
    return trade, closed, walk.step


@rule
def take_part(trade: Trade, closed: Closing, log: Log, bar: Bar, trade_rules: TradeRules) -> Trade:
    """The trade after a target took a part of it (C18)."""
    write_fill(log.fills, log.rows, bar.place, closed.time, closed.last, TARGET)
    position = without_part(trade.position, closed.last, trade_rules.market)
    return Trade(position, trade.managed, working_target(position, trade_rules), trade.before)


@rule
def by_ticks(
    trade: Trade,
    log: Log,
    bar: Bar,
    detail: Detail,
    sums: Funding,
    balance: float,
    trade_rules: TradeRules,
) -> tuple[Trade, Closing]:
    """The prices of a candle's pieces as ticks (C14): at each something may fill, or the stop
    moves."""
    held, atr = trade.position.held, bar.known_atr
    first, last = pieces(detail, bar.place)
    entered, worst = held.time >= bar.opens, worst_piece(detail, bar.place, held.side, sums.marks)
    for row in range(first, last):
        piece, managed = piece_at(detail, row), trade.managed
        mark = piece_mark(detail, row, bar.place, worst, sums.marks)
        level, leaving = trade.target.level, managed.leaving != STAYS
        total = sum_by(sums, piece.time)
        paid = unit_paid(trade, total, trade_rules)
        danger = endangered(trade, balance, piece.time, total, sums, trade_rules)
        if undisturbed(
            managed.stop,
            level,
            leaving,
            held,
            piece.high,
            piece.low,
            atr,
            piece.time,
            trade_rules,
            paid,
            danger.price,
            mark,
        ):
            continue
        # The tick that entered tests nothing and moves nothing.
        for step in range(1 if entered and row == first else 0, 4):
            price = piece_price(piece, held.side, step)
            by = piece_price(mark, held.side, step)
            trade, closed = at_tick(
                trade, price, by, log, bar, piece.time, total, sums, balance, trade_rules
            )
            if closed.reason != NONE:
                return trade, closed
    return trade, NO_CLOSING


@inner_rule
def at_tick(
    trade: Trade,
    price: float,
    mark: float,
    log: Log,
    bar: Bar,
    time: int,
    total: float,
    sums: Funding,
    balance: float,
    trade_rules: TradeRules,
) -> tuple[Trade, Closing]:
    """What fills at one tick, one after the other, or how it moves the stop; total, balance: see
    `endangered`."""
    paid = unit_paid(trade, total, trade_rules)
    while True:
        danger = endangered(trade, balance, time, total, sums, trade_rules)
        trade, closed = tick_fill(trade, price, mark, log, bar, time, paid, danger, trade_rules)
        if not is_part(trade, closed):
            return trade, closed
        trade = take_part(trade, closed, log, bar, trade_rules)


@rule
def tick_fill(
    trade: Trade,
    price: float,
    mark: float,
    log: Log,
    bar: Bar,
    time: int,
    paid: float,
    danger: Danger,
    trade_rules: TradeRules,
) -> tuple[Trade, Closing]:
    """What fills first at one tick, or how it moves the stop; `paid` is the funding of one unit
    held long until then."""
    managed, held, atr = trade.managed, trade.position.held, bar.known_atr
    leaving, level = managed.leaving != STAYS, trade.target.level
    given = managed.stop, level, leaving, held, price, atr, time
    walk = walk_tick(*given, trade_rules, paid, danger.price, mark)
    if walk.stop.level != managed.stop.level:
        write_level(log.stops, log.rows, bar.place, walk.stop, time, price)
    return filled_by(walk, trade, time, paid, danger.fee, trade_rules)
