"""The kernel's sweep against Backtrader's own, `cerebro.optstrategy`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import backtrader as bt
import numpy as np

from benchmarks.market import SPOT, Span, last_years
from benchmarks.plans import plan
from benchmarks.sections import Section, require, table
from benchmarks.timing import in_turns, timed
from benchmarks.usual_backtrader import UsualStrategy, usual_cerebro
from stoptrail.backtest.inputs import atr_of, setups_of, signals_of
from stoptrail.sweep.kernel.blocks import nodes_of
from stoptrail.sweep.kernel.results import Results, results_for
from stoptrail.sweep.kernel.rows import screen_rows
from stoptrail.sweep.kernel.rule_table import rule_rows

ROUNDS = 3
YEARS = 0.25
MULTIPLIERS = (4.0, 5.0)
APART = 0.2
"""Share by which the numbers of trades may differ, for the reasons of the full run."""


class Count(bt.Analyzer):  # type: ignore[misc]
    """Entries, which is what `optstrategy` brings back of a strategy."""

    params: ClassVar[Any] = ()

    def get_analysis(self) -> dict[str, int]:
        return {"entries": self.count}

    def start(self) -> None:
        self.count = 0

    def notify_order(self, order: Any) -> None:
        self.count += order.status == order.Completed and order.isbuy()


def against_optstrategy(whole: Span) -> Section:
    """The section; raises DisagreementError where the trades differ by more than is explained."""
    span = last_years(whole.candles, YEARS, whole.source)
    kernel = _kernel_side(span)
    kernel()
    (ours,) = in_turns(ROUNDS, kernel)
    seconds, found = timed(lambda: _optstrategy(span))
    mine = ours.result.trades.tolist()
    for quick, slow in zip(mine, found, strict=True):
        require(quick > 0 and abs(quick - slow) <= 1 + APART * quick, f"{quick} and {slow} trades")
    count, candles = len(MULTIPLIERS), len(span.candles.time)
    each, quick_each = seconds / count, ours.seconds / count
    scale = len(whole.candles.time) / candles
    rows = [
        ("kernel, all metrics", f"{quick_each * 1e3:,.3f}", "1"),
        ("optstrategy", f"{each * 1e3:,.0f}", f"{each / quick_each:,.0f}"),
    ]
    return Section(
        "Sweep against Backtrader's optstrategy",
        (
            f"{count} combinations on {candles:,} candles, warm-up included; `optstrategy` ran "
            "once, each combination in a Cerebro of its own (`maxcpus=1`), "
            f"the kernel {ROUNDS} times.",
            "",
            *table(("one combination", "ms", "times the kernel"), rows),
            f"Extrapolated by candles to five years: {each * scale:,.0f} s for one combination of "
            f"`optstrategy`, {each * scale * 1e4 / 86_400:,.1f} days for 10,000.",
            "",
            f"Checked: {' and '.join(map(str, mine))} trades by the kernel, "
            f"{' and '.join(map(str, found))} by `optstrategy`; what differs is listed with the "
            "full run.",
            "",
        ),
    )


def _kernel_side(span: Span) -> Callable[[], Results]:
    chosen, inputs = plan(SPOT), span.inputs(SPOT)
    signals, atr = signals_of(chosen, span.candles), atr_of(chosen, span.candles)
    events = setups_of(chosen, inputs, signals, atr)
    nodes = nodes_of(span.candles, atr)
    changes = {"trade_rules.stop.multiplier": np.array(MULTIPLIERS)}
    rows = rule_rows(chosen.run_rules, len(MULTIPLIERS), changes)

    def run() -> Results:
        results = results_for(len(rows))
        screen_rows(span.candles, nodes, events, inputs.marks, rows, results)
        return results

    return run


def _optstrategy(span: Span) -> list[int]:
    """Entries of each combination, in order. Each has a Cerebro of its own: in one process
    the second combination of a Cerebro finds resampled feeds at their end."""
    return [_entries(span, multiplier) for multiplier in MULTIPLIERS]


def _entries(span: Span, multiplier: float) -> int:
    cerebro = usual_cerebro(span.candles)
    cerebro.optstrategy(UsualStrategy, start=span.start, multiplier=(multiplier,))
    cerebro.addanalyzer(Count, _name="count")
    ((run,),) = cerebro.run(maxcpus=1)
    return int(run.analyzers.count.get_analysis()["entries"])
