"""The kernel against the plain loop over the rule functions, its oracle."""

from __future__ import annotations

from functools import partial

from benchmarks import kernel
from benchmarks.market import Span
from benchmarks.sections import Section, require, table
from benchmarks.timing import in_turns

ROUNDS = 5
COMBINATIONS = 91


def against_loop(span: Span) -> Section:
    """The section; raises DisagreementError where one bit differs."""
    rows = []
    for bench in kernel.benches(span.candles, span.start, COMBINATIONS):
        quick = partial(kernel.by_kernel, bench)
        plain = partial(kernel.by_plain_loop, bench)
        quick(), plain()
        ours, theirs = in_turns(ROUNDS, quick, plain)
        for name in ("metrics", "trades", "ignored", "fingerprint"):
            same = getattr(ours.result, name).tobytes() == getattr(theirs.result, name).tobytes()
            require(same, f"{bench.name}: {name} of kernel and loop")
        count = len(bench.table)
        rows.append(
            (
                bench.name,
                str(count),
                f"{ours.result.trades.mean():,.0f}",
                f"{ours.seconds / count * 1e3:.3f}",
                f"{theirs.seconds / count * 1e3:.2f}",
                f"{theirs.seconds / ours.seconds:,.0f}",
            )
        )
    header = ("signal and grid", "combinations", "trades each", "kernel, ms", "loop, ms", "ratio")
    return Section(
        "Pre-screen against the plain loop",
        (
            f"{span.length:,} candles, one core, all metrics, medians of {ROUNDS} rounds in turns.",
            "",
            *table(header, rows),
            "Checked: figures, counts and trade fingerprints of both are equal to the last bit.",
            "",
        ),
    )
