"""The plain loop within a candle: the stop in force, piece by piece (C6, C9, C21)."""

from __future__ import annotations

from stoptrail.rules.costs import fill_price
from stoptrail.rules.detail import Detail, Piece, piece_at, piece_price, pieces
from stoptrail.rules.funding import Funding, sum_by
from stoptrail.rules.jit import inner_rule, rule
from stoptrail.rules.paths import TICKS, undisturbed, walk_candle, walk_tick
from stoptrail.rules.stops import CYCLE
from stoptrail.rules.trade import TradeRules
from stoptrail.rules.types import CYCLE_EXIT, RunRules
from stoptrail.sweep.kernel.log import Log, write_level
from stoptrail.sweep.kernel.plain_state import (
    NO_CLOSING,
    NONE,
    Bar,
    Closing,
    Trade,
    unit_paid,
)


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
    trade: Trade, log: Log, bar: Bar, detail: Detail, sums: Funding, run_rules: RunRules
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
        return within_piece(trade, whole, bar.known_atr, sum_by(sums, bar.opens), run_rules)
    return along_pieces(trade, log, bar, detail, sums, run_rules)


@rule
def along_pieces(
    trade: Trade, log: Log, bar: Bar, detail: Detail, sums: Funding, run_rules: RunRules
) -> tuple[Trade, Closing]:
    """The stop in force over a candle (C6, C9) that has pieces, piece by piece (C21)."""
    first, last = pieces(detail, bar.place)
    if run_rules.path != TICKS:
        closing = NO_CLOSING
        for row in range(first, last):
            piece = piece_at(detail, row)
            total = sum_by(sums, piece.time)
            trade, closing = within_piece(trade, piece, bar.known_atr, total, run_rules)
            if closing.reason != NONE:
                break
        return trade, closing
    return by_ticks(trade, log, bar, detail, sums, run_rules.trade_rules)


@rule
def within_piece(
    trade: Trade, piece: Piece, atr: float, total: float, run_rules: RunRules
) -> tuple[Trade, Closing]:
    """The stop over one piece, of which `atr` and the running sum of funding, `total`, are
    known at the open."""
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
        unit_paid(trade, total, run_rules.trade_rules),
    )
    trade = Trade(trade.position, walk.stop, False, trade.before)
    if walk.hit:
        return trade, Closing(walk.price, walk.stop.reason, piece.time)
    return trade, NO_CLOSING


@rule
def by_ticks(
    trade: Trade, log: Log, bar: Bar, detail: Detail, sums: Funding, trade_rules: TradeRules
) -> tuple[Trade, Closing]:
    """The prices of a candle's pieces as ticks (C14): each may hit the stop or move it."""
    held, atr = trade.position.held, bar.known_atr
    first, last = pieces(detail, bar.place)
    entered = held.time >= bar.opens
    for row in range(first, last):
        piece = piece_at(detail, row)
        time, paid = piece.time, unit_paid(trade, sum_by(sums, piece.time), trade_rules)
        if undisturbed(trade.stop, held, piece.high, piece.low, atr, time, trade_rules, paid):
            continue
        # The tick that entered tests nothing and moves nothing.
        for step in range(1 if entered and row == first else 0, 4):
            price = piece_price(piece, held.side, step)
            walk = walk_tick(trade.stop, held, price, atr, time, trade_rules, paid)
            if walk.hit:
                return trade, Closing(walk.price, walk.stop.reason, time)
            if walk.stop.level != trade.stop.level:
                write_level(log.stops, log.rows, bar.place, walk.stop, time)
            trade = Trade(trade.position, walk.stop, False, trade.before)
    return trade, NO_CLOSING
