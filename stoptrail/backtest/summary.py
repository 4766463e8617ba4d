"""summary.json of a run."""

from __future__ import annotations

from typing import Any

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
        "buy_and_hold": held,
        "provenance": provenance(market.sha256, settings.sweep.seed),
    }
