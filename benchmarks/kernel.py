"""The pre-screen kernel against the plain loop with its measures, on the same candles.

Both sides run in this process, in turns; each combination's figures and the fingerprint
of its trades must be equal to the last bit, else this exits with an error. Times are
medians over rounds of processor time per combination, on one core.

    python -m benchmarks.kernel [candles.parquet] [--combinations N] [--rounds N]
"""

from __future__ import annotations

import statistics
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.arguments import Arguments, answered, existing, whole
from stoptrail.rules.atr import stop_atr
from stoptrail.rules.candles import Candles, Floats
from stoptrail.rules.costs import Costs
from stoptrail.rules.detail import NO_DETAIL
from stoptrail.rules.jit import compiled
from stoptrail.rules.market import Market
from stoptrail.rules.measure import equity_of, measure
from stoptrail.rules.protections import Protections
from stoptrail.rules.sizing import by_risk
from stoptrail.rules.stops import StopRules
from stoptrail.rules.trade import TradeRules
from stoptrail.rules.types import (
    BOTH,
    DayMarks,
    RunRules,
    Setups,
    day_marks,
    setups,
)
from stoptrail.sweep.kernel.blocks import Nodes, nodes_of
from stoptrail.sweep.kernel.fingerprint import fingerprint_of
from stoptrail.sweep.kernel.reference import simulate
from stoptrail.sweep.kernel.results import COLUMN, Results, results_for
from stoptrail.sweep.kernel.rows import screen_rows
from stoptrail.sweep.kernel.rule_table import rule_rows, run_rules_of

HOUR = 3_600_000
YEARS = 5
YEAR = 365 * 24 * HOUR
BLOCKS = 16

BASE = RunRules(
    TradeRules(
        StopRules(3.0, 1.0, 0.0002, False),
        by_risk(0.01, 1.0, True),
        Costs(0.001, 0.0002, 0.0002),
        Market(100.0, 1.0, 1e5, 1.0, 1e-5, 5.0),
    ),
    0,
    0,
    0,
    0,
    100_000.0,
    Protections(0.0, 0.0, 0, 0),
)


class Bench(NamedTuple):
    """One signal with one ATR, and the combinations to run on it."""

    name: str
    candles: Candles
    setups: Setups
    marks: DayMarks
    nodes: Nodes
    table: Floats


def load(path: Path | None) -> tuple[Candles, int]:
    """Candles, and the index of the first of the last five years."""
    if path is None:
        from stoptrail.feeds.synthetic import synthetic_candles

        candles = synthetic_candles()
    else:
        from stoptrail.feeds.files import load_candles

        candles = load_candles(path, HOUR // 4)
    start = int(np.searchsorted(candles.time, candles.time[-1] - YEARS * YEAR))
    return candles, start


def benches(candles: Candles, start: int, count: int) -> list[Bench]:
    """The default parameters, and grids of stops for several ATRs."""
    from stoptrail.strategies.signals.mtf_cycle import mtf_cycle

    signals = mtf_cycle(candles)
    marks = day_marks(candles, start)
    multipliers = np.arange(2.0, 8.01, 0.5)
    triggers = np.arange(0.0, 3.01, 0.5)
    pairs = np.array([(m, b) for m in multipliers for b in triggers])
    chosen = pairs[np.linspace(0, len(pairs) - 1, min(count, len(pairs))).astype(int)]
    grid = {
        "trade_rules.stop.multiplier": chosen[:, 0],
        "trade_rules.stop.breakeven_trigger": chosen[:, 1],
    }
    out = []
    for hours, table, name in (
        (4.0, rule_rows(BASE, len(chosen), {}), "default, ATR 4h"),
        (0.25, rule_rows(BASE, len(chosen), grid), "grid, ATR 15m"),
        (1.0, rule_rows(BASE, len(chosen), grid), "grid, ATR 1h"),
        (4.0, rule_rows(BASE, len(chosen), grid), "grid, ATR 4h"),
        (24.0, rule_rows(BASE, len(chosen), grid), "grid, ATR 1d"),
    ):
        atr = stop_atr(candles, int(hours * HOUR), 14)
        first = max(start, signals.warm, int(np.argmax(~np.isnan(atr))))
        events = setups(signals, BOTH, first)
        nodes = nodes_of(candles, atr)
        out.append(Bench(name, candles, events, marks, nodes, table))
    return out


def by_kernel(bench: Bench) -> Results:
    results = results_for(len(bench.table), BLOCKS)
    candles, nodes, events, marks = bench.candles, bench.nodes, bench.setups, bench.marks
    screen_rows(candles, nodes, events, marks, bench.table, results)
    return results


def by_plain_loop(bench: Bench) -> Results:
    results = results_for(len(bench.table))
    atr = bench.nodes.atr[: len(bench.candles.time)]
    for k, row in enumerate(bench.table):
        run_rules = run_rules_of(row)
        run = compiled(simulate)(
            bench.candles, bench.setups, atr, bench.marks, run_rules, NO_DETAIL
        )
        equity = compiled(equity_of)(run.trades, run.fills, bench.candles, bench.marks, run_rules)
        figures = compiled(measure)(run.trades, equity, bench.candles, bench.marks)
        results.metrics[k] = figures
        results.trades[k] = len(run.trades.entry)
        results.ignored[k] = run.ignored
        results.fingerprint[k] = compiled(fingerprint_of)(run.trades)
    return results


def timed(work: Callable[[Bench], Results], bench: Bench) -> tuple[float, Results]:
    """Milliseconds of processor time per combination, and the results."""
    begin = time.thread_time()
    results = work(bench)
    return (time.thread_time() - begin) * 1e3 / len(bench.table), results


def compare(bench: Bench, rounds: int) -> bool:
    """Print one line; whether both sides did the same work."""
    timed(by_kernel, bench), timed(by_plain_loop, bench)  # compile, warm caches
    kernel, plain, same = [], [], True
    for _ in range(rounds):
        quick, found = timed(by_kernel, bench)
        slow, expected = timed(by_plain_loop, bench)
        kernel.append(quick)
        plain.append(slow)
        same &= all(
            getattr(found, name).tobytes() == getattr(expected, name).tobytes()
            for name in ("metrics", "trades", "ignored", "fingerprint")
        )
    quick, slow = statistics.median(kernel), statistics.median(plain)
    exposure = found.metrics[:, COLUMN.exposure].mean()
    print(
        f"{bench.name:18} {len(bench.table):4} {found.trades.mean():7.1f} "
        f"{exposure:8.2f} {quick:9.4f} {slow:9.3f} {slow / quick:6.1f}  "
        f"{'equal' if same else 'DIFFERENT'}",
        flush=True,
    )
    return same


def main() -> int:
    parser = Arguments(description=__doc__)
    parser.add_argument("candles", nargs="?", type=existing, help="candle file; else synthetic")
    parser.add_argument("--combinations", type=whole, default=91)
    parser.add_argument("--rounds", type=whole, default=5)
    arguments = parser.parse_args()
    return answered(lambda: _run(arguments))


def _run(arguments: Namespace) -> int:
    candles, start = load(arguments.candles)
    print(f"{len(candles.time) - start} candles and {start} to warm up; ms per combination")
    print(f"{'':18} {'k':>4} {'trades':>7} {'exposure':>8} {'kernel':>9} {'loop':>9} ratio")
    same = [compare(b, arguments.rounds) for b in benches(candles, start, arguments.combinations)]
    return 0 if all(same) else 1


if __name__ == "__main__":
    sys.exit(main())
