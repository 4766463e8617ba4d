"""The plain loop within a candle for a baseline, which has no stop (C15)."""

from __future__ import annotations

import math

from stoptrail.rules.detail import (
    Detail,
    Piece,
    piece_at,
    piece_mark,
    piece_price,
    pieces,
    worst_piece,
)
from stoptrail.rules.exits import no_target
from stoptrail.rules.funding import Funding, sum_by
from stoptrail.rules.jit import inner_rule
from stoptrail.rules.manage import STAYS
from stoptrail.rules.margin import Mark, mark_of
from stoptrail.rules.paths import CANDLE, TICKS, walk_candle
from stoptrail.rules.stops import Stop
from stoptrail.rules.trade import TradeRules
from stoptrail.rules.types import RunRules
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
def leave_candle(
    trade: Trade, bar: Bar, detail: Detail, sums: Funding, balance: float, run_rules: RunRules
) -> Closing:
    """A candle for a baseline (C15): over the whole of it, or over one of its pieces after the
    other (C21), by ticks over each of their prices; balance: see `endangered`."""
    first, last = pieces(detail, bar.place)
    held, rules = trade.position.held, run_rules.trade_rules
    if first == last:
        own = bar.open, bar.high, bar.low, bar.close
        mark, whole = mark_of(sums.marks, bar.place, Mark(*own)), Piece(bar.opens, *own)
        return leave_piece(trade, whole, mark, bar.paid, balance, sums, rules)
    entered, worst = held.time >= bar.opens, worst_piece(detail, bar.place, held.side, sums.marks)
    for row in range(first, last):
        piece = piece_at(detail, row)
        mark = piece_mark(detail, row, bar.place, worst, sums.marks)
        paid = sum_by(sums, piece.time)
        if run_rules.path != TICKS:
            closed = leave_piece(trade, piece, mark, paid, balance, sums, rules)
            if closed.reason != NONE:
                return closed
            continue
        for step in range(1 if entered and row == first else 0, 4):
            price, by = piece_price(piece, held.side, step), piece_price(mark, held.side, step)
            tick = Piece(piece.time, price, price, price, price)
            closed = leave_piece(trade, tick, Mark(by, by, by, by), paid, balance, sums, rules)
            if closed.reason != NONE:
                return closed
    return NO_CLOSING


@inner_rule
def leave_piece(
    trade: Trade,
    piece: Piece,
    mark: Mark,
    total: float,
    balance: float,
    sums: Funding,
    trade_rules: TradeRules,
) -> Closing:
    """A baseline, which has no stop, is liquidated, or leaves at the open where it wants to;
    total, balance: see `endangered`."""
    held, time, leaving = trade.position.held, piece.time, trade.managed.leaving != STAYS
    danger = endangered(trade, balance, time, total, sums, trade_rules)
    far = Stop(-held.side * math.inf, held.fill, trade.managed.stop.reason)
    target, ends = no_target(held.side).level, (piece.open, piece.high, piece.low, piece.close)
    given = target, leaving, 0, held, *ends, math.nan, time, trade_rules, 0.0, danger.price, mark
    walk = walk_candle(CANDLE, far, *given)
    paid = unit_paid(trade, total, trade_rules)
    return filled_by(walk, trade, time, paid, danger.fee, trade_rules)[1]
