"""Under which circumstances a run earned its result, shaped for summary.json."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.outcome import Outcome, closed_table, mark_table
from stoptrail.core.json import json_value
from stoptrail.rules.candles import Floats
from stoptrail.rules.metrics import (
    daily_returns,
)
from stoptrail.rules.types import OPEN
from stoptrail.sweep.statistics.drawdown_bands import LEVELS, drawdown_bands
from stoptrail.sweep.statistics.regimes import WINDOW, Regime, known_prices, regimes


def breakdown(outcome: Outcome, inputs: Inputs, seed: int) -> dict[str, Any]:
    """`regimes` and `drawdown_bands` of summary.json."""
    return {
        "regimes": regime_tables(outcome, inputs),
        "drawdown_bands": bands_table(outcome, seed),
    }


def regime_tables(outcome: Outcome, inputs: Inputs) -> dict[str, Any]:
    """{"window_days", kind: {name: figures}}: the days of each third compounded as if there
    were no others, the market's beside them, and the trades entered on them."""
    marks = inputs.marks.time
    own = daily_returns(outcome.equity)
    prices = known_prices(inputs.candles, marks)
    prices[0] = inputs.candles.open[inputs.start]
    market = daily_returns(prices)
    entered = inputs.candles.time[outcome.record.trades.entry]
    day = np.searchsorted(marks, entered, side="right") - 1
    table: dict[str, Any] = {"window_days": WINDOW}
    for regime in regimes(inputs.candles, marks[:-1]):
        trades = closed_table(outcome.record.trades, regime.days[day], inputs)
        figures = {**trades, **_days(regime, own, market)}
        table.setdefault(regime.kind, {})[regime.name] = figures
    return table


def _days(regime: Regime, own: Floats, market: Floats) -> dict[str, Any]:
    alone = mark_table(_compounded(own, regime.days))
    table: dict[str, Any] = json_value(
        {
            "days": regime.days.sum(),
            "low": regime.low,
            "high": regime.high,
            "net_return": alone["net_return"],
            "sharpe": alone["sharpe"],
            "market_return": _compounded(market, regime.days)[-1] - 1.0,
        }
    )
    return table


def _compounded(returns: Floats, days: NDArray[np.bool_]) -> Floats:
    return np.concatenate(([1.0], np.cumprod(1.0 + returns[days])))


def bands_table(outcome: Outcome, seed: int) -> dict[str, Any] | None:
    """The bands of statistics.drawdown_bands as lists; None where there are none."""
    trades = outcome.record.trades
    closed = trades.pnl[trades.exit != OPEN]
    found = drawdown_bands(closed, outcome.plan.run_rules.cash, seed)
    if found is None:
        return None
    return {
        "levels": list(LEVELS),
        "trades": found.at.tolist(),
        "bands": found.bands.tolist(),
        "actual": found.actual.tolist(),
        "worse": found.worse,
        "block": found.block,
        "resamples": found.resamples,
    }
