"""Two engines' trade lists compared, trade by trade."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stoptrail.backtest.plan import Record

EXACT = ("signal", "entry", "exit", "side", "reason")
"""Times and reasons must be equal."""
CLOSE = ("units", "fill", "initial", "price")
"""Prices and units must agree to a relative RELATIVE."""
RELATIVE = 1e-9
"""Also of the notional, for the profit."""
SHOWN = 5


class Comparison(NamedTuple):
    """What a comparison found."""

    trades: int
    """Trades compared."""
    mismatches: tuple[str, ...]
    """One line for each trade or count that differs."""


def compare(one: Record, other: Record, name: str) -> Comparison:
    """Trades, stop levels and ignored signals of two engines; `name` labels the run."""
    lengths = (len(one.trades.entry), len(other.trades.entry))
    found = []
    if lengths[0] != lengths[1]:
        found.append(f"{name}: {lengths[0]} trades against {lengths[1]}")
    count = min(lengths)
    bad = np.zeros(count, bool)
    for field in EXACT:
        bad |= getattr(one.trades, field)[:count] != getattr(other.trades, field)[:count]
    for field in CLOSE:
        a, b = getattr(one.trades, field)[:count], getattr(other.trades, field)[:count]
        bad |= ~(np.abs(a - b) <= RELATIVE * np.abs(a))  # NaN differs from everything
    notional = np.abs(one.trades.units * one.trades.fill)[:count]
    apart = np.abs(one.trades.pnl[:count] - other.trades.pnl[:count])
    bad |= ~(apart <= RELATIVE * notional)
    found += [f"{name}: trade {k + 1} differs" for k in np.flatnonzero(bad)]
    if not _same_stops(one, other):
        found.append(f"{name}: stop levels differ")
    if not np.array_equal(one.ignored, other.ignored):
        found.append(f"{name}: ignored signals differ")
    return Comparison(count, tuple(found))


def _same_stops(one: Record, other: Record) -> bool:
    a, b = one.stops, other.stops
    if len(a.trade) != len(b.trade):
        return False
    exact = all(np.array_equal(x, y) for x, y in ((a.trade, b.trade), (a.candle, b.candle)))
    same = np.array_equal(a.reason, b.reason)
    return exact and same and bool(np.allclose(a.level, b.level, rtol=RELATIVE, atol=0.0))
