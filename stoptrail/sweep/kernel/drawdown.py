"""Drawdown at every close of a trade, looked at only where it can change."""

from __future__ import annotations

from stoptrail.rules.candles import Candles, Floats, Times
from stoptrail.rules.funding import paid_since, sum_closed
from stoptrail.rules.jit import inner_rule, rule
from stoptrail.rules.metrics import (
    Drawdown,
    drawdown_step,
    fall,
)
from stoptrail.rules.trade import Position, TradeRules, marked
from stoptrail.sweep.kernel.blocks import SHIFTS, Closes, Nodes, extremes
from stoptrail.sweep.kernel.ending import Ending
from stoptrail.sweep.kernel.flow import NOTHING_PAID, Flow, Range, is_funded, paid_range


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
    paid = NOTHING_PAID
    if is_funded(flow, trade_rules.costs.funding):
        paid = closed_range(flow, entry, last, before, trade_rules)
    whole, is_known = bounded(
        state, ending.best, ending.worst, first, until, balance, position, trade_rules, paid
    )
    if is_known and (is_exact or whole.peak == state.peak):
        return whole
    return rows_drawdown(
        state,
        times,
        candles.close,
        nodes.closes,
        entry,
        last,
        interval,
        balance,
        position,
        trade_rules,
        flow,
        before,
    )


@inner_rule
def closed_range(flow: Flow, first: int, end: int, before: float, trade_rules: TradeRules) -> Range:
    """What one unit has paid by the closes of the candles [first, end)."""
    scale = trade_rules.costs.funding
    return paid_range(flow.closed, first, end, before, scale)


@inner_rule
def with_closes(
    ending: Ending, side: int, closes: Floats, rows: Closes, entry: int, last: int
) -> Ending:
    """`ending` with the best and the worst of the closes of the candles [entry, last)."""
    top, bottom = extremes(closes, rows, entry, last)
    best, worst = (top, bottom) if side > 0 else (-bottom, -top)
    return Ending(ending.exit, ending.price, ending.level, ending.reason, best, worst, 0)


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
    trade_rules: TradeRules,
    flow: Flow,
    before: float,
) -> Drawdown:
    """`held_drawdown` by rows of closes, the longer the better; before: the running sum of
    funding at the entry."""
    side, level, i = position.held.side, 0, entry
    funded, scale = is_funded(flow, trade_rules.costs.funding), trade_rules.costs.funding
    tops, bottoms = (rows.top, rows.bottom) if side > 0 else (rows.bottom, rows.top)
    while i < last:
        shift = SHIFTS[level]
        end = ((i >> shift) + 1) << shift
        if end - i == 1 << shift and end <= last:
            row = rows.first[level] + (i >> shift)
            best, worst = side * tops[row], side * bottoms[row]
            first, until = times[i] + interval, times[end - 1] + interval
            paid = NOTHING_PAID
            if funded:
                one = paid_since(flow.rows.bottom[row], before, scale)
                other = paid_since(flow.rows.top[row], before, scale)
                paid = Range(min(one, other), max(one, other))
            whole, is_known = bounded(
                state, best, worst, first, until, balance, position, trade_rules, paid
            )
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
            state, closes, times, i, end, interval, balance, position, trade_rules, flow, before
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
    balance: float,
    position: Position,
    trade_rules: TradeRules,
    paid: Range,
) -> tuple[Drawdown, bool]:
    """`state` after closes within [worst, best], times the side, from `first` to `until`,
    and whether that is known without looking at each.

    Equity is monotone in the signed close and in what was `paid` in funding, and falls with
    the borrow, in float64 too: the best close at the first time and the worst at the last one
    bound it. The deepest fall is at most that from the highest possible peak to the lowest
    value. Where there is no borrow and funding does not change, the highest value is attained.
    """
    side = position.held.side
    least, greatest = (paid.least, paid.greatest) if side > 0 else (paid.greatest, paid.least)
    high = marked(balance, position, side * best, first, trade_rules, least)
    low = marked(balance, position, side * worst, until, trade_rules, greatest)
    peak = max(state.peak, high)
    if fall(peak, low) > state.worst:
        return state, False
    if high < state.peak:
        return state, True
    steady = side > 0 or trade_rules.costs.borrow_daily == 0.0
    return Drawdown(peak, state.worst), steady and paid.least == paid.greatest


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
    trade_rules: TradeRules,
    flow: Flow,
    before: float,
) -> Drawdown:
    """`state` after each of the closes of the candles [entry, last).

    Between two peaks only the lowest equity matters (rules.metrics.drawdown_step), so
    that a step is taken at the peaks and at the lowest value after each.
    """
    lowest = state.peak
    for i in range(entry, last):
        time = times[i] + interval
        paid = paid_since(sum_closed(flow.sums, i), before, trade_rules.costs.funding)
        equity = marked(balance, position, closes[i], time, trade_rules, paid)
        if equity >= state.peak:
            if lowest < state.peak:
                state = drawdown_step(state, lowest)
            state = drawdown_step(state, equity)
            lowest = equity
        else:
            lowest = min(lowest, equity)
    return drawdown_step(state, lowest) if lowest < state.peak else state
