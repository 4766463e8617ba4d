"""How far a sweep's result can be trusted: everything under `evidence` in summary.json."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.outcome import Outcome, by_year, metrics_table
from stoptrail.backtest.plan import Plan
from stoptrail.config.run_rules import constant_funding
from stoptrail.config.settings import Settings
from stoptrail.core.json import json_value
from stoptrail.feeds.checks.sampled import of_other_times
from stoptrail.feeds.tables.columns import columns_of
from stoptrail.rules.candles import Candles, Floats
from stoptrail.rules.metrics import (
    ANNUAL_ROOT,
    daily_returns,
)
from stoptrail.rules.types import BOTH, OPEN, SIDES
from stoptrail.sweep.audit.own_code import known_by_code
from stoptrail.sweep.audit.signal import glance
from stoptrail.sweep.breakdown import (
    best_year,
    beyond_market,
    concentration,
    market_returns,
    recent,
)
from stoptrail.sweep.earlier import NONE, Tried, tried
from stoptrail.sweep.exit_ablation import management
from stoptrail.sweep.plain_run import Ready, make_ready, quick_run
from stoptrail.sweep.price_paths import envelope
from stoptrail.sweep.screen import Share
from stoptrail.sweep.side_by_side import equity_marks
from stoptrail.sweep.statistics.clusters import sample_trials
from stoptrail.sweep.statistics.deflated import deflated_sharpe, moments
from stoptrail.sweep.statistics.fees import FeePoint, fee_sensitivity
from stoptrail.sweep.statistics.purged import purged_paths
from stoptrail.sweep.statistics.selection import Chosen, Trials, selection_evidence
from stoptrail.sweep.statistics.verdict import verdict


def fees(plan: Plan, inputs: Inputs, ready: Ready) -> dict[str, Any]:
    """Each fee run anew, and the fee at which the profit factor falls to 1."""

    def at(fee: float) -> FeePoint:
        trade_rules = plan.run_rules.trade_rules
        charged = trade_rules._replace(costs=trade_rules.costs._replace(taker_fee=fee))
        run = plan._replace(run_rules=plan.run_rules._replace(trade_rules=charged))
        figures = quick_run(run, inputs, ready).metrics
        return FeePoint(
            fee, figures.profit_factor, figures.sharpe, figures.net_return, figures.trades
        )

    found = fee_sensitivity(at)
    return {
        "taker_fee": plan.run_rules.trade_rules.costs.taker_fee,
        "break_even": found.break_even,
        "crossings": found.crossings,
        "rows": [json_value(asdict(point)) for point in found.points],
    }


def sides(plan: Plan, inputs: Inputs) -> dict[str, Any]:
    """The set with longs alone and with shorts alone, where it takes both."""
    found = {}
    for name, side in SIDES.items():
        if side == BOTH or plan.sides not in (BOTH, side):
            continue
        alone = plan._replace(sides=side)
        found[name] = metrics_table(quick_run(alone, inputs))
    return found


def selection(
    share: Share,
    trials: Trials,
    best: int,
    outcome: Outcome,
    seed: int,
    remembered: Callable[[Tried], Tried] = lambda _own: NONE,
    jobs: int = 1,
) -> dict[str, Any]:
    """Deflated Sharpe ratio, overfitting, cross-validation, bootstrap, plateau and edge of
    the best. remembered: notes the trials of this sweep and gives those of earlier ones;
    jobs: threads, 0 for one a core."""
    trades = outcome.record.trades
    drawn = sample_trials(share.space.size, seed)
    sample = daily_returns(equity_marks(share, drawn, jobs))
    share.memos.forget()
    own = daily_returns(outcome.equity)
    chosen = Chosen(best, own, trades.pnl[trades.exit != OPEN])
    found = selection_evidence(trials, chosen, sample, seed)
    found["deflated_sharpe"]["with_earlier"] = _with_earlier(trials, own, remembered)
    others = sample[~np.isnan(trials.objective[drawn]) & (drawn != best)]
    paths = purged_paths(np.concatenate((own[None], others)))
    carried = asdict(paths) if paths else None
    return {
        **found,
        "recent": recent(own),
        "best_year": best_year(own, share.inputs.marks.time),
        "beyond_market": beyond_market(own, market_returns(share.inputs)),
        "cross_validation": carried,
    }


def _with_earlier(
    trials: Trials, own: Floats, remembered: Callable[[Tried], Tried]
) -> dict[str, Any]:
    """The deflated Sharpe ratio over all that was tried on this market, earlier too."""
    here = tried(trials.sharpe / ANNUAL_ROOT)
    earlier = remembered(here)
    every = here.with_more(earlier)
    found = deflated_sharpe(moments(own), every.trials, every.spread)
    return {"earlier_sweeps": earlier.sweeps, **asdict(found)}


def around_the_best(outcome: Outcome, inputs: Inputs, threads: int = 1) -> dict[str, Any]:
    """What the best set's neighbourhood of assumptions says."""
    ready = make_ready(outcome.plan, inputs)
    return {
        "odd_candles": odd_candles(inputs.candles),
        "look_ahead": glance(outcome.plan, inputs.candles) | known_by_code(outcome.plan, inputs),
        "envelope": envelope(outcome, inputs, ready),
        "fees": fees(outcome.plan, inputs, ready),
        "sides": sides(outcome.plan, inputs),
        "years": by_year(outcome, inputs),
        "concentration": concentration(outcome),
        "management": management(outcome.plan, inputs, ready, threads),
    }


def odd_candles(candles: Candles) -> list[str]:
    """What most candles show of not being what was traded in their own time, a line each."""
    return [told.text for told in of_other_times(columns_of(candles), candles.interval)]


def judged(
    evidence: dict[str, Any],
    settings: Settings,
    synthetic: bool,
    funding: dict[str, Any] | None = None,
    mark: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The evidence with its verdict; NaN becomes None everywhere. `funding`: what is known of
    a swap's (feeds.market.MarketFunding.summary), `mark` the same of its mark prices."""
    known = {"source": "constant rate"} if constant_funding(settings) else funding
    levels = [settings.risk.max_leverage, *settings.sweep.grid.get("risk.max_leverage", ())]
    margin = {"source": settings.market.maintenance_from, "leverage": max(levels)}
    swap = {"maintenance": margin, "mark": mark} if settings.market_type == "swap" else {}
    of = {"market_type": settings.market_type, "funding": known, **swap}
    whole = {"synthetic": synthetic, **of, **evidence}
    found: dict[str, Any] = json_value({**whole, "verdict": verdict(whole).as_summary()})
    return found
