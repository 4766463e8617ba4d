"""Run every benchmark and write benchmarks/RESULTS.md.

    python -m benchmarks [--data candles.parquet] [--only NAME ...]

Without --data the candles are those of the file that STOPTRAIL_BENCHMARK_DATA names, else
the synthetic market. A benchmark whose peer is not installed is skipped, and says so.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.against_backtesting import against_backtesting
from benchmarks.against_loop import against_loop
from benchmarks.against_optstrategy import against_optstrategy
from benchmarks.against_vectorbt import against_vectorbt
from benchmarks.arguments import Arguments, answered, existing
from benchmarks.books import books
from benchmarks.detail import detail
from benchmarks.footprint import footprint
from benchmarks.full_run import full_run
from benchmarks.machine import described
from benchmarks.market import Span, load
from benchmarks.scaling import scaling
from benchmarks.sections import DisagreementError, Section, SkippedError

FOLDER = Path(__file__).parent
VARIABLE = "STOPTRAIL_BENCHMARK_DATA"


def main() -> int:
    """The exit code: 1 where two sides disagree."""
    parser = Arguments("Run all benchmarks.")
    named = os.environ.get(VARIABLE) or None
    parser.add_argument("--data", type=existing, metavar="FILE", default=named)
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        choices=list(_benchmarks(None, None)),
        help="and print, do not write",
    )
    arguments = parser.parse_args()
    return answered(lambda: _run(arguments.data, arguments.only))


def _run(data: Path | None, only: list[str] | None) -> int:
    span = load(data)
    chosen = _benchmarks(data, None if only else FOLDER)
    sections = []
    for name in only or chosen:
        begin = time.perf_counter()
        try:
            sections.append(chosen[name](span))
        except SkippedError as reason:
            sections.append(
                Section(name.replace("_", " ").capitalize(), (f"Skipped: {reason}.", ""))
            )
        except DisagreementError as difference:
            print(f"{name}: the sides disagree: {difference}", file=sys.stderr)
            return 1
        print(f"{name}: {time.perf_counter() - begin:.0f} s", file=sys.stderr)
    page = "\n".join(_page(span, sections))
    if only:
        print(page)
    else:
        (FOLDER / "RESULTS.md").write_text(page)
    return 0


def _benchmarks(file: Path | None, folder: Path | None) -> dict[str, Callable[[Span], Section]]:
    return {
        "full_run": full_run,
        "against_loop": against_loop,
        "against_vectorbt": against_vectorbt,
        "against_optstrategy": against_optstrategy,
        "against_backtesting": against_backtesting,
        "scaling": lambda span: scaling(span, folder, file),
        "books": lambda span: books(span, file),
        "detail": detail,
        "footprint": lambda _: footprint(file),
    }


def _page(span: Span, sections: list[Section]) -> list[str]:
    lines = [
        "# Benchmarks",
        "",
        "Written by `python -m benchmarks`. Both sides of a comparison run in one process on the "
        "same candles, and what they did is compared before a figure is printed. Times are "
        "processor seconds (unless they say wall), compiled code warm.",
        "",
        *described(),
        f"- {span.length:,} 15m candles of {span.source}, {span.start:,} before them to warm up",
        "",
    ]
    for section in sections:
        lines += [f"## {section.title}", "", *section.lines]
    return lines


if __name__ == "__main__":
    sys.exit(main())
