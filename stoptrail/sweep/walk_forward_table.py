"""The walk-forward as `evidence.walk_forward` in summary.json."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.outcome import (
    Outcome,
    account_curve,
    account_table,
    buy_and_hold,
    closed_table,
    mark_table,
    metrics_table,
)
from stoptrail.core.json import json_value
from stoptrail.core.time import iso
from stoptrail.rules.measure import held_candles
from stoptrail.rules.metrics import compounded, daily_returns
from stoptrail.rules.tally import ratio
from stoptrail.sweep.phases import AVERAGES, SINGLE, SWEEP, Walked
from stoptrail.sweep.space import Space
from stoptrail.sweep.statistics.bootstrap import sharpe_interval
from stoptrail.sweep.walk_forward import Chained, figures, step_table


def walk_table(
    walked: list[Walked], space: Space, runs: dict[str, Outcome], inputs: Inputs, seed: int
) -> dict[str, Any]:
    """All that is told of the phases. The first one, not shifted, has its windows and its
    equity; runs: the columns that are told of its span as well, the chosen set first."""
    first = walked[0].chained[SWEEP]
    best = next(iter(runs.values()))
    returns = daily_returns(first.outcome.equity)
    interval = sharpe_interval(returns, seed)
    table: dict[str, Any] = json_value(
        {
            "in_sample": metrics_table(best),
            "out_of_sample": figures(first),
            "interval": asdict(interval),
            "phases": [_phase_row(found) for found in walked],
            "range": spread_of([_sharpe(found, SWEEP) for found in walked]),
            "selections": {name: _selection(walked, name) for name in (*SINGLE, *AVERAGES)},
            "same_span": same_span(runs, inputs, int(first.inputs.marks.time[0])),
            "windows": _windows(first, space),
            "equity": [
                [iso(time), float(value), float(fall)]
                for time, value, fall in zip(
                    first.inputs.marks.time, first.outcome.equity, first.outcome.falls, strict=True
                )
            ],
        }
    )
    return table


def same_span(runs: dict[str, Outcome], inputs: Inputs, start: int) -> dict[str, Any]:
    """Each run and buy-and-hold from `start` (ms) on: returns of these days alone, the time in
    the market, and the closed trades that were entered in them."""
    at = int(np.searchsorted(inputs.marks.time, start))
    entered, marks = inputs.candles.time, inputs.marks.time[at:]
    first, span = int(np.searchsorted(entered, marks[0])), float(marks[-1] - marks[0])
    rules = next(iter(runs.values())).plan.run_rules
    hold, _ = buy_and_hold(inputs, rules)
    table: dict[str, Any] = {"start": iso(int(inputs.marks.time[at]))}
    for name, run in runs.items():
        trades, fills = run.record.trades, run.record.fills
        own = closed_table(trades, entered[trades.entry] >= start)
        curve = account_curve(trades, fills, inputs, run.plan.run_rules)
        held = float(held_candles(trades, first, len(entered)) * inputs.candles.interval)
        of_time = {"exposure": ratio(held, span)}
        table[name] = own | account_table(curve.since(at), marks) | of_time
    return {**table, "buy_and_hold": account_table(hold.since(at), marks)}


def _windows(chained: Chained, space: Space) -> list[dict[str, Any]]:
    return [
        step_table(
            chained,
            step,
            None if step.combination is None else space.grid.combination(step.combination),
        )
        for step in chained.steps
    ]


def _phase_row(walked: Walked) -> dict[str, Any]:
    chained = walked.chained[SWEEP]
    told = figures(chained)
    return {
        "shift_days": walked.phase.shift_days,
        "start": iso(int(chained.inputs.marks.time[0])),
        "windows": len(walked.phase.windows),
        "partial": walked.phase.windows[-1].partial,
        **{name: told[name] for name in ("sharpe", "net_return", "profit_factor", "trades")},
    }


def _selection(walked: list[Walked], name: str) -> dict[str, Any]:
    """One way of choosing over the phases."""
    sharpes = [_sharpe(found, name) for found in walked]
    return {"sharpes": sharpes, **spread_of(sharpes)}


def spread_of(sharpes: list[float]) -> dict[str, Any]:
    """What Sharpe ratios of several phases spread over; NaN ones are left out."""
    known = np.array([value for value in sharpes if np.isfinite(value)])
    if not len(known):
        return {"low": None, "median": None, "high": None, "mean": None, "deviation": None}
    return {
        "low": known.min(),
        "median": float(np.median(known)),
        "high": known.max(),
        "mean": known.mean(),
        "deviation": known.std(ddof=1) if len(known) > 1 else None,
    }


def _sharpe(walked: Walked, name: str) -> float:
    if name in AVERAGES:
        value = mark_table(compounded(walked.averages[name]))["sharpe"]
        return float("nan") if value is None else float(value)
    chained = walked.chained.get(name)
    return float("nan") if chained is None else float(chained.outcome.metrics.sharpe)
