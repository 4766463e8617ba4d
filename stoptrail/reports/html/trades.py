"""Trades, their stop paths and their candles, as columns for the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stoptrail.reports.html.candles import MOST_CHARTS, trade_windows
from stoptrail.reports.html.markup import minutes, packed
from stoptrail.reports.run_files import RunFiles, StopLevel, TradeRecord
from stoptrail.rules.candles import Candles

_NUMBERS = (
    "entry_price",
    "units",
    "initial_stop",
    "exit_price",
    "fees",
    "pnl",
    "r_multiple",
    "mae",
    "mfe",
)
OPEN = -1
"""Stands for the exit time of a position still open."""


def trade_columns(trades: list[TradeRecord]) -> dict[str, Any]:
    """trades.csv as packed columns; a time is in minutes, OPEN where there is none."""
    ends = [OPEN * 60_000 if trade.exit_time is None else trade.exit_time for trade in trades]
    columns: dict[str, Any] = {
        "number": packed([trade.number for trade in trades], "int32"),
        "side": packed([trade.side for trade in trades], "int8"),
        "entry_time": minutes([trade.entry_time for trade in trades]),
        "exit_time": minutes(ends),
        "exit_reason": [trade.exit_reason for trade in trades],
    }
    if any(trade.sleeve for trade in trades):
        columns["sleeve"] = packed([trade.sleeve for trade in trades], "int32")
    for name in _NUMBERS:
        columns[name] = packed([getattr(trade, name) for trade in trades], "float64")
    return columns


def trade_data(run: RunFiles, candles: Candles | Mapping[str, Candles]) -> dict[str, Any]:
    """Everything the trade list and the trade chart need."""
    charted = run.trades[:MOST_CHARTS]
    return {
        "columns": trade_columns(run.trades),
        "exits": {row: _exits(trade) for row, trade in enumerate(charted) if _in_parts(trade)},
        "stops": [_stop_path(run.stops.get(trade.number, [])) for trade in charted],
        "windows": trade_windows(candles, run.trades),
    }


def _in_parts(trade: TradeRecord) -> bool:
    """Whether a trade left part by part: at once it left as its row says."""
    return len(trade.exit_points) > (trade.exit_time is not None)


def _exits(trade: TradeRecord) -> dict[str, Any]:
    points = trade.exit_points
    return {
        "time": minutes([time for time, _ in points]),
        "price": packed([price for _, price in points], "float64"),
    }


def fee_data(run: RunFiles) -> dict[str, Any]:
    """Fees as they added up, for the strategy and for the legacy exits."""
    paid = {"strategy": run.trades, "baseline": run.baseline_trades}
    return {name: _fees(trades) for name, trades in paid.items() if trades}


def _fees(trades: list[TradeRecord]) -> dict[str, Any]:
    closed = sorted((t.exit_time, t.fees) for t in trades if t.exit_time is not None)
    return {
        "time": minutes([time for time, _ in closed]),
        "paid": packed(np.cumsum([fees for _, fees in closed]), "float64"),
    }


def _stop_path(levels: list[StopLevel]) -> dict[str, Any]:
    path = {
        "time": minutes([level.time for level in levels]),
        "level": packed([level.level for level in levels], "float64"),
        "breakeven": [place for place, level in enumerate(levels) if level.reason == "breakeven"],
    }
    rare = {
        "rule": [place for place, level in enumerate(levels) if level.reason == "rule"],
        "passed": [place for place, level in enumerate(levels) if level.passed],
    }
    return path | {name: places for name, places in rare.items() if places}
