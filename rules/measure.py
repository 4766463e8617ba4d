"""The figures of a run from its trades and candles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rules.account import OPEN, Conduct, DayMarks, TradeLog
from rules.candles import Candles, Floats
from rules.jit import rule
from rules.metrics import (
    MS_AN_HOUR,
    NO_TRADES,
    Metrics,
    TradeTally,
    drawdown_start,
    drawdown_step,
    r_multiple,
    return_sums,
    summarise,
    tally_open,
    tally_trade,
)
from rules.stops import Held
from rules.trade import Position, marked


class Equity(NamedTuple):
    """How an account went."""

    marks: Floats
    """Equity at each day mark, shape (d + 1,)."""
    worst: float
    """Maximum drawdown on candle closes, as a fraction of the peak."""
    held: int
    """Candles in which, or at whose close, a position was held."""


@rule
def position_of(trades: TradeLog, k: int, candles: Candles, conduct: Conduct) -> Position:
    """Trade `k` as the open position that it was."""
    entry = candles.time[trades.entry[k]]
    held = Held(int(trades.side[k]), trades.fill[k], entry, trades.atr[k])
    fee = trades.units[k] * trades.fill[k] * conduct.terms.costs.taker_fee
    return Position(held, trades.units[k], fee)


@rule
def equity_of(trades: TradeLog, candles: Candles, marks: DayMarks, conduct: Conduct) -> Equity:
    """Equity at every day mark and its drawdown at every close of the traded span."""
    n = len(candles.time)
    terms = conduct.terms
    values = np.empty(len(marks.time))
    balance = conduct.cash
    drawdown = drawdown_start(balance)
    held = 0
    mark = 0
    for k in range(len(trades.entry)):
        position = position_of(trades, k, candles, conduct)
        entry = trades.entry[k]
        while mark < len(values) and marks.candle[mark] < entry:
            values[mark] = balance
            mark += 1
        last = n if trades.exit[k] == OPEN else trades.exit[k]
        for i in range(entry, last):
            closes = candles.time[i] + candles.interval
            value = marked(balance, position, candles.close[i], closes, terms)
            drawdown = drawdown_step(drawdown, value)
            while mark < len(values) and marks.candle[mark] == i:
                values[mark] = marked(balance, position, candles.close[i], marks.time[mark], terms)
                mark += 1
        held += last - entry
        if last < n:
            held += 1
            balance += trades.pnl[k]
            drawdown = drawdown_step(drawdown, balance)
    while mark < len(values):
        values[mark] = balance
        mark += 1
    return Equity(values, drawdown.worst, held)


@rule
def tally_of(trades: TradeLog, candles: Candles) -> TradeTally:
    """Sums over the closed trades, in order."""
    tally = NO_TRADES
    for k in range(len(trades.entry)):
        if trades.exit[k] == OPEN:
            tally = tally_open(tally, trades.fees[k])
            continue
        hours = (candles.time[trades.exit[k]] - candles.time[trades.entry[k]]) / MS_AN_HOUR
        distance = abs(trades.fill[k] - trades.initial[k])
        r = r_multiple(trades.pnl[k], trades.units[k], distance)
        tally = tally_trade(tally, trades.pnl[k], trades.fees[k], hours, r)
    return tally


@rule
def measure(trades: TradeLog, equity: Equity, candles: Candles, marks: DayMarks) -> Metrics:
    """Every figure of a run; `equity` is that of `equity_of`."""
    last = len(marks.time) - 1
    return summarise(
        equity.marks[0],
        equity.marks[last],
        return_sums(equity.marks),
        equity.worst,
        tally_of(trades, candles),
        float(equity.held * candles.interval),
        float(marks.time[last] - marks.time[0]),
    )
