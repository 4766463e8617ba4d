"""No decision depends on a later candle, through whole engines.

Candles after t are changed, cut off, deleted and inserted, for many t: ends of days, last
candles before a gap (where a bucket loses its end), and any others. Every fill, level and
ignored signal up to the close of t must stay what it was.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from stoptrail.backtest.plan import Plan, Record
from stoptrail.rules.candles import Candles, Signals
from stoptrail.rules.costs import DAY
from stoptrail.rules.jit import compiled
from stoptrail.rules.stops import INITIAL
from stoptrail.rules.timeframes import higher_candles, spread
from stoptrail.rules.trade import (
    COOLDOWN,
    PENDING,
    POSITION,
    PROTECTION,
    EntryOrder,
)
from stoptrail.rules.types import OPEN
from stoptrail.strategies.signals.donchian_breakout import donchian_breakout
from stoptrail.strategies.signals.mtf_cycle import mtf_cycle
from tests.contract.engines import by_backtrader, by_compiled_rules, paper, prepared
from tests.contract.tables import run_rules
from tests.markets import FINE, random_market
from tests.strategies.market import altered_after

FOUR_HOURS = DAY // 6
START = 500
QUICK = {
    "trend": "roc",
    "trend_period": 2,
    "structure_period": 2,
    "cycle_period": 3.0,
    "cycle_threshold": 0.05,
}
SIGNALS: dict[str, tuple[Any, dict[str, Any]]] = {
    "mtf_cycle": (mtf_cycle, QUICK),
    "donchian_breakout": (donchian_breakout, {"entry_period": 3, "exit_period": 2}),
}
AT_THE_CLOSE = (POSITION, PENDING, COOLDOWN, PROTECTION)
"""Reasons that are known at the signal's own close."""


class Past(NamedTuple):
    """Everything that had been decided by the close of candle t."""

    entries: list[Any]
    exits: list[Any]
    levels: list[Any]


def past(record: Record, t: int) -> Past:
    """The record's events up to the close of candle t. Levels that were moved there hold from
    t + 1; the initial level of an entry at the open of t + 1 is a later event."""
    trades, stops = record.trades, record.stops
    entered = trades.entry <= t
    left = (trades.exit != OPEN) & (trades.exit <= t)
    known = (stops.candle <= t) | ((stops.candle == t + 1) & (stops.reason != INITIAL))
    first = ("signal", "entry", "side", "units", "fill", "initial", "atr")
    last = ("exit", "reason", "price", "fees", "borrow", "pnl")
    return Past(
        [getattr(trades, name)[entered].tolist() for name in first],
        [getattr(trades, name)[left].tolist() for name in last],
        [column[known].tolist() for column in stops],
    )


def events(candles: Candles, plan: Plan, t: int) -> tuple[list[Any], ...]:
    """Signals at closes up to that of candle t, with their sides and ATRs. A fill shows them
    one candle later only, when a look-ahead of one candle is over."""
    ready = prepared(candles, START, plan)
    known = ready.setups.candle <= t
    index = ready.setups.candle[known]
    return index.tolist(), ready.setups.side[known].tolist(), ready.atr[index].tolist()


def plan_with(signal: Any, parameters: dict[str, Any]) -> Plan:
    """Dense trading: a tight trail, breakeven, costs and every protection."""
    limits = {"daily_loss": 0.03, "losses": 3, "cooldown": 20, "wait": 2}
    costs = {"taker_fee": 0.001, "slippage": 0.0002, "borrow_daily": 0.0002}
    stops = {"multiplier": 1.5, "breakeven_trigger": 0.5, "delay": FOUR_HOURS, "market": FINE}
    return Plan(signal, parameters, 0, FOUR_HOURS, 3, run_rules(**limits, **costs, **stops))


def market() -> Candles:
    return random_market(7, 2000, market=FINE, missing=0.04)


