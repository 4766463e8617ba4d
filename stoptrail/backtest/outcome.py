"""The figures of a run, whichever engine ran it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.plan import Plan, Record
from stoptrail.rules.candles import Floats
from stoptrail.rules.costs import DAY
from stoptrail.rules.jit import compiled
from stoptrail.rules.measure import equity_of, measure, tally_of
from stoptrail.rules.metrics import (
    Metrics,
    payoff_ratio,
    profit_factor,
    ratio,
    return_sums,
    sharpe,
)
from stoptrail.rules.trade import IGNORED
from stoptrail.rules.types import OPEN, TradeLog


class Outcome(NamedTuple):
    """A run with its equity and figures."""

    plan: Plan
    record: Record
    equity: Floats
    """At each day mark, shape (d + 1,)."""
    falls: Floats
    """Deepest fall below the peak at the closes of each day, see rules.measure.Equity."""
    metrics: Metrics


def judge(plan: Plan, record: Record, inputs: Inputs) -> Outcome:
    """The figures of `record`."""
    candles, marks = inputs.candles, inputs.marks
    equity = compiled(equity_of)(record.trades, candles, marks, plan.run_rules)
    figures = compiled(measure)(record.trades, equity, candles, marks)
    return Outcome(plan, record, equity.marks, equity.falls, Metrics(*figures))


def metrics_table(outcome: Outcome) -> dict[str, Any]:
    """The `metrics` object of summary.json; what is undefined is None."""
    ignored = {
        name: int(count) for name, count in zip(IGNORED, outcome.record.ignored, strict=True)
    }
    return {**plain(outcome.metrics._asdict()), "ignored_signals": ignored}


def plain(figures: dict[str, Any]) -> dict[str, Any]:
    """Numbers as JSON knows them: NaN and infinities become None."""
    return {key: _plain(value) for key, value in figures.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def by_side(outcome: Outcome, inputs: Inputs) -> dict[str, dict[str, Any]]:
    """Figures of the closed trades of each side."""
    trades = outcome.record.trades
    return {
        name: part_table(trades, trades.side == side, inputs)
        for name, side in (("long", 1), ("short", -1))
    }


def by_year(outcome: Outcome, inputs: Inputs) -> dict[str, dict[str, Any]]:
    """Figures of each calendar year: of trades by their exit, of returns by their day."""
    trades, marks, equity = outcome.record.trades, inputs.marks.time, outcome.equity
    exits = _years(inputs.candles.time[trades.exit])
    # The mark at midnight closes the day before it.
    days = _years(marks - 1)
    table = {}
    for year in range(int(_years(marks[:1])[0]), int(days[-1]) + 1):
        first = int(np.searchsorted(days, year))
        span = equity[max(0, first - 1) : int(np.searchsorted(days, year, side="right"))]
        figures = part_table(trades, exits == year, inputs)
        figures["net_return"] = _plain(float(span[-1] / span[0] - 1.0))
        figures["sharpe"] = _plain(compiled(sharpe)(compiled(return_sums)(span.copy())))
        table[str(year)] = figures
    return table


def part_table(trades: TradeLog, chosen: NDArray[np.bool_], inputs: Inputs) -> dict[str, Any]:
    """Figures of some of the closed trades."""
    rows = np.flatnonzero(chosen & (trades.exit != OPEN))
    columns: list[Any] = [column[rows] for column in trades]
    some = TradeLog(*columns)
    tally = compiled(tally_of)(some, inputs.candles)
    return plain(
        {
            "trades": tally.trades,
            "win_rate": ratio(tally.wins, tally.trades),
            "payoff_ratio": payoff_ratio(tally),
            "profit_factor": profit_factor(tally),
            "pnl": tally.gross_profit - tally.gross_loss,
            "fees_paid": tally.fees,
            "avg_hours": ratio(tally.hours, tally.trades),
            "avg_r": ratio(tally.r_total, tally.trades),
        }
    )


def buy_and_hold(inputs: Inputs, cash: float, fee: float, slippage: float) -> dict[str, Any]:
    """Figures, daily equity and deepest falls by day (at candle closes) of buying at the
    first open of the span and holding on."""
    candles, marks = inputs.candles, inputs.marks
    price = candles.open[inputs.start] * (1.0 + slippage) * (1.0 + fee)
    closes = candles.close[inputs.start :]
    path = np.concatenate(([1.0], closes / price))
    equity = np.concatenate(([cash], candles.close[marks.candle[1:]] / price * cash))
    sums = compiled(return_sums)(equity)
    falls = 1.0 - path / np.maximum.accumulate(path)
    figures = {
        "net_return": equity[-1] / cash - 1.0,
        "cagr": (equity[-1] / cash) ** (365.0 * DAY / (marks.time[-1] - marks.time[0])) - 1.0,
        "sharpe": compiled(sharpe)(sums),
        "max_drawdown": float(np.max(falls)),
    }
    by_day = daily_worst(falls[1:], marks.candle - inputs.start)
    return {**plain(figures), "equity": equity.tolist(), "falls": by_day.tolist()}


def daily_worst(values: Floats, last: NDArray[np.int64]) -> Floats:
    """The greatest of `values`, one for each candle, in each day; shape of `last`.

    last: index of the last candle of each day, ascending; below 0 for a day without one.
    """
    running = [
        float(values[first + 1 : end + 1].max(initial=0.0))
        for first, end in zip(np.append([-1], np.maximum(last[:-1], -1)), last, strict=True)
    ]
    return np.array(running, np.float64)


def _years(time: NDArray[np.int64]) -> NDArray[np.int64]:
    return time.astype("datetime64[ms]").astype("datetime64[Y]").astype(np.int64) + 1970
