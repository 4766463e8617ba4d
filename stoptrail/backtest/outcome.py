"""The figures of a run, whichever engine ran it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.plan import Plan, Record
from stoptrail.core.json import json_value
from stoptrail.core.time import iso_time
from stoptrail.rules.book import BOOK_IGNORED
from stoptrail.rules.candles import Floats, Times
from stoptrail.rules.costs import fill_price
from stoptrail.rules.funding import paid_since
from stoptrail.rules.jit import compiled
from stoptrail.rules.measure import AccountCurve, equity_of, fallen, measure, position_of, tally_of
from stoptrail.rules.metrics import (
    Metrics,
    cagr,
    net_return,
    return_sums,
    sharpe,
    sortino,
)
from stoptrail.rules.paths import first_liquidation
from stoptrail.rules.sizing import affordable_units
from stoptrail.rules.stops import LIQUIDATED
from stoptrail.rules.tally import (
    TradeTally,
    trade_figures,
)
from stoptrail.rules.types import (
    OPEN,
    DayMarks,
    FillLog,
    RunRules,
    TradeLog,
    close_marks,
    fill_log,
    trade_log,
)


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
    given = candles, marks, plan.run_rules, inputs.funding
    equity = compiled(equity_of)(record.trades, record.fills, *given)
    figures = compiled(measure)(record.trades, equity, candles, marks)
    return Outcome(plan, record, equity.marks, equity.falls, Metrics(*figures))


def metrics_table(outcome: Outcome) -> dict[str, Any]:
    """The `metrics` object of summary.json; what is undefined is None."""
    ignored = dict(zip(BOOK_IGNORED, outcome.record.ignored.tolist(), strict=False))
    table: dict[str, Any] = json_value({**outcome.metrics._asdict(), "ignored_signals": ignored})
    return table


def by_side(outcome: Outcome, inputs: Inputs) -> dict[str, dict[str, Any]]:
    """Figures of the closed trades of each side."""
    trades = outcome.record.trades
    return {
        name: closed_table(trades, trades.side == side)
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
        returns = mark_table(span)
        figures = closed_table(trades, exits == year)
        table[str(year)] = figures | {name: returns[name] for name in ("net_return", "sharpe")}
    return table


def closed_table(trades: TradeLog, chosen: NDArray[np.bool_]) -> dict[str, Any]:
    """Figures of those of the `chosen` trades that are closed."""
    rows = np.flatnonzero(chosen & (trades.exit != OPEN))
    some = TradeLog._make(column[rows] for column in trades)
    return trade_table(compiled(tally_of)(some))


def trade_table(tally: TradeTally) -> dict[str, Any]:
    """The figures of closed trades; what is undefined is None."""
    table: dict[str, Any] = json_value(trade_figures(tally)._asdict())
    return table


def mark_table(equity: Floats) -> dict[str, Any]:
    """What can be said of day marks alone, shape (days + 1,)."""
    marks = np.ascontiguousarray(equity)
    sums = compiled(return_sums)(marks)
    table: dict[str, Any] = json_value(
        {
            "net_return": net_return(marks[0], marks[-1]),
            "sharpe": compiled(sharpe)(sums),
            "sortino": compiled(sortino)(sums),
        }
    )
    return table


def account_curve(
    trades: TradeLog, fills: FillLog, inputs: Inputs, run_rules: RunRules
) -> AccountCurve:
    """The account of these trades over the span of `inputs`."""
    given = trades, fills, inputs.candles

    def marked(marks: DayMarks) -> Floats:
        return compiled(equity_of)(*given, marks, run_rules, inputs.funding).marks

    count = len(inputs.candles.time) - inputs.start
    closes, step = np.empty(count), -(-count // (1 + count // _MOST_CLOSES))
    for first in range(0, count, step):
        last = first + step
        # The first mark is the open of the part, which is no close.
        closes[first:last] = marked(close_marks(inputs.candles, inputs.start + first, step))[1:]
    return AccountCurve(marked(inputs.marks), closes, mark_of_closes(inputs))


_MOST_CLOSES = 1 << 21
"""Closes that are marked at once, which takes four columns of them."""


def mark_of_closes(inputs: Inputs) -> Times:
    """The first day mark at or after each close of the span."""
    ends, count = inputs.marks.candle + 1, len(inputs.candles.time)
    # Each mark is that of the closes since the mark before.
    closes: Any = np.diff(np.clip(ends, inputs.start, count), prepend=inputs.start)
    return np.repeat(np.arange(len(ends)), closes)


def account_table(curve: AccountCurve, time: Times, falls: Floats | None = None) -> dict[str, Any]:
    """Figures of an account whatever it held, marked at `time`, shape (days + 1,), ms; its
    drawdown is at closes, as that of a run. falls: those of `fallen`, where they are known."""
    grown = cagr(curve.equity[0], curve.equity[-1], float(time[-1] - time[0]))
    deepest = float((compiled(fallen)(curve) if falls is None else falls).max())
    more: dict[str, Any] = json_value({"cagr": grown, "max_drawdown": deepest})
    return {**mark_table(curve.equity), **more}


def held_table(curve: AccountCurve, inputs: Inputs) -> dict[str, Any]:
    """Figures, daily equity and deepest falls by day of an account that held a market over the
    span of `inputs`."""
    falls = compiled(fallen)(curve)
    days: dict[str, Any] = json_value({"equity": curve.equity, "falls": falls})
    return {**account_table(curve, inputs.marks.time, falls), **days}


def buy_and_hold(inputs: Inputs, run_rules: RunRules) -> tuple[AccountCurve, dict[str, str]]:
    """One trade: a buy with all the cash at the first open of the span, at the costs of any
    other, that is still open; on a swap unless it is liquidated as any other (C20), at the time
    `liquidated`."""
    candles, rules = inputs.candles, run_rules.trade_rules
    fill = fill_price(1, candles.open[inputs.start], rules.costs, rules.market)
    held = {
        "entry": inputs.start,
        "entry_time": int(candles.time[inputs.start]),
        "exit": OPEN,
        "side": 1,
        "units": affordable_units(run_rules.cash, fill, 1.0, rules.costs),
        "fill": fill,
    }
    empty = trade_log(1)
    trade = TradeLog._make(np.zeros_like(column) for column in empty)._replace(
        **{name: np.full_like(getattr(empty, name), value) for name, value in held.items()}
    )
    trade, gone = _held_on(trade, inputs, run_rules)
    return account_curve(trade, fill_log(0), inputs, run_rules), gone


def _held_on(
    trade: TradeLog, inputs: Inputs, run_rules: RunRules
) -> tuple[TradeLog, dict[str, str]]:
    """The one `trade` without a stop, or its liquidation and when that was."""
    candles, sums, rules = inputs.candles, inputs.funding, run_rules.trade_rules
    if not (rules.margin.liquidates and len(sums.time)):
        return trade, {}
    position, i = position_of(trade, 0, run_rules), inputs.start
    scale, held = rules.costs.funding, sums.held[i:]
    paid: Any = paid_since(held, sums.opened[i], scale)  # type: ignore[arg-type]
    # Most accounts are far from what any tier asks for.
    rate = max([rules.margin.rate, *sums.tiers[:, 0].tolist()])
    left = run_rules.cash - position.fee - position.units * (position.held.fill + paid)
    if (left + position.units * candles.low[i:] * (1.0 - rate)).min() > 0.0:
        return trade, {}
    given = candles, i, position, run_rules.cash, rules, sums
    candle, end = compiled(first_liquidation)(*given)
    if candle < 0:
        return trade, {}
    time = int(candles.time[candle])
    known = {
        "exit": candle,
        "exit_time": time,
        "reason": LIQUIDATED,
        "price": end.price,
        "fees": position.fee + end.fee,
        "pnl": end.pnl,
        "funding": end.funding,
        "shortfall": end.shortfall,
    }
    columns = {name: np.full_like(getattr(trade, name), value) for name, value in known.items()}
    return trade._replace(**columns), {"liquidated": iso_time(time)}


def _years(time: NDArray[np.int64]) -> NDArray[np.int64]:
    return time.astype("datetime64[ms]").astype("datetime64[Y]").astype(np.int64) + 1970