def moments(candles: Candles, count: int) -> list[int]:
    """Ends of days, last candles before a gap, their neighbours, and random candles."""
    closes = candles.time + candles.interval
    gaps = np.flatnonzero(np.diff(candles.time) > candles.interval)
    days = np.flatnonzero(closes % DAY == 0)
    hours = gaps[closes[gaps] % FOUR_HOURS == FOUR_HOURS - candles.interval]
    special = np.concatenate((gaps, days, hours, gaps - 1, days - 1))
    special = np.unique(special[special > START])
    random = np.random.default_rng(1)
    chosen = random.choice(special, min(count, len(special)), replace=False)
    others = random.integers(START, len(candles.time) - 2, count // 2)
    assert len(hours) > 0
    return sorted({int(t) for t in (*chosen, *others, *hours[hours > START])})


@pytest.mark.parametrize("name", SIGNALS)
def test_later_candles_change_nothing_in_the_loop_over_the_rules(name: str) -> None:
    candles, plan = market(), plan_with(*SIGNALS[name])
    whole = by_compiled_rules(candles, START, plan)
    decided = changed = 0
    for t in moments(candles, 60):
        before = past(whole, t)
        decided += len(before.entries[0])
        for altered in altered_after(candles, t, seed=t):
            other = by_compiled_rules(altered, START, plan)
            assert past(other, t) == before
            assert events(altered, plan, t) == events(candles, plan, t)
            changed += past(other, len(candles.time)) != past(whole, len(candles.time))
    assert decided >= 500
    assert changed >= 100  # the alterations are not without effect


@pytest.mark.parametrize("name", SIGNALS)
def test_later_candles_change_nothing_in_backtrader(name: str) -> None:
    candles, plan = market(), plan_with(*SIGNALS[name])
    whole = by_backtrader(candles, START, plan)
    decided = 0
    for t in moments(candles, 5):
        before = past(whole, t)
        decided += len(before.entries[0])
        for altered in altered_after(candles, t, seed=t):
            assert past(by_backtrader(altered, START, plan), t) == before
    assert decided >= 50


@pytest.mark.slow
def test_later_candles_change_nothing_in_the_paper_broker() -> None:
    """Its journal also tells when each order was sent and each signal ignored."""
    candles, plan = market(), plan_with(*SIGNALS["mtf_cycle"])
    whole, journal = paper(candles, START, plan)

    def refused(refusals: list[tuple[int, int, int]], t: int) -> list[tuple[int, int, int]]:
        return [row for row in refusals if row[0] <= candles.time[t] and row[2] in AT_THE_CLOSE]

    def sent(orders: list[EntryOrder], t: int) -> list[EntryOrder]:
        return [entry_order for entry_order in orders if entry_order.signal <= candles.time[t]]

    seen = 0
    for t in moments(candles, 4)[::2]:
        for altered in altered_after(candles, t, seed=t):
            record, other = paper(altered, START, plan)
            assert past(record, t) == past(whole, t)
            assert refused(other.refused, t) == refused(journal.refused, t)
            assert sent(other.orders, t) == sent(journal.orders, t)
            seen += len(refused(other.refused, t))
    assert seen >= 50


def peeking(candles: Candles) -> Signals:
    """A planted look-ahead of one base candle."""
    zone = np.zeros(len(candles.time), np.int8)
    zone[:-1] = np.sign(candles.close[1:] - candles.open[1:])
    return Signals(zone, zone, 0)


def joined_by_opening_time(candles: Candles) -> Signals:
    """A planted look-ahead of one higher candle: its close, known at its open."""
    bars = compiled(higher_candles)(candles, FOUR_HOURS)
    begins = np.searchsorted(candles.time, bars.start).astype(np.int64)
    change = np.sign(bars.close - bars.open)
    line = compiled(spread)(change, begins, len(candles.time))
    return Signals(np.nan_to_num(line).astype(np.int8), np.zeros(len(line), np.int8), 0)


@pytest.mark.parametrize("signal", [peeking, joined_by_opening_time])
def test_a_planted_look_ahead_is_caught(signal: Any) -> None:
    candles, plan = market(), plan_with(signal, {})
    caught = [
        events(altered, plan, t) != events(candles, plan, t)
        for t in moments(candles, 20)
        for altered in altered_after(candles, t, seed=t)
    ]
    assert any(caught)
