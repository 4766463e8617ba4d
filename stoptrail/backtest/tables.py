"""trades.csv, fills.csv, stops.csv and equity.csv of a run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.outcome import Outcome
from stoptrail.core.files import write_rows
from stoptrail.core.time import iso
from stoptrail.rules.candles import Candles
from stoptrail.rules.costs import fee
from stoptrail.rules.jit import compiled
from stoptrail.rules.measure import excursion
from stoptrail.rules.stops import INITIAL, REASONS, Stop, beyond_its_price
from stoptrail.rules.tally import (
    r_multiple,
)
from stoptrail.rules.types import OPEN

TRADE_COLUMNS = (
    "number",
    "side",
    "entry_time",
    "entry_price",
    "units",
    "initial_stop",
    "exit_time",
    "exit_price",
    "exit_reason",
    "fees",
    "pnl",
    "r_multiple",
    "mae",
    "mfe",
    "borrow",
    "signal_time",
)
"""mae (<= 0) and mfe (>= 0) are in R, as r_multiple is."""
FILL_COLUMNS = ("trade", "time", "side", "units", "price", "fee", "reason")
"""side: of the order, buy or sell; reason: "entry", or as exit_reason."""
STOP_COLUMNS = ("trade", "time", "level", "reason", "passed")
EQUITY_COLUMNS = ("day", "equity", "drawdown")
"""drawdown: deepest fall below the peak at the candle closes since the row before; their
greatest is the metric max_drawdown."""
STILL_OPEN = "open"
ENTRY = "entry"


def write_tables(folder: Path, outcome: Outcome, inputs: Inputs, prefix: str = "") -> None:
    """All tables; `prefix` stands before each name."""
    rows = trade_rows(outcome, inputs.candles)
    columns: tuple[str, ...] = TRADE_COLUMNS
    if extra := extra_columns(outcome, inputs):
        columns = (*columns, *extra)
        log = outcome.record.trades
        booked = zip(*(getattr(log, name).tolist() for name in extra), strict=True)
        rows = ([*row, *amounts] for row, amounts in zip(rows, booked, strict=True))
    write_rows(folder / f"{prefix}trades.csv", columns, rows)
    write_rows(folder / f"{prefix}fills.csv", FILL_COLUMNS, fill_rows(outcome))
    write_rows(folder / f"{prefix}equity.csv", EQUITY_COLUMNS, equity_rows(outcome, inputs))
    if len(outcome.record.stops.trade):
        rows = stop_rows(outcome, inputs.candles)
        write_rows(folder / f"{prefix}stops.csv", STOP_COLUMNS, rows)


def extra_columns(outcome: Outcome, inputs: Inputs) -> tuple[str, ...]:
    """Columns that only some runs need: `funding` where a swap's is known, contained in pnl,
    negative where the trade paid it (C19); `shortfall` beside it, and wherever an account owed
    more than it had (C20)."""
    funded, owed = bool(len(inputs.funding.time)), bool(outcome.record.trades.shortfall.any())
    return ("funding",) * funded + ("shortfall",) * (funded or owed)


def trade_rows(outcome: Outcome, candles: Candles) -> Iterator[list[Any]]:
    """One row a trade. An open trade has no exit; its pnl is what the marks say."""
    trades = outcome.record.trades
    for k in range(len(trades.entry)):
        still = trades.exit[k] == OPEN
        distance = abs(trades.fill[k] - trades.initial[k])
        moves = compiled(excursion)(trades, outcome.record.fills, k, candles)
        row = [
            k + 1,
            "long" if trades.side[k] > 0 else "short",
            iso(int(trades.entry_time[k])),
            trades.fill[k],
            trades.units[k],
            trades.initial[k],
            None if still else iso(int(trades.exit_time[k])),
            None if still else trades.price[k],
            STILL_OPEN if still else REASONS[trades.reason[k]],
            trades.fees[k],
            trades.pnl[k],
            r_multiple(trades.pnl[k], trades.units[k], distance),
            -moves.adverse / distance if distance > 0.0 else None,
            moves.favourable / distance if distance > 0.0 else None,
            trades.borrow[k],
            iso(int(candles.time[trades.signal[k]])),
        ]
        yield [float(cell) if isinstance(cell, np.floating) else cell for cell in row]


def fill_rows(outcome: Outcome) -> Iterator[list[Any]]:
    """Every fill, trade by trade: the entry, then what closed it, part by part."""
    trades, fills = outcome.record.trades, outcome.record.fills
    costs = outcome.plan.run_rules.trade_rules.costs
    at = 0
    for k in range(len(trades.entry)):
        units, price = float(trades.units[k]), float(trades.fill[k])
        buys = trades.side[k] > 0
        when, paid = iso(int(trades.entry_time[k])), float(fee(units, price, costs))
        yield [k + 1, when, "buy" if buys else "sell", units, price, paid, ENTRY]
        while at < len(fills.trade) and fills.trade[at] == k:
            time, reason = iso(int(fills.time[at])), REASONS[fills.reason[at]]
            numbers = (float(column[at]) for column in (fills.units, fills.price, fills.fee))
            yield [k + 1, time, "sell" if buys else "buy", *numbers, reason]
            at += 1


def stop_rows(outcome: Outcome, candles: Candles) -> Iterator[list[Any]]:
    """Every level that was in force on some candle, with the first one in which it held, and
    whether the price had passed it before (C7): a trail beyond the close or tick that set it."""
    stops, trades = outcome.record.stops, outcome.record.trades
    for trade, candle, level, reason, tick, price in zip(*stops, strict=True):
        if candle < len(candles.time):
            by = price if tick else candles.close[candle - 1]
            stop = Stop(float(level), math.nan, int(reason))
            passed = "true" if beyond_its_price(int(trades.side[trade]), stop, by) else "false"
            entered = trades.entry_time[trade] if reason == INITIAL else 0
            opens = iso(int(tick or entered or candles.time[candle]))
            yield [int(trade) + 1, opens, float(level), REASONS[reason], passed]


def equity_rows(outcome: Outcome, inputs: Inputs) -> Iterator[list[Any]]:
    """Equity at 00:00 UTC of each day, and at the two ends of the span."""
    for row in zip(inputs.marks.time, outcome.equity, outcome.falls, strict=True):
        yield [iso(row[0]), float(row[1]), float(row[2])]
