"""The best combinations, and a few others, in full Backtrader, compared with the kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from stoptrail.backtest.engine import run_backtrader
from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.outcome import Outcome, judge
from stoptrail.backtest.plan import Plan, Record
from stoptrail.rules.candles import Candles, Floats
from stoptrail.rules.jit import compiled
from stoptrail.sweep.kernel.fingerprint import fingerprint_of
from stoptrail.sweep.parity import Comparison, compare
from stoptrail.sweep.plain_run import make_ready, quick_record
from stoptrail.sweep.pools.pool import Pool


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
    return run_backtrader(candles, inputs.start, plan)


def verify(
    pool: Pool,
    inputs: Inputs,
    plans: Iterable[tuple[int, Plan]],
    on_done: Callable[[int, Record], None],
) -> None:
    """Run each numbered plan in full Backtrader; `on_done` hears of each as it ends."""
    for number, record in pool.spread(run_one, (inputs,), list(plans)):
        on_done(number, record)


def check(
    name: str, plan: Plan, record: Record, fingerprint: int, inputs: Inputs
) -> tuple[Outcome, Comparison]:
    """Backtrader's record against the oracle's trade by trade, and the oracle's against
    the fingerprint that the kernel left."""
    expected = quick_record(plan, inputs, make_ready(plan, inputs))
    comparison = compare(expected, record, name)
    if int(compiled(fingerprint_of)(expected.trades)) != fingerprint:
        line = f"{name}: the pre-screen's trades differ from the oracle's"
        comparison = Comparison(comparison.trades, (*comparison.mismatches, line))
    return judge(plan, record, inputs), comparison
