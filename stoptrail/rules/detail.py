"""Finer candles of the same market: the pieces in which a base candle is walked (C21)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from stoptrail.rules.candles import Floats, Times
from stoptrail.rules.jit import inner_rule, rule
from stoptrail.rules.margin import Mark, is_marked, mark_of


class Detail(NamedTuple):
    """Finer candles, oldest first, shape (m,) each; and which are whose pieces."""

    time: Times
    """Open time, milliseconds since the epoch, UTC."""
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    first: Times
    """Shape (n,): the pieces of base candle i, which make up its open, high, low and close to
    the tick, are the rows from first[i] up to last[i]. One without any is walked whole."""
    last: Times


class Piece(NamedTuple):
    """A part of a base candle of which only four prices are known."""

    time: int
    """Open time, ms."""
    open: float
    high: float
    low: float
    close: float


def no_detail() -> Detail:
    """Of a run that has no finer candles."""
    none, nowhere = np.empty(0), np.empty(0, np.int64)
    return Detail(nowhere, none, none, none, none, nowhere, nowhere)


NO_DETAIL = no_detail()


@inner_rule
def pieces(detail: Detail, i: int) -> tuple[int, int]:
    """Rows [first, last) of the pieces of base candle `i`; the same twice where it has none."""
    if i >= len(detail.first):
        return 0, 0
    return detail.first[i], detail.last[i]


@rule
def piece_at(detail: Detail, row: int) -> Piece:
    """One piece."""
    return Piece(
        detail.time[row],
        detail.open[row],
        detail.high[row],
        detail.low[row],
        detail.close[row],
    )


@rule
def worst_piece(detail: Detail, i: int, side: int, marks: Floats) -> int:
    """The first piece of base candle `i` in which the market went furthest against `side`, where
    that candle has mark prices; -1 where it has none."""
    if not is_marked(marks, i):
        return -1
    first, last = pieces(detail, i)
    worst = first
    for row in range(first + 1, last):
        if side > 0 and detail.low[row] < detail.low[worst]:
            worst = row
        if side < 0 and detail.high[row] > detail.high[worst]:
            worst = row
    return worst


@rule
def piece_mark(detail: Detail, row: int, i: int, worst: int, marks: Floats) -> Mark:
    """The mark prices of a piece of base candle `i`, whose worst piece is `worst`: the mark opens
    with the first, and is furthest out where the market is; its `own` where it has none."""
    piece, none = piece_at(detail, row), math.nan
    own = Mark(piece.open, piece.high, piece.low, piece.close)
    if worst < 0:
        return own
    whole, first = mark_of(marks, i, own), row == pieces(detail, i)[0]
    opens = whole.open if first else none
    if row == worst:
        return Mark(opens, whole.high, whole.low, none)
    return Mark(opens, none, none, none)


@rule
def piece_price(piece: Piece | Mark, side: int, step: int) -> float:
    """The price that comes at `step` (0 to 3) for a position on `side`: open, the adverse
    extreme, the favourable one, close."""
    if step == 0:
        return piece.open
    if step == 3:
        return piece.close
    return piece.low if (step == 1) == (side > 0) else piece.high
