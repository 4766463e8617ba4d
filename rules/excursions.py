"""How far a trade went against and in favour of its entry."""

from __future__ import annotations

from typing import NamedTuple

from rules.account import OPEN, TradeLog
from rules.candles import Candles
from rules.jit import rule


class Excursion(NamedTuple):
    """Distances from the entry price, in the quote currency per unit, both >= 0."""

    adverse: float
    favourable: float


@rule
def excursion(trades: TradeLog, k: int, candles: Candles) -> Excursion:
    """Of trade `k`: the candles before the exit's whole, of the exit candle only the exit
    price, because what it reached afterwards the trade never saw."""
    side, fill = float(trades.side[k]), trades.fill[k]
    last = len(candles.time) if trades.exit[k] == OPEN else trades.exit[k]
    reached = side * (trades.price[k] - fill)
    worst, best = min(0.0, reached), max(0.0, reached)
    for i in range(trades.entry[k], last):
        up, down = side * (candles.high[i] - fill), side * (candles.low[i] - fill)
        worst = min(worst, up, down)
        best = max(best, up, down)
    return Excursion(-worst, best)
