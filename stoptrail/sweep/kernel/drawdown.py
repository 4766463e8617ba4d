"""Drawdown at every close of a trade, looked at only where it can change."""

from __future__ import annotations

import numpy as np

from stoptrail.rules.candles import Candles, Floats, Times
from stoptrail.rules.costs import borrow
from stoptrail.rules.funding import since_entry
from stoptrail.rules.jit import inner_rule, rule
from stoptrail.rules.measure import worth
from stoptrail.rules.metrics import (
    Drawdown,
    drawdown_step,
    fall,
)
from stoptrail.rules.trade import Position, TradeRules
from stoptrail.sweep.kernel.blocks import SHIFTS, Closes, Nodes, extremes
from stoptrail.sweep.kernel.ending import Ending
from stoptrail.sweep.kernel.flow import Flow, net_closes, net_rows

_NOISE = 1e-9
"""Share of prices and equity that their sums in float64 miss by far less."""


@inner_rule
def held_drawdown(
    state: Drawdown,
    candles: Candles,
    nodes: Nodes,
    entry: int,
    last: int,
    ending: Ending,
    balance: float,
    position: Position,
    before: float,
    trade_rules: TradeRules,
    flow: Flow,
    is_exact: bool,
) -> Drawdown:
    """`state` after the closes of the candles [entry, last) of a trade with this `ending`;
    balance: cash before the entry; before: the running sum of funding then; is_exact: whether
    closes are as good and as bad as `ending` says."""
    times, interval = candles.time, candles.interval
    if last <= entry:
        return state
    first, until = times[entry] + interval, times[last - 1] + interval
    span = ending.best, ending.worst, first, until
    whole, is_known = bounded(state, *span, is_exact, balance, position, before, trade_rules)
    if is_known and (is_exact or whole.peak == state.peak):
        return whole
    of = times, net_closes(flow, candles), net_rows(flow, nodes), entry, last, interval
    account = balance, position, before, trade_rules
    if is_exact and not best_worth(ending.best, first, *account) > state.peak:
        # Only borrow keeps the fall to the worst close from being the deepest.
        return drawdown_step(state, lowest_worth(*of, ending.worst, *account))
    return rows_drawdown(state, *of, *account)


@inner_rule
def with_closes(
    ending: Ending, side: int, closes: Floats, rows: Closes, entry: int, last: int
) -> Ending:
    """`ending` with the best and the worst of the `closes`, net of funding, of the candles
    [entry, last)."""
    top, bottom = extremes(closes, rows, entry, last)
    best, worst = (top, bottom) if side > 0 else (-bottom, -top)
    return Ending(ending.exit, ending.price, ending.reason, best, worst, 0)


@inner_rule
def best_worth(
    best: float,
    first: int,
    balance: float,
    position: Position,
    before: float,
    trade_rules: TradeRules,
) -> float:
    """Equity at the signed net close `best` at the time `first`: none is above it where no close is
    better, nor earlier."""
    net = since_entry(position.held.side * best, before, trade_rules.costs.funding)
    return worth(balance, position, net, first, trade_rules)


@rule
def lowest_worth(
    times: Times,
    closes: Floats,
    rows: Closes,
    entry: int,
    last: int,
    interval: int,
    worst: float,
    balance: float,
    position: Position,
    before: float,
    trade_rules: TradeRules,
) -> float:
    """The least equity at the closes, net of funding, of the candles [entry, last), of which the
    worst is `worst`, signed; rows without a close that can be the one are passed."""
    side, level, i, lowest = position.held.side, 0, entry, np.inf
    bottoms = rows.bottom if side > 0 else rows.top
    near = nearly_worst(worst, times[last - 1] - times[entry], balance, position, trade_rules)
    while i < last:
        shift = SHIFTS[level]
        end = ((i >> shift) + 1) << shift
        is_row = end - i == 1 << shift and end <= last
        if is_row and side * bottoms[rows.first[level] + (i >> shift)] > near:
            i = end
            if level < len(SHIFTS) - 1 and i & ((4 << shift) - 1) == 0:
                level += 1
            continue
        if level > 0:
            level -= 1
            continue
        for at in range(i, min(end, last)):
            if not side * closes[at] > near:
                net = since_entry(closes[at], before, trade_rules.costs.funding)
                equity = worth(balance, position, net, times[at] + interval, trade_rules)
                lowest = min(lowest, equity)
        i = end
    return lowest


