"""How a book went (C22): each sleeve's profit, open risk and notional at any moments, and the
equity that they add up to."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stoptrail.rules.book import open_risk
from stoptrail.rules.candles import Candles, Floats, Times
from stoptrail.rules.funding import Funding, net_price, sum_by
from stoptrail.rules.jit import rule
from stoptrail.rules.measure import after_fill, position_of, row_of
from stoptrail.rules.trade import marked
from stoptrail.rules.types import OPEN, FillLog, RunRules, StopLog, TradeLog


class Curve(NamedTuple):
    """A sleeve at some moments, shape (moments,) each, quote currency."""

    profit: Floats
    """Of its closed trades, and of the open one at its market's last close."""
    risk: Floats
    """What the open trade loses at the stop in force, after costs."""
    notional: Floats
    held: Floats
    """1 where a trade was open, or closed in the candle that ends there; 0 elsewhere."""


@rule
def level_at(stops: StopLog, k: int, candle: int, first: int) -> int:
    """The row of the level of trade `k` in force in `candle`, the search beginning at row
    `first`; -1 where the trade has no stop."""
    row = row_of(stops.trade, k, first)
    if row >= len(stops.trade) or stops.trade[row] != k:
        return -1
    while (
        row + 1 < len(stops.trade) and stops.trade[row + 1] == k and stops.candle[row + 1] <= candle
    ):
        row += 1
    return row


@rule
def curve_of(
    trades: TradeLog,
    fills: FillLog,
    stops: StopLog,
    candles: Candles,
    last: Times,
    time: Times,
    run_rules: RunRules,
    funding: Funding,
    backing: Floats,
) -> Curve:
    """The sleeve at the moments `time` (ms, ascending); `last`: the last of its candles that has
    closed by each, -1 for none; backing: what each trade might lose, shape (trades,)."""
    count = len(time)
    profit, risk, notional = np.zeros(count), np.zeros(count), np.zeros(count)
    held = np.zeros(count)
    rules = run_rules.trade_rules
    realised, k, part, row = 0.0, 0, 0, 0
    for u in range(count):
        i = last[u]
        while k < len(trades.entry) and trades.exit[k] != OPEN and trades.exit[k] <= i:
            realised += trades.pnl[k]
            held[u] = 1.0 if trades.exit[k] == i else 0.0
            k += 1
        profit[u] = realised
        if k == len(trades.entry) or trades.entry[k] > i:
            continue
        position = position_of(trades, k, run_rules)
        part = row_of(fills.trade, k, part)
        f = part
        while f < len(fills.trade) and fills.trade[f] == k and fills.candle[f] <= i:
            position = after_fill(position, fills, f, run_rules)
            f += 1
        total, before = sum_by(funding, time[u]), sum_by(funding, trades.entry_time[k])
        net = net_price(candles.close[i], total, before, rules.costs.funding)
        profit[u] = marked(realised, position, net, time[u], rules)
        if rules.margin.liquidates:
            profit[u] = max(profit[u], realised - backing[k])
        level = level_at(stops, k, i + 1, row)
        row = max(level, 0)
        at = stops.level[level] if level >= 0 else 0.0
        risk[u] = open_risk(position.held.side, position.units, position.held.fill, at, rules)
        notional[u] = position.units * candles.close[i]
        held[u] = 1.0
    return Curve(profit, risk, notional, held)
