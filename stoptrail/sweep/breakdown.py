"""Under which circumstances a run earned its result, shaped for summary.json."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.outcome import Outcome, part_table, plain
from stoptrail.rules.candles import Floats
from stoptrail.rules.jit import compiled
from stoptrail.rules.metrics import return_sums, sharpe
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
    own = outcome.equity[1:] / outcome.equity[:-1] - 1.0
    prices = known_prices(inputs.candles, marks)
    prices[0] = inputs.candles.open[inputs.start]
    market = prices[1:] / prices[:-1] - 1.0
    entered = inputs.candles.time[outcome.record.trades.entry]
    day = np.searchsorted(marks, entered, side="right") - 1
    table: dict[str, Any] = {"window_days": WINDOW}
    for regime in regimes(inputs.candles, marks[:-1]):
        trades = part_table(outcome.record.trades, regime.days[day], inputs)
        figures = {**trades, **_days(regime, own, market)}
        table.setdefault(regime.kind, {})[regime.name] = figures
    return table


def _days(regime: Regime, own: Floats, market: Floats) -> dict[str, Any]:
    return plain(
        {
            "days": int(regime.days.sum()),
            "low": regime.low,
            "high": regime.high,
            "net_return": _compounded(own, regime.days)[-1] - 1.0,
            "sharpe": compiled(sharpe)(compiled(return_sums)(_compounded(own, regime.days))),
            "market_return": _compounded(market, regime.days)[-1] - 1.0,
        }
    )


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
