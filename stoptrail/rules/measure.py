"""The figures of a run from its trades and candles."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from stoptrail.rules.candles import Candles, Floats, Times
from stoptrail.rules.costs import HOUR, fee
from stoptrail.rules.funding import (
    Funding,
    net_price,
    no_funding,
    sum_by,
    sum_closed,
)
from stoptrail.rules.jit import rule
from stoptrail.rules.metrics import (
    Metrics,
    drawdown_start,
    drawdown_step,
    fall,
    return_sums,
    scaled,
    scaled_between,
    summarise,
)
from stoptrail.rules.stops import Entry
from stoptrail.rules.tally import NO_TRADES, TradeTally, r_multiple, tally_open, tally_trade
from stoptrail.rules.trade import (
    NO_PARTS,
    Fill,
    Position,
    TradeRules,
    closing,
    marked,
    without_part,
)
from stoptrail.rules.types import (
    OPEN,
    DayMarks,
    FillLog,
    RunRules,
    TradeLog,
)


class Excursion(NamedTuple):
    """Distances from the entry price, in the quote currency per unit, both >= 0."""

    adverse: float
    favourable: float


@rule
def excursion(trades: TradeLog, fills: FillLog, k: int, candles: Candles) -> Excursion:
    """Of trade `k`: the candles before the exit's whole, of the exit candle only the prices of
    its exits, because what it reached afterwards the trade never saw."""
    side, fill = float(trades.side[k]), trades.fill[k]
    last = len(candles.time) if trades.exit[k] == OPEN else trades.exit[k]
    reached = side * (trades.price[k] - fill)
    worst, best = min(0.0, reached), max(0.0, reached)
    if trades.exit[k] != OPEN:
        for f in range(np.searchsorted(fills.trade, k), np.searchsorted(fills.trade, k + 1)):
            if fills.candle[f] == trades.exit[k]:
                left = side * (fills.price[f] - fill)
                worst, best = min(worst, left), max(best, left)
    for i in range(trades.entry[k], last):
        up, down = side * (candles.high[i] - fill), side * (candles.low[i] - fill)
        worst = min(worst, up, down)
        best = max(best, up, down)
    return Excursion(-worst, best)


class Equity(NamedTuple):
    """How an account went."""

    marks: Floats
    """Equity at each day mark, shape (d + 1,)."""
    worst: float
    """Maximum drawdown on candle closes, as a fraction of the peak."""
    held: int
    """Candles in which, or at whose close, a position was held."""
    falls: Floats
    """Deepest fall below the peak so far at the closes since the mark before, as a fraction
    of that peak, shape (d + 1,); the greatest of them is `worst`."""


class AccountCurve(NamedTuple):
    """An account at its day marks and at every close between them."""

    equity: Floats
    """At each day mark, shape (d + 1,)."""
    closes: Floats
    """At each close of a candle, shape (n,)."""
    mark: Times
    """The first day mark at or after each close, shape (n,)."""

    def since(self, mark: int) -> AccountCurve:
        """From day mark number `mark` on, as if the account had begun there."""
        later = self.mark > mark
        return AccountCurve(self.equity[mark:], self.closes[later], self.mark[later] - mark)

    def scaled(self, share: float) -> AccountCurve:
        """The account that has `share` of itself in this one, set anew at each day mark."""
        closes = scaled_between(self.equity, share, self.closes, self.mark)
        return AccountCurve(scaled(self.equity, share), closes, self.mark)


@rule
def worth(
    balance: float, position: Position, net: float, time: int, trade_rules: TradeRules
) -> float:
    """The equity of an account whose one position is marked as in `marked`: at least 0, as what a
    fill there would take beyond the account is credited to it (rules.trade.credited, C20)."""
    return max(0.0, marked(balance, position, net, time, trade_rules))


@rule
def position_of(trades: TradeLog, k: int, run_rules: RunRules) -> Position:
    """Trade `k` as the position that was entered."""
    held = Entry(int(trades.side[k]), trades.fill[k], trades.entry_time[k], trades.atr[k])
    paid = fee(trades.units[k], trades.fill[k], run_rules.trade_rules.costs)
    return Position(held, trades.units[k], paid, NO_PARTS)


@rule
def deepen(falls: Floats, mark: int, peak: float, equity: float) -> None:
    """Let falls[mark] know of `equity` at a close, `peak` being the highest so far."""
    if mark < len(falls) and equity < peak:
        falls[mark] = max(falls[mark], fall(peak, equity))


@rule
def fallen(curve: AccountCurve) -> Floats:
    """The deepest fall of each day, as Equity.falls has them; their greatest is the maximum
    drawdown at closes."""
    falls = np.zeros(len(curve.equity))
    drawdown = drawdown_start(curve.equity[0])
    u = 0
    for m in range(len(curve.equity)):
        lowest = math.inf  # since mark and peak: what lies above it, falls less
        while u < len(curve.closes) and curve.mark[u] <= m:
            value = curve.closes[u]
            if value < lowest or value >= drawdown.peak:
                lowest, drawdown = value, drawdown_step(drawdown, value)
                deepen(falls, m, drawdown.peak, value)
            u += 1
        deepen(falls, m, drawdown.peak, curve.equity[m])
    return falls


@rule
def row_of(trade: Times, k: int, first: int) -> int:
    """The first row, from `first` on, of trade `k` or a later one; `trade`: those of all rows,
    ascending."""
    row = first
    while row < len(trade) and trade[row] < k:
        row += 1
    return row


@rule
def parts_until(trades: TradeLog, fills: FillLog, k: int, first: int) -> int:
    """The first fill, from `first` on, that closed no part of trade `k`: the one that ended
    it, or that of a later trade."""
    last = first
    while last < len(fills.trade) and fills.trade[last] <= k:
        last += 1
    return last - 1 if last > first and trades.exit[k] != OPEN else last


@rule
def after_fill(position: Position, fills: FillLog, f: int, run_rules: RunRules) -> Position:
    """`position` after fill `f`, which closed a part of it (C18)."""
    trade_rules, time = run_rules.trade_rules, fills.time[f]
    units, price, reason = fills.units[f], fills.price[f], fills.reason[f]
    part = closing(position, units, price, reason, time, trade_rules.costs, 0.0)
    part = Fill(part.units, part.price, part.fee, part.borrow, fills.funding[f])
    return without_part(position, part, trade_rules.market)


@rule
def held_candles(trades: TradeLog, first: int, n: int) -> int:
    """Candles from `first` on, of `n`, in which, or at whose close, a position was held."""
    held = 0
    for k in range(len(trades.entry)):
        end = n if trades.exit[k] == OPEN else trades.exit[k] + 1
        held += max(0, end - max(first, trades.entry[k]))
    return held


@rule
def equity_of(
    trades: TradeLog,
    fills: FillLog,
    candles: Candles,
    marks: DayMarks,
    run_rules: RunRules,
    funding: Funding | None = None,
) -> Equity:
    """Equity at every day mark and its drawdown at every close of the traded span."""
    sums = no_funding() if funding is None else funding
    n = len(candles.time)
    trade_rules = run_rules.trade_rules
    values = np.empty(len(marks.time))
    falls = np.zeros(len(marks.time))
    balance = run_rules.cash
    drawdown = drawdown_start(balance)
    scale = trade_rules.costs.funding
    mark = 0
    part = 0
    for k in range(len(trades.entry)):
        position = position_of(trades, k, run_rules)
        entry = trades.entry[k]
        while mark < len(values) and marks.candle[mark] < entry:
            values[mark] = balance
            deepen(falls, mark, drawdown.peak, balance)
            mark += 1
        before = sum_by(sums, trades.entry_time[k])
        last = n if trades.exit[k] == OPEN else trades.exit[k]
        part = row_of(fills.trade, k, part)
        parts = parts_until(trades, fills, k, part)
        lowest = math.inf  # as in `fallen`
        for i in range(entry, last):
            while part < parts and fills.candle[part] == i:
                position = after_fill(position, fills, part, run_rules)
                part += 1
            closes = candles.time[i] + candles.interval
            net = net_price(candles.close[i], sum_closed(sums, i), before, scale)
            value = worth(balance, position, net, closes, trade_rules)
            if value < lowest or value >= drawdown.peak:
                lowest, drawdown = value, drawdown_step(drawdown, value)
                deepen(falls, mark, drawdown.peak, value)
            while mark < len(values) and marks.candle[mark] == i:
                time = marks.time[mark]
                net = net_price(candles.close[i], sum_by(sums, time), before, scale)
                values[mark] = worth(balance, position, net, time, trade_rules)
                mark, lowest = mark + 1, math.inf
        if last < n:
            balance += trades.pnl[k]
            drawdown = drawdown_step(drawdown, balance)
            deepen(falls, mark, drawdown.peak, balance)
    while mark < len(values):
        values[mark] = balance
        deepen(falls, mark, drawdown.peak, balance)
        mark += 1
    return Equity(values, drawdown.worst, held_candles(trades, 0, n), falls)


@rule
def tally_of(trades: TradeLog) -> TradeTally:
    """Sums over the closed trades, in order."""
    tally = NO_TRADES
    for k in range(len(trades.entry)):
        if trades.exit[k] == OPEN:
            tally = tally_open(tally, trades.fees[k], trades.funding[k])
            continue
        hours = (trades.exit_time[k] - trades.entry_time[k]) / HOUR
        distance = abs(trades.fill[k] - trades.initial[k])
        r = r_multiple(trades.pnl[k], trades.units[k], distance)
        tally = tally_trade(tally, trades.pnl[k], trades.fees[k], hours, r, trades.funding[k])
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
        tally_of(trades),
        float(equity.held * candles.interval),
        float(marks.time[last] - marks.time[0]),
    )
