"""How deep the same trades might have fallen in another order: drawdown bands.

Trades are drawn anew in blocks by the stationary bootstrap (see statistics.bootstrap),
each as its share of the account before it, and compounded. Drawdowns are those between
closed trades: what happens within a trade is not seen, so they are milder than the metric
of candle closes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stoptrail.rules.candles import Floats, Times
from stoptrail.rules.metrics import compounded, drawdowns
from stoptrail.sweep.statistics.bootstrap import RESAMPLES, mean_block, resampled

LEVELS = (0.05, 0.5, 0.95)
MOST_POINTS = 200
_AT_ONCE = 2_000_000
"""Trades drawn at a time; another number draws others."""
_ROUNDING = 1e-9
"""The same trades in another order give the same fall but for rounding."""


@dataclass(frozen=True)
class DrawdownBands:
    """The deepest drawdown so far after each number of trades."""

    at: Times
    """Numbers of trades, ascending, shape (points,)."""
    bands: Floats
    """Quantiles at LEVELS over the resamples, shape (levels, points)."""
    actual: Floats
    """As it happened, shape (points,)."""
    worse: float
    """Share of the resamples whose deepest drawdown is at least the actual one."""
    block: float
    """Mean length of a block in trades."""
    resamples: int


def drawdown_bands(
    pnl: Floats, cash: float, seed: int, *, resamples: int = RESAMPLES
) -> DrawdownBands | None:
    """Bands from the profits of closed trades in order, shape (trades,), and the cash before
    the first; None below two trades or where the account is ever empty."""
    count = len(pnl)
    before = cash + np.concatenate(([0.0], np.cumsum(pnl)))
    if count < 2 or not before.min() > 0.0:
        return None
    shares = pnl / before[:-1]
    points = np.unique(np.linspace(1, count, min(count, MOST_POINTS)).round().astype(np.int64))

    def falls(drawn: Floats) -> Floats:
        return deepest(drawn)[:, points - 1]

    found, actual = resampled(falls, shares, seed, resamples, _AT_ONCE), falls(shares[None, :])[0]
    return DrawdownBands(
        points,
        np.quantile(found, LEVELS, axis=0),
        actual,
        float((found[:, -1] >= actual[-1] * (1.0 - _ROUNDING)).mean()),
        mean_block(count),
        resamples,
    )


def deepest(shares: Floats) -> Floats:
    """The deepest drawdown after each trade, as a fraction of the peak; shape of `shares`,
    (rows, trades): profit of each trade over the account before it, compounded by row."""
    return np.maximum.accumulate(drawdowns(compounded(shares))[:, 1:], axis=1)