@inner_rule
def nearly_worst(
    worst: float, held: int, balance: float, position: Position, trade_rules: TradeRules
) -> float:
    """No equity at a signed close beyond it is below that at the worst close, between two closes
    that are `held` ms apart: what is borrowed for so long moves equity no more than that, and
    float64 no more than a billionth of what it is made of."""
    fill, units = position.held.fill, position.units
    interest = borrow(position.held.side, 1.0, fill, 0, held, trade_rules.costs)
    return worst + interest + _NOISE * (abs(worst) + fill + abs(balance) / units)


@rule
def rows_drawdown(
    state: Drawdown,
    times: Times,
    closes: Floats,
    rows: Closes,
    entry: int,
    last: int,
    interval: int,
    balance: float,
    position: Position,
    before: float,
    trade_rules: TradeRules,
) -> Drawdown:
    """`held_drawdown` by rows of closes, net of funding, the longer the better."""
    side, level, i = position.held.side, 0, entry
    tops, bottoms = (rows.top, rows.bottom) if side > 0 else (rows.bottom, rows.top)
    while i < last:
        shift = SHIFTS[level]
        end = ((i >> shift) + 1) << shift
        if end - i == 1 << shift and end <= last:
            row = rows.first[level] + (i >> shift)
            best, worst = side * tops[row], side * bottoms[row]
            span = best, worst, times[i] + interval, times[end - 1] + interval
            whole, is_known = bounded(state, *span, True, balance, position, before, trade_rules)
            if is_known:
                state, i = whole, end
                if level < len(SHIFTS) - 1 and i & ((4 << shift) - 1) == 0:
                    level += 1
                continue
        if level > 0:
            level -= 1
            continue
        end = min(end, last)
        state = closes_drawdown(
            state, closes, times, i, end, interval, balance, position, before, trade_rules
        )
        i = end
    return state


@inner_rule
def bounded(
    state: Drawdown,
    best: float,
    worst: float,
    first: int,
    until: int,
    is_exact: bool,
    balance: float,
    position: Position,
    before: float,
    trade_rules: TradeRules,
) -> tuple[Drawdown, bool]:
    """`state` after closes, net of funding, within [worst, best], times the side, from `first` to
    `until`, and whether that is known without looking at each; is_exact: whether there are such
    closes.

    Equity is monotone in the signed net close, and falls with the borrow, in float64 too: the best
    close at the first time and the worst at the last one bound it. The deepest fall is at most
    that from the highest possible peak to the lowest value. Where there is no borrow both are
    attained.
    """
    side, scale = position.held.side, trade_rules.costs.funding
    top, bottom = since_entry(side * best, before, scale), since_entry(side * worst, before, scale)
    high = worth(balance, position, top, first, trade_rules)
    low = worth(balance, position, bottom, until, trade_rules)
    peak = max(state.peak, high)
    deepest, steady = fall(peak, low), side > 0 or trade_rules.costs.borrow_daily == 0.0
    if high < state.peak:
        is_known = deepest <= state.worst or (steady and is_exact)
        return Drawdown(peak, max(state.worst, deepest) if is_known else state.worst), is_known
    if deepest > state.worst:
        return state, False
    return Drawdown(peak, state.worst), steady


@inner_rule
def closes_drawdown(
    state: Drawdown,
    closes: Floats,
    times: Times,
    entry: int,
    last: int,
    interval: int,
    balance: float,
    position: Position,
    before: float,
    trade_rules: TradeRules,
) -> Drawdown:
    """`state` after each of the closes, net of funding, of the candles [entry, last).

    Between two peaks only the lowest equity matters (rules.metrics.drawdown_step), so
    that a step is taken at the peaks and at the lowest value after each.
    """
    lowest, scale = state.peak, trade_rules.costs.funding
    for i in range(entry, last):
        net = since_entry(closes[i], before, scale)
        equity = worth(balance, position, net, times[i] + interval, trade_rules)
        if equity >= state.peak:
            if lowest < state.peak:
                state = drawdown_step(state, lowest)
            state = drawdown_step(state, equity)
            lowest = equity
        else:
            lowest = min(lowest, equity)
    return drawdown_step(state, lowest) if lowest < state.peak else state
