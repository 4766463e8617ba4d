"""The best combinations, and a few others, in full Backtrader, compared trade by trade with the
kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoptrail.backtest.engine import run_backtrader
from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.outcome import Outcome, judge
from stoptrail.backtest.plan import Plan, Record
from stoptrail.core.text import number_of
from stoptrail.rules.candles import Candles, Floats
from stoptrail.rules.detail import Detail
from stoptrail.rules.funding import Funding
from stoptrail.rules.jit import compiled
from stoptrail.sweep.kernel.fingerprint import fingerprint_of

EXACT = ("signal", "entry", "exit", "side", "reason", "entry_time", "exit_time")
"""Times and reasons must be equal."""
CLOSE = ("units", "fill", "initial", "price")
"""Prices and units must agree to a relative RELATIVE."""
RELATIVE = 1e-9
"""Also of the notional, for the profit."""
SHOWN = 5
_TENTH = 0.1


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
        found.append(f"{name}: {number_of(lengths[0], 'trade')} against {lengths[1]}")
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
    if not _same_fills(one, other):
        found.append(f"{name}: fills differ")
    if not np.array_equal(one.ignored, other.ignored):
        found.append(f"{name}: ignored signals differ")
    return Comparison(count, tuple(found))


def _same_fills(one: Record, other: Record) -> bool:
    """Whether trades were closed part by part in the same way."""
    a, b = one.fills, other.fills
    if len(a.trade) != len(b.trade):
        return False
    exact = ("trade", "candle", "reason")
    close = ("units", "price", "fee")
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in exact) and all(
        np.allclose(getattr(a, name), getattr(b, name), rtol=RELATIVE, atol=0.0) for name in close
    )


def _same_stops(one: Record, other: Record) -> bool:
    a, b = one.stops, other.stops
    if len(a.trade) != len(b.trade):
        return False
    exact = all(np.array_equal(x, y) for x, y in ((a.trade, b.trade), (a.candle, b.candle)))
    same = np.array_equal(a.reason, b.reason) and np.array_equal(a.tick, b.tick)
    close = ((a.level, b.level), (a.price, b.price))
    return exact and same and all(np.allclose(x, y, rtol=RELATIVE, atol=0.0) for x, y in close)


def choose(score: Floats, fingerprints: NDArray[np.uint64], wanted: int) -> list[int]:
    """The best `wanted` combinations with different trade lists; NaN scores are out.

    Of equal scores the lower number comes first.
    """
    order = np.lexsort((np.arange(len(score)), -score))
    chosen: list[int] = []
    seen: set[int] = set()
    for combination in order:
        if len(chosen) == wanted or np.isnan(score[combination]):
            break
        trades = int(fingerprints[combination])
        if trades not in seen:
            seen.add(trades)
            chosen.append(int(combination))
    return chosen


def tenth_of(allowed: int) -> int:
    """How many combinations are the best tenth of `allowed`: at least one where there is any."""
    return max(round(allowed * _TENTH), 1) if allowed else 0


def best_tenth(objective: Floats) -> NDArray[np.int64]:
    """The combinations of the best tenth of those that may be chosen (no NaN), the best first; of
    equals the lower number first."""
    order = np.lexsort((np.arange(len(objective)), -objective)).astype(np.int64)
    return np.asarray(order[: tenth_of(int(np.sum(~np.isnan(objective))))])


def draw_pruned(size: int, finalists: Sequence[int], wanted: int, seed: int) -> list[int]:
    """Random combinations that are no finalists, ascending."""
    generator = np.random.default_rng(seed)
    taken = set(finalists)
    drawn: set[int] = set()
    while len(drawn) < min(wanted, size - len(taken)):
        combination = int(generator.integers(size))
        if combination not in taken:
            drawn.add(combination)
    return sorted(drawn)


def run_one(inputs: Inputs, plan: Plan) -> Record:
    """One full Backtrader run, in whatever process."""
    # What a memory map brings is an array like any other to compiled code.
    candles = Candles._make([*map(np.asarray, inputs.candles[:6]), inputs.candles.interval])
    detail = Detail._make(map(np.asarray, inputs.detail))
    funding = Funding._make(map(np.asarray, inputs.funding))
    return run_backtrader(candles, inputs.start, plan, funding, detail=detail)


def check(
    name: str, plan: Plan, record: Record, expected: Record, fingerprint: int | None, inputs: Inputs
) -> tuple[Outcome, Comparison]:
    """Backtrader's record against the oracle's, `expected`, trade by trade, and the oracle's
    against the fingerprint that the kernel left, where it did: it knows no finer candles."""
    comparison = compare(expected, record, name)
    if fingerprint not in (None, int(compiled(fingerprint_of)(expected.trades))):
        line = f"{name}: the pre-screen's trades differ from the oracle's"
        comparison = Comparison(comparison.trades, (*comparison.mismatches, line))
    return judge(plan, record, inputs), comparison
