"""What choosing anew on the past would have earned: rolling train and test windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.outcome import (
    Outcome,
    closed_table,
    judge,
    mark_table,
    metrics_table,
)
from stoptrail.backtest.plan import Plan, Record
from stoptrail.core.json import json_value
from stoptrail.core.time import DAY_MS, iso
from stoptrail.rules.candles import rows_of
from stoptrail.rules.decide import quiet_after
from stoptrail.rules.funding import first_candles
from stoptrail.rules.trade import IGNORED
from stoptrail.rules.types import (
    OPEN,
    FillLog,
    TradeLog,
    day_marks,
    fill_log,
    stop_log,
    trade_log,
)
from stoptrail.sweep.plain_run import Ready, make_ready, quick_record
from stoptrail.sweep.statistics.windows import Window

_ENDS = ("train_start", "train_end", "test_start", "test_end")


class WindowResult(NamedTuple):
    """One window: what training chose and what the test made of it."""

    window: Window
    combination: int | None
    """None where no combination had enough trades: the window is not traded."""
    train: dict[str, Any]
    test: TradeLog | None


class Chained(NamedTuple):
    """The test windows one after the other."""

    steps: tuple[WindowResult, ...]
    outcome: Outcome
    inputs: Inputs
    """Of the span of all test windows."""


def train_inputs(inputs: Inputs, window: Window) -> Inputs:
    """Candles up to the end of the train window: an open trade is marked there."""
    return _cut(inputs, window.train_start, window.train_end)


def test_inputs(inputs: Inputs, first: int, last: int) -> Inputs:
    """Candles up to `last`, marked from `first` on (ms)."""
    return _cut(inputs, first, last)


def _cut(inputs: Inputs, first: int, last: int) -> Inputs:
    candles = inputs.candles
    end = int(np.searchsorted(candles.time, last))
    kept = rows_of(candles, slice(0, end))
    start = int(np.searchsorted(kept.time, first))
    funding = first_candles(inputs.funding, end)
    return Inputs(
        kept, start, day_marks(kept, start), inputs.market, rows=inputs.rows, funding=funding
    )


def enough_trades(per_year: float, window: Window) -> float:
    """Closed trades that a set needs in the train window."""
    days = (window.train_end - window.train_start) / DAY_MS
    return per_year * days / 365.0


def chain(
    inputs: Inputs,
    choices: Sequence[tuple[Window, int | None, dict[str, Any]]],
    plan_of: Callable[[int], Plan],
    base: Plan,
) -> Chained:
    """Trade each test window with its choice, capital carried on.

    A window's entries run to their exits under their own parameters, past the window's
    end if need be, and block new ones until then. `base` gives cash and costs, which are
    the same for all.
    """
    first, last = choices[0][0].test_start, choices[-1][0].test_end
    span = test_inputs(inputs, first, last)
    balance, free_from = base.run_rules.cash, 0
    steps: list[WindowResult] = []
    logs: list[TradeLog] = []
    fills: list[FillLog] = []
    ignored = np.zeros(len(IGNORED), np.int64)
    for window, combination, trained in choices:
        log = None
        if combination is not None:
            plan = plan_of(combination)
            plan = plan._replace(run_rules=plan.run_rules._replace(cash=balance))
            record = _one_window(plan, span, window, free_from)
            log = record.trades
            ignored += record.ignored
            if len(log.pnl):
                balance += float(log.pnl.sum())
                ends = len(span.candles.time) if log.exit[-1] == OPEN else int(log.exit[-1])
                free_from = quiet_after(ends, plan.run_rules)
            shift = sum(len(earlier.entry) for earlier in logs)
            logs.append(log)
            fills.append(record.fills._replace(trade=record.fills.trade + shift))
        steps.append(WindowResult(window, combination, trained, log))
    trades = TradeLog(*map(np.concatenate, zip(trade_log(0), *logs, strict=True)))
    closed = FillLog(*map(np.concatenate, zip(fill_log(0), *fills, strict=True)))
    record = Record(trades, stop_log(0), ignored, closed)
    return Chained(tuple(steps), judge(base, record, span), span)


def _one_window(plan: Plan, span: Inputs, window: Window, free_from: int) -> Record:
    ready = make_ready(plan, span)
    times = span.candles.time[ready.setups.candle]
    inside = (times >= window.test_start) & (times < window.test_end)
    inside &= ready.setups.candle >= free_from
    setups = ready.setups._replace(
        candle=ready.setups.candle[inside], side=ready.setups.side[inside]
    )
    return quick_record(plan, span, Ready(setups, ready.atr))


def step_table(
    chained: Chained, step: WindowResult, params: dict[str, Any] | None
) -> dict[str, Any]:
    """One window as the evidence shows it; its Sharpe ratio is that of the chained account
    on the window's days."""
    window = step.window
    test: dict[str, Any] = {"trades": 0, "pnl": 0.0}
    if step.test is not None:
        every = np.ones(len(step.test.pnl), bool)
        closed = closed_table(step.test, every)
        test = {
            "trades": closed["trades"],
            # With what a trade that is still open has made so far: it is in the equity.
            "pnl": float(step.test.pnl.sum()),
            "profit_factor": closed["profit_factor"],
        }
    return {
        **{name: iso(getattr(window, name)) for name in _ENDS},
        "partial": window.partial,
        "params": params,
        "train_metrics": json_value(step.train),
        "test_metrics": {**test, "sharpe": _sharpe_within(chained, window)},
    }


def _sharpe_within(chained: Chained, window: Window) -> float | None:
    times = chained.inputs.marks.time
    inside = (times >= window.test_start) & (times <= window.test_end)
    found: float | None = mark_table(chained.outcome.equity[inside])["sharpe"]
    return found


def figures(chained: Chained) -> dict[str, Any]:
    """Metrics of the chained test windows."""
    return metrics_table(chained.outcome)
