"""Arrays that a pre-screen fills, one row for each combination."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.room import zeros
from stoptrail.rules.candles import Floats
from stoptrail.rules.jit import rule
from stoptrail.rules.metrics import (
    Metrics,
)
from stoptrail.rules.trade import IGNORED
from stoptrail.rules.types import Counts

COLUMN: Any = Metrics._make(range(len(Metrics._fields)))
"""Metrics with the number of its column in Results.metrics in each field."""


class Results(NamedTuple):
    """What is known of k combinations."""

    metrics: Floats
    """Fields of rules.metrics.Metrics by COLUMN, shape (k, len(COLUMN))."""
    trades: Counts
    """Trades, an open one included, shape (k,)."""
    ignored: Counts
    """Signals by code in rules.trade.IGNORED, shape (k, len(IGNORED))."""
    fingerprint: NDArray[np.uint64]
    """sweep.kernel.fingerprint of the trade list, shape (k,)."""
    block_sums: Floats
    """rules.metrics.block_sums, shape (k, blocks, 2); blocks may be 0: none are kept."""
    equity: Floats
    """Equity at the day marks, shape (k, d + 1), or (k, 0): none is kept."""


def results_for(count: int, blocks: int = 0, marks: int = 0, folder: Path | None = None) -> Results:
    """Room for `count` combinations, with `blocks` runs of days and, if not 0, all the
    `marks` day marks of each; the sums of very many lie in a file of `folder`."""
    return Results(
        metrics=np.zeros((count, len(COLUMN))),
        trades=np.zeros(count, np.int64),
        ignored=np.zeros((count, len(IGNORED)), np.int64),
        fingerprint=np.zeros(count, np.uint64),
        block_sums=zeros((count, blocks, 2), folder),
        equity=np.zeros((count, marks)),
    )


def part(results: Results, first: int, end: int) -> Results:
    """The rows [first, end) of `results`, as views: what one thread fills."""
    rows = slice(first, end)
    return Results(
        metrics=results.metrics[rows],
        trades=results.trades[rows],
        ignored=results.ignored[rows],
        fingerprint=results.fingerprint[rows],
        block_sums=results.block_sums[rows],
        equity=results.equity[rows],
    )


@rule
def write_metrics(row: Floats, metrics: Metrics) -> None:
    """`metrics` as one row of Results.metrics."""
    row[COLUMN.net_return] = metrics.net_return
    row[COLUMN.cagr] = metrics.cagr
    row[COLUMN.sharpe] = metrics.sharpe
    row[COLUMN.sortino] = metrics.sortino
    row[COLUMN.profit_factor] = metrics.profit_factor
    row[COLUMN.max_drawdown] = metrics.max_drawdown
    row[COLUMN.trades] = metrics.trades
    row[COLUMN.win_rate] = metrics.win_rate
    row[COLUMN.payoff_ratio] = metrics.payoff_ratio
    row[COLUMN.fees_paid] = metrics.fees_paid
    row[COLUMN.avg_hours] = metrics.avg_hours
    row[COLUMN.exposure] = metrics.exposure
    row[COLUMN.avg_r] = metrics.avg_r
    row[COLUMN.scratches] = metrics.scratches
    row[COLUMN.win_rate_without_scratches] = metrics.win_rate_without_scratches
    row[COLUMN.funding_paid] = metrics.funding_paid
