"""Positions that pay funding while breakeven moves their stop: followed by blocks as candle by
candle."""

from __future__ import annotations

import numpy as np
import pytest

from stoptrail.rules.candles import Candles
from stoptrail.rules.costs import Costs
from stoptrail.rules.funding import Funding, funding_of, funding_rows, paid_since
from stoptrail.rules.sizing import by_risk
from stoptrail.rules.stops import (
    BREAKEVEN,
    Entry,
    Stop,
    StopRules,
    initial_stop,
    ratchet,
    stop_fill,
    stop_hit,
)
from stoptrail.rules.trade import TradeRules
from stoptrail.rules.types import OPEN
from stoptrail.sweep.kernel.blocks import nodes_of
from stoptrail.sweep.kernel.flow import (
    LONG,
    SHORT,
    WINDOWS,
    Flows,
    ahead_of,
    ahead_until,
    paid_ahead,
    runs_of,
    window_of,
)
from stoptrail.sweep.kernel.hold import hold
from tests.markets import FINE, MIDNIGHT, QUARTER_HOUR

COUNT, ATR = 500, 0.8
ONE = StopRules(3.0, 1.0, 0.0002, False)
FAR = StopRules(8.0, 0.7, 0.001, False)


def calm_market(seed: int, drift: float) -> Candles:
    """Prices so calm that whole blocks pass a stop."""
    random = np.random.default_rng(seed)
    path = 100.0 * np.exp(np.cumsum(random.normal(drift, 0.0012, COUNT + 1)))
    first, last = np.round(path[:-1], 2), np.round(path[1:], 2)
    high = np.maximum(first, last) + np.round(random.random(COUNT) * 0.05, 2)
    low = np.minimum(first, last) - np.round(random.random(COUNT) * 0.05, 2)
    time = MIDNIGHT + QUARTER_HOUR * np.arange(COUNT)
    return Candles(time, first, high, low, last, np.ones(COUNT), QUARTER_HOUR)


def hourly(seed: int, candles: Candles) -> Funding:
    """Rates that move breakeven to and fro, some of them between two closes of a block."""
    random = np.random.default_rng([seed, 1])
    times = candles.time[2::4]
    return funding_of(funding_rows(times, random.normal(0.0, 0.0004, len(times))), candles)


def candle_by_candle(
    candles: Candles, entry: int, held: Entry, stop: Stop, rules: TradeRules, sums: Funding
) -> tuple[int, float, int]:
    """Exit candle, price and what set the level, by the rules alone."""
    costs, market = rules.costs, rules.market
    for i in range(entry, COUNT):
        if stop_hit(held.side, candles.high[i], candles.low[i], stop.level):
            price = stop_fill(held.side, candles.open[i], stop.level, costs, market)
            return i, price, stop.reason
        paid = paid_since(sums.held[i], sums.opened[entry], costs.funding)
        prices = candles.high[i], candles.low[i], candles.close[i], ATR
        closes = int(candles.time[i]) + QUARTER_HOUR
        stop = ratchet(stop, held, *prices, closes, rules.stop, costs, market, paid)
    return OPEN, 0.0, stop.reason


@pytest.mark.parametrize("borrow", [0.0, 0.003])
@pytest.mark.parametrize("scale", [1.0, -0.7])
@pytest.mark.parametrize("side", [1, -1])
def test_breakeven_that_funding_moves_is_that_of_each_close(
    side: int, scale: float, borrow: float
) -> None:
    """Armed within a block, it knows nothing of sums at earlier closes of it."""
    ends = []
    for seed in range(3):
        candles = calm_market(seed, side * 0.0001)
        funding, nodes = hourly(seed, candles), nodes_of(candles, np.full(COUNT, ATR))
        flow = Flows(funding, candles.close).at(scale)
        for rules in (ONE, FAR):
            costs = Costs(0.0004, 0.0002, borrow, funding=scale)
            trade_rules = TradeRules(rules, by_risk(0.01, 1.0, True), costs, FINE)
            for entry in range(1, COUNT, 9):
                held = Entry(side, float(candles.open[entry]), int(candles.time[entry]), ATR)
                stop = initial_stop(held, rules, FINE)
                end = hold(candles, nodes, entry, held, stop, trade_rules, flow)
                wanted = candle_by_candle(candles, entry, held, stop, trade_rules, funding)
                assert (end.exit, end.price, end.reason) == wanted, (seed, entry, rules)
                ends.append(end.reason)
    assert ends.count(BREAKEVEN) > 25


@pytest.mark.parametrize("every", [1, 3, 40])
def test_a_window_bounds_what_is_paid_within_it(every: int) -> None:
    random = np.random.default_rng(every)
    sums = np.cumsum(random.normal(0.0, 1.0, 900) * (np.arange(900) % every == 0))
    found = ahead_of(sums, runs_of(sums))
    for window in (LONG, SHORT):
        for candle in range(0, 900, 7):
            until = ahead_until(found, candle, window, 900)
            runs = WINDOWS[window] * max(2 * every, 2)
            assert min(900, candle + runs // 4) <= until <= min(900, candle + 2 * runs)
            begin = candle - candle % (1 << found.shift)
            inside = sums[begin:until]
            most = paid_ahead(found, candle, window, 0.5, 2.0)
            assert most == (2.0 * (inside.min() - 0.5), 2.0 * (inside.max() - 0.5))


@pytest.mark.parametrize("size", [1, 4, 64])
def test_a_window_is_as_many_rows_as_it_says(size: int) -> None:
    rows = np.random.default_rng(size).normal(0.0, 1.0, (2, 30))
    least, greatest = window_of(rows[0], rows[1], size)
    for row in range(30):
        inside = rows[:, row : row + size]
        assert (least[row], greatest[row]) == (inside[0].min(), inside[1].max())
