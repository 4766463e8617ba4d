"""Memory of one full run, and the time that a command needs to begin."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.market import YEARS
from benchmarks.sections import Section, table

ROUNDS = 5
_ROOT = Path(__file__).parent.parent

_RUN = """
import sys
from pathlib import Path
from stoptrail.backtest.engine import run_backtrader
from benchmarks.market import SPOT, load
from benchmarks.plans import plan
span = load(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
record = run_backtrader(span.candles, span.start, plan(SPOT))
assert len(record.trades.entry) > 0
# Not getrusage: its maximum starts with that of the process that started this one.
status = Path("/proc/self/status").read_text()
print(int(status.split("VmHWM:")[1].split()[0]) / 1024)
"""


def footprint(file: Path | None) -> Section:
    """The section; everything in processes of their own."""
    given = [str(file.resolve())] if file else []
    memory = float(_output("-c", _RUN, *given))
    rows = [
        ("`runner.py --help`", f"{_seconds('runner.py', '--help'):.2f} s"),
        (
            "imports of `runner.py backtest`",
            f"{_seconds('-c', 'import stoptrail.cli.backtest'):.2f} s",
        ),
        ("most memory of a full run, everything included", f"{memory:.0f} MB"),
    ]
    return Section(
        "Start and memory",
        (
            f"Wall seconds, medians of {ROUNDS}; the full run is that of {YEARS} years.",
            "",
            *table(("", ""), rows),
        ),
    )


def _seconds(*arguments: str) -> float:
    spent = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        _output(*arguments)
        spent.append(time.perf_counter() - begin)
    return statistics.median(spent)


def _output(*arguments: str) -> str:
    run = subprocess.run(
        [sys.executable, *arguments], cwd=_ROOT, capture_output=True, text=True, check=True
    )
    return run.stdout
