"""What five years of one-minute candles add to a command (C21): both sides in turns."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.market import Span
from benchmarks.sections import Section, require, table
from stoptrail.feeds.downloads.cache import write_candles
from stoptrail.feeds.synthetic_detail import synthetic_detail
from stoptrail.feeds.tables.columns import columns_of

ROUNDS = 3
MOST_SECONDS = 4.0
MOST_MEGABYTES = 250.0
_MINUTE = 60_000
_ROOT = Path(__file__).parent.parent
_PROGRAM = """
import resource, sys
from pathlib import Path
import runner
code = runner.main(sys.argv[1:])
spent = sum(
    sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
)
# Not getrusage: its maximum starts with that of the process that started this one.
most = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
print(spent, int(most) / 1024)
sys.exit(code)
"""
_UNPERMUTED = ("--set", "sweep.permutations=0")
_COMMANDS = {
    "`backtest`": (),
    "`backtest --sweep`": ("--sweep", "--set", "walk_forward.enabled=false", *_UNPERMUTED),
}
_TICK = "stop.ratchet=tick"


class Ran(NamedTuple):
    """A command that ended well."""

    seconds: float
    """Processor time, workers included."""
    megabytes: float
    """Most memory of the process."""
    summary: dict[str, object]


def detail(span: Span) -> Section:
    """The section; raises DisagreementError where more is added than promised, or where a run
    compared nothing."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        base, fine = folder / "base.parquet", folder / "fine.parquet"
        write_candles(base, columns_of(span.candles))
        pieces = synthetic_detail(span.candles, _MINUTE, 1)
        write_candles(fine, columns_of(pieces))
        rows = [row for name in _COMMANDS for row in _compared(name, base, fine, folder)]
    return Section(
        "Finer candles inside the base candles",
        (
            f"{len(pieces.time):,} one-minute candles, {span.length:,} base candles and "
            f"{span.start:,} to warm up; whole commands in processes of their own, medians of "
            f"{ROUNDS} in turns. Promised: at most {MOST_SECONDS:.0f} s and "
            f"{MOST_MEGABYTES:.0f} MB more.",
            "",
            *table(("command", "seconds", "MB", "more seconds", "more MB"), rows),
            "Checked: candles were held and walked, and the engines agreed in every sweep.",
            "",
        ),
    )


def _compared(name: str, base: Path, fine: Path, folder: Path) -> list[tuple[str, ...]]:
    told = ("--set", f"data.detail_path={fine}")
    sides = {"without": (), "detail": told, "detail, tick ratchet": (*told, "--set", _TICK)}
    found: dict[str, list[Ran]] = {side: [] for side in sides}
    for turn in range(ROUNDS + 1):
        for side, more in sides.items():
            ran = _run(base, folder / "out", (*_COMMANDS[name], *more))
            found[side] += [ran] if turn else []  # the first one compiles
    rows = []
    plain = _middle(found["without"])
    for side, runs in found.items():
        _require_walked(runs[0], with_detail=side != "without")
        seconds, megabytes = _middle(runs)
        added = (seconds - plain[0], megabytes - plain[1])
        require(added[0] <= MOST_SECONDS, f"{name}, {side}: {added[0]:.1f} s more")
        require(added[1] <= MOST_MEGABYTES, f"{name}, {side}: {added[1]:.0f} MB more")
        more_ = ("", "") if side == "without" else (f"{added[0]:.1f}", f"{added[1]:.0f}")
        rows.append((f"{name}, {side}", f"{seconds:.1f}", f"{megabytes:.0f}", *more_))
    return rows


def _middle(runs: list[Ran]) -> tuple[float, float]:
    return (
        statistics.median(run.seconds for run in runs),
        statistics.median(run.megabytes for run in runs),
    )


def _require_walked(ran: Ran, *, with_detail: bool) -> None:
    path = ran.summary.get("stop_path")
    require(with_detail == bool(path), "the finer candles were not looked at")
    if isinstance(path, dict):
        require(path["held"] > 2 * path["walked_whole"], "most candles were walked whole")
    parity = ran.summary.get("parity")
    if isinstance(parity, dict):
        require(parity["trades_compared"] > 0 == parity["mismatches"], "the engines disagree")


def _run(base: Path, out: Path, more: tuple[str, ...]) -> Ran:
    command = ("backtest", "--data", str(base), "--out", str(out), "--force", "--quiet", *more)
    own = ("--set", f"database.url=sqlite:///{out.parent / 'trials.db'}")
    ended = subprocess.run(
        (sys.executable, "-c", _PROGRAM, *command, *own),
        cwd=_ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    seconds, megabytes = map(float, ended.stdout.split()[-2:])
    return Ran(seconds, megabytes, json.loads((out / "summary.json").read_text()))
