"""What a single run says of itself, shaped for summary.json: under which circumstances it earned
its result, what that hangs on, and its range over the price paths."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.outcome import Outcome, closed_table, mark_table
from stoptrail.config.settings import Settings
from stoptrail.core.json import json_value
from stoptrail.core.time import iso
from stoptrail.rules.candles import Floats, Times, known_prices
from stoptrail.rules.jit import compiled
from stoptrail.rules.metrics import compounded, daily_returns, sharpes
from stoptrail.rules.tally import (
    tally_profits,
    trade_figures,
)
from stoptrail.rules.types import OPEN
from stoptrail.sweep.plain_run import make_ready
from stoptrail.sweep.price_paths import envelope, has_detail
from stoptrail.sweep.statistics.drawdown_bands import LEVELS, drawdown_bands
from stoptrail.sweep.statistics.regimes import WINDOW, Regime, regimes

LAST_DAYS = 365


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
    market = market_returns(inputs)
    entered = inputs.candles.time[outcome.record.trades.entry]
    day = np.searchsorted(marks, entered, side="right") - 1
    table: dict[str, Any] = {"window_days": WINDOW}
    for regime in regimes(inputs.candles, marks[:-1]):
        trades = closed_table(outcome.record.trades, regime.days[day])
        figures = {**trades, **_days(regime, own, market)}
        table.setdefault(regime.kind, {})[regime.name] = figures
    return table


def market_returns(inputs: Inputs) -> Floats:
    """Daily returns of the market's price from the first open of the span on, shape (days,)."""
    prices = known_prices(inputs.candles, inputs.marks.time)
    prices[0] = inputs.candles.open[inputs.start]
    return daily_returns(prices)


def _days(regime: Regime, own: Floats, market: Floats) -> dict[str, Any]:
    alone = mark_table(compounded(own[regime.days]))
    table: dict[str, Any] = json_value(
        {
            "days": regime.days.sum(),
            "low": regime.low,
            "high": regime.high,
            "net_return": alone["net_return"],
            "sharpe": alone["sharpe"],
            "market_return": compounded(market[regime.days])[-1] - 1.0,
        }
    )
    return table


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


def of_one_run(outcome: Outcome, inputs: Inputs, settings: Settings) -> dict[str, Any]:
    """What can be said of a set that was not searched for: its range over the price paths,
    what it hangs on, and which of the paths paper trading's ratchet is about (C14)."""
    ready = make_ready(outcome.plan, inputs)
    ticks = settings.live.ratchet == "tick"
    along = ["tick"] if has_detail(inputs) else ["high_first", "low_first"]
    return {
        "envelope": envelope(outcome, inputs, ready),
        "concentration": concentration(outcome),
        "paper": {
            "ratchet": settings.live.ratchet,
            "paths": along if ticks else ["candle"],
        },
    }


def concentration(outcome: Outcome) -> dict[str, Any]:
    """How much of the profit hangs on a few trades: shares of the net profit of closed
    trades, None without a profit, and the profit factor without the best trades."""
    trades = outcome.record.trades
    pnl = np.sort(trades.pnl[trades.exit != OPEN])[::-1]
    net = float(pnl.sum())
    return {
        "best_trade": float(pnl[0]) / net if net > 0.0 else None,
        "best_five_trades": float(pnl[:5].sum()) / net if net > 0.0 else None,
        "profit_factor_without_best": _factor(pnl[1:]),
        "profit_factor_without_best_three": _factor(pnl[3:]),
    }


def recent(returns: Floats) -> dict[str, Any]:
    """The last year of daily returns, of a short span its last third, beside all days before:
    annualised Sharpe ratios, and by how many standard errors the mean fell between them (Welch's
    t); None where there are too few days or none differ."""
    days = min(LAST_DAYS, len(returns) // 3)
    if days < 2:
        return {"days": days, "sharpe": None, "before": None, "fall": None}
    parts = returns[:-days], returns[-days:]
    before, last = (float(sharpes(part[None])[0]) for part in parts)
    error = math.sqrt(sum(part.var(ddof=1) / len(part) for part in parts))
    fall = (parts[0].mean() - parts[1].mean()) / error if error > 0.0 else None
    return {"days": days, "sharpe": last, "before": before, "fall": fall}


def best_year(returns: Floats, marks: Times) -> dict[str, Any]:
    """The 365 days in a row that compound to most, of a short span a quarter of its days, and the
    annualised Sharpe ratio of all others; marks: as Inputs.marks.time, shape (days + 1,)."""
    days = min(LAST_DAYS, len(returns) // 4)
    if days < 2:
        return {"days": days, "start": None, "sharpe": None, "others": None}
    total = np.concatenate(([0.0], np.cumsum(np.log1p(np.maximum(returns, -0.999999)))))
    first = int(np.argmax(total[days:] - total[:-days]))
    inside = np.zeros(len(returns), bool)
    inside[first : first + days] = True
    best, others = (float(sharpes(returns[part][None])[0]) for part in (inside, ~inside))
    return {"days": days, "start": iso(int(marks[first])), "sharpe": best, "others": others}


def beyond_market(returns: Floats, market: Floats) -> dict[str, Any]:
    """What is left of daily returns, shape (days,), without the market's: `sharpe` of all, and
    `left`, once from each year those of the market are taken off, times the slope by which they
    explain that year's best (least squares); `shares` are these slopes."""
    if len(returns) < 2:
        return {"sharpe": None, "left": None, "shares": []}
    left, shares = returns.copy(), []
    years = max(1, round(len(returns) / LAST_DAYS))
    for days in np.array_split(np.arange(len(returns)), years):
        moves = market[days] - market[days].mean()
        spread = float(moves @ moves)
        share = float(moves @ returns[days]) / spread if spread > 0.0 else 0.0
        left[days] -= share * market[days]
        shares.append(share)
    whole, own = (float(sharpes(part[None])[0]) for part in (returns, left))
    return {"sharpe": whole, "left": own, "shares": shares}


def _factor(pnl: Floats) -> float:
    """Profit factor of these profits; NaN without a loss."""
    return trade_figures(compiled(tally_profits)(pnl.copy())).profit_factor
