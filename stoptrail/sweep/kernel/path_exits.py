"""Positions that do more than trail on whole candles: the baseline's exits, and paths.

Compiled only where a row of the table asks for them, and skipping nothing.
"""

from __future__ import annotations

import numpy as np

from stoptrail.rules.candles import Candles, Floats, Sides
from stoptrail.rules.costs import fill_price
from stoptrail.rules.funding import paid_since, sum_held, sum_opened
from stoptrail.rules.jit import rule
from stoptrail.rules.paths import walk_candle
from stoptrail.rules.stops import (
    CYCLE,
    Entry,
    Stop,
    ratchet,
)
from stoptrail.rules.trade import TradeRules
from stoptrail.rules.types import CYCLE_EXIT, OPEN, RunRules
from stoptrail.sweep.kernel.ending import Ending
from stoptrail.sweep.kernel.flow import Flow


@rule
def hold_candle_by_candle(
    candles: Candles,
    atr: Floats,
    turn: Sides,
    run_rules: RunRules,
    entry: int,
    held: Entry,
    stop: Stop,
    flow: Flow,
) -> Ending:
    """Follow a position that leaves at the cycle's turn, or along a path in each candle."""
    if run_rules.exits == CYCLE_EXIT:
        return hold_until_turn(candles, turn, entry, held, stop, run_rules.trade_rules)
    path, trade_rules = run_rules.path, run_rules.trade_rules
    return hold_path(candles, atr, path, entry, held, stop, trade_rules, flow)


@rule
def hold_path(
    candles: Candles,
    atr: Floats,
    path: int,
    entry: int,
    held: Entry,
    stop: Stop,
    trade_rules: TradeRules,
    flow: Flow,
) -> Ending:
    """Follow a position along an assumed path within each candle, with nothing skipped."""
    before, scale = sum_opened(flow.sums, entry), trade_rules.costs.funding
    for i in range(entry, len(candles.time)):
        high, low, close, time = candles.high[i], candles.low[i], candles.close[i], candles.time[i]
        if candles.volume[i] > 0.0:
            opens, known = candles.open[i], atr[i - 1]
            paid = paid_since(sum_opened(flow.sums, i), before, scale)
            walked = walk_candle(
                path, stop, held, opens, high, low, close, known, time, trade_rules, paid
            )
            stop = walked.stop
            if walked.hit:
                return ended(candles.close, held.side, entry, i, i, walked.price, stop)
        stop = ratchet(
            stop,
            held,
            high,
            low,
            close,
            atr[i],
            time + candles.interval,
            trade_rules.stop,
            trade_rules.costs,
            trade_rules.market,
            paid_since(sum_held(flow.sums, i), before, scale),
        )
    return ended(candles.close, held.side, entry, len(candles.time), OPEN, 0.0, stop)


@rule
def hold_until_turn(
    candles: Candles, turn: Sides, entry: int, held: Entry, stop: Stop, trade_rules: TradeRules
) -> Ending:
    """The baseline: out at the first traded open after the cycle turned against the side."""
    n = len(turn)
    side = held.side
    i = entry
    while i < n and turn[i] != -side:
        i += 1
    i += 1
    while i < n and not candles.volume[i] > 0.0:
        i += 1
    if i >= n:
        return ended(candles.close, side, entry, n, OPEN, 0.0, stop)
    price = fill_price(-side, candles.open[i], trade_rules.costs, trade_rules.market)
    return ended(candles.close, side, entry, i, i, price, Stop(stop.level, stop.extreme, CYCLE))


@rule
def ended(
    closes: Floats, side: int, first: int, last: int, leave: int, price: float, stop: Stop
) -> Ending:
    """An end with `stop` as told, with the bounds of the closes of the candles [first, last)."""
    best, worst = -np.inf, np.inf
    for i in range(first, last):
        best = max(best, side * closes[i])
        worst = min(worst, side * closes[i])
    return Ending(leave, price, stop.level, stop.reason, best, worst)
