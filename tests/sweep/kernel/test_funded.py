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
    breakeven_level,
    initial_stop,
    ratchet,
    stop_fill,
    stop_hit,
)
from stoptrail.rules.trade import TradeRules
from stoptrail.rules.types import OPEN
from stoptrail.sweep.kernel.blocks import nodes_of
from stoptrail.sweep.kernel.even import first_even, last_even
from stoptrail.sweep.kernel.flow import (
    WINDOW,
    Flow,
    Flows,
    Range,
    ahead_until,
    flow_of,
    paid_ahead,
    paid_at_most,
    run_until,
    sums_within,
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


def paid_every(candles: int) -> tuple[Flow, Funding]:
    """Payments to and fro, one at the open of each so many candles."""
    market = calm_market(candles, 0.0)
    random, times = np.random.default_rng(candles), market.time[1::candles]
    rates = random.normal(0.0, 0.001, len(times))
    funding = funding_of(funding_rows(times, rates), market)
    return flow_of(funding, market.close, 2.0), funding


@pytest.mark.parametrize("every", [1, 3, 40])
def test_a_window_bounds_what_is_paid_within_it(every: int) -> None:
    flow, funding = paid_every(every)
    for candle in range(0, COUNT, 7):
        until = ahead_until(flow, candle, COUNT)
        wide = WINDOW * every
        assert min(COUNT, candle + wide // 4) <= until <= min(COUNT, candle + 4 * wide)
        begin = candle - candle % (1 << flow.windows.shift)
        inside = funding.held[begin:until]
        most = paid_ahead(flow, candle, 0.5, 2.0)
        assert most == (2.0 * (inside.min() - 0.5), 2.0 * (inside.max() - 0.5))


@pytest.mark.parametrize("every", [1, 3, 40, 160])
def test_rows_and_runs_tell_the_sums_of_any_candles(every: int) -> None:
    flow, funding = paid_every(every)
    for first in range(0, COUNT, 3):
        for end in (first + 1, first + 2, first + every, first + 9 * every):
            inside = funding.held[first : min(end, COUNT)]
            found = sums_within(flow, first, min(end, COUNT))
            assert found == (inside.min(), inside.max()), (first, end)
        other = np.flatnonzero(funding.held[first:] != funding.held[first])
        assert run_until(flow, first) == (first + other[0] if len(other) else COUNT)


@pytest.mark.parametrize("scale", [1.0, -0.7])
def test_nobody_pays_more_than_the_most_that_is_paid(scale: float) -> None:
    flow, funding = paid_every(1)
    least, greatest = paid_at_most(flow.most, scale)
    assert 0 < flow.most.candles < COUNT
    reached = []
    for entry in range(0, COUNT, 2):
        held = funding.held[entry : entry + flow.most.candles]
        paid = scale * (held - funding.opened[entry])
        assert least <= paid.min()
        assert paid.max() <= greatest
        reached.append(paid.max())
    assert max(reached) > 0.8 * greatest


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("slippage", [0.0, 0.0002, 0.1])
def test_a_level_is_between_the_bounds_of_what_it_is_rounded_from(
    side: int, slippage: float
) -> None:
    candles, random = calm_market(5, 0.0), np.random.default_rng(side + 1)
    tick = FINE.price_step / FINE.price_scale
    for rules in (ONE, FAR, ONE._replace(breakeven_margin=0.0)):
        costs = Costs(0.0004, slippage, 0.0, funding=1.0)
        trade_rules = TradeRules(rules, by_risk(0.01, 1.0, True), costs, FINE)
        for paid in random.normal(0.0, 0.5, 60):
            held = Entry(side, float(random.integers(50, 200000)) * tick, 0, ATR)
            level = side * breakeven_level(held, 0, rules, costs, FINE, paid)
            given = Range(paid, paid), held, tick, trade_rules
            assert first_even(candles, 3, *given) <= level <= last_even(candles, 9, *given)
            assert last_even(candles, 9, *given) - first_even(candles, 3, *given) < 5.1 * tick


@pytest.mark.parametrize("size", [1, 4, 64])
def test_a_window_is_as_many_rows_as_it_says(size: int) -> None:
    sums, begins = np.random.default_rng(size).normal(0.0, 1.0, 89), np.arange(0, 89, 3)
    least, greatest = window_of(sums, begins, size)
    for row, begin in enumerate(begins):
        inside = sums[begin : begin + 3 * size]
        assert (least[row], greatest[row]) == (inside.min(), inside.max())
