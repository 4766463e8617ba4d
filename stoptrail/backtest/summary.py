"""summary.json of a run."""

from __future__ import annotations

from typing import Any

import numpy as np

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.outcome import (
    Outcome,
    buy_and_hold,
    by_side,
    by_year,
    metrics_table,
    plain,
)
from stoptrail.backtest.provenance import provenance
from stoptrail.backtest.run_rules import fitting, inferred
from stoptrail.config.settings import Settings
from stoptrail.config.write import public_table
from stoptrail.feeds.market import Market
from stoptrail.rules.metrics import cagr, net_return, return_sums, sharpe
from stoptrail.rules.scaled_hold import scaled, share_of_cash


def summarise_run(
    command: str, settings: Settings, market: Market, inputs: Inputs, outcome: Outcome
) -> dict[str, Any]:
    """What every run writes, without `seconds`; see docs/results.md."""
    costs = settings.costs
    held = buy_and_hold(inputs, settings.account.cash, costs.taker_fee, costs.slippage)
    return {
        "command": command,
        "data": {
            **market.summary(),
            "inferred": inferred(fitting(settings, market.symbol, market.price_digits)),
        },
        "params": public_table(settings),
        "market": plain(inputs.market._asdict()),
        "metrics": metrics_table(outcome),
        "sides": by_side(outcome, inputs),
        "years": by_year(outcome, inputs),
        "buy_and_hold": {**held, "scaled": _at_same_volatility(held["equity"], outcome)},
        "provenance": provenance(market.sha256, settings.sweep.seed),
    }


def _at_same_volatility(hold: list[float], outcome: Outcome) -> dict[str, Any]:
    """Buy-and-hold with as much of the account in it as gives the run's own volatility."""
    marks = np.array(hold)
    share = share_of_cash(marks, outcome.equity)
    equity = scaled(marks, share)
    peak = np.maximum.accumulate(equity)
    figures = {
        "share": share,
        "net_return": net_return(equity[0], equity[-1]),
        "cagr": cagr(equity[0], equity[-1], float(len(equity) - 1)),
        "sharpe": sharpe(return_sums(equity)),
        "max_drawdown": float(np.max(1.0 - equity / peak)),
    }
    return {**plain(figures), "equity": equity.tolist()}
