"""summary.json of a run."""

from __future__ import annotations

from typing import Any

import numpy as np

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.no_trade import why_no_trade
from stoptrail.backtest.outcome import (
    Outcome,
    buy_and_hold,
    by_side,
    by_year,
    mark_table,
    metrics_table,
)
from stoptrail.backtest.provenance import provenance
from stoptrail.config.run_rules import fitting, inferred, run_rules_of
from stoptrail.config.settings import Settings
from stoptrail.config.write import public_table
from stoptrail.core.json import json_value
from stoptrail.feeds.market import MarketData
from stoptrail.rules.metrics import (
    cagr,
)
from stoptrail.rules.scaled_hold import scaled, share_of_cash


def summarise_run(
    command: str, settings: Settings, market: MarketData, inputs: Inputs, outcome: Outcome
) -> dict[str, Any]:
    """What every run writes, without `seconds`; see docs/results.md."""
    held = buy_and_hold(inputs, run_rules_of(settings, inputs.market))
    return {
        "command": command,
        "data": {
            **market.summary(),
            "inferred": inferred(
                fitting(settings, market.symbol, market.price_digits, market.filters)
            ),
        },
        "params": public_table(settings),
        "market": inputs.market._asdict(),
        "metrics": metrics_table(outcome),
        "no_trade": why_no_trade(outcome, inputs, market.symbol) or None,
        "sides": by_side(outcome, inputs),
        "years": by_year(outcome, inputs),
        "buy_and_hold": {**held, "scaled": _at_same_volatility(held["equity"], outcome, inputs)},
        "provenance": provenance(market.sha256, settings.sweep.seed),
    }


def _at_same_volatility(hold: list[float], outcome: Outcome, inputs: Inputs) -> dict[str, Any]:
    """Buy-and-hold with as much of the account in it as gives the run's own volatility."""
    marks = np.array(hold)
    share = share_of_cash(marks, outcome.equity)
    equity = scaled(marks, share)
    growth = cagr(equity[0], equity[-1], float(np.ptp(inputs.marks.time)))
    table: dict[str, Any] = json_value(
        {"share": share, "cagr": growth, **mark_table(equity), "equity": equity}
    )
    return table
