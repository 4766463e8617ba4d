"""This working tree against an earlier commit: the same work on the same candles, in turns.

    python -m benchmarks.against_revision REVISION --data candles.parquet [--only NAME ...]

The commit is checked out beside the tree and removed afterwards. Each figure is of a process
of its own: wall and processor time from outside, or what the process measures of itself.
Ratios are medians over rounds of this tree to the commit, pair by pair, so that a machine
that other work makes slower is unfair to none.
"""

from __future__ import annotations

import fcntl
import os
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.arguments import Arguments, answered, existing, whole
from benchmarks.market import load
from benchmarks.sections import table
from stoptrail.cli.ending import INTERRUPTED, TERMINATED, in_order

_ROOT = Path(__file__).parent.parent

_INSIDE = """
import hashlib, importlib, os, statistics, sys, time
from pathlib import Path
import numpy as np
import benchmarks.market as market
prefix = "stoptrail." if os.path.isdir("stoptrail") else ""
part = lambda name: importlib.import_module(prefix + name)
span = market.load(Path(sys.argv[1]))
def median(work, rounds):
    work()
    spent = []
    for _ in range(rounds):
        begin = time.process_time()
        found = work()
        spent.append(time.process_time() - begin)
    return statistics.median(spent), found
def report(seconds, arrays):
    digest = hashlib.sha256()
    for each in arrays:
        digest.update(np.ascontiguousarray(each).tobytes())
    print(seconds, digest.hexdigest())
"""
_FULL = (
    _INSIDE
    + """
from benchmarks.plans import plan
run = part("backtest.engine").run_backtrader
chosen = plan(market.SPOT)
seconds, record = median(lambda: run(span.candles, span.start, chosen), 5)
# What every commit knows, whatever columns came later.
trades = "signal entry exit side reason units fill initial atr price fees borrow pnl".split()
stops = "trade candle level reason".split()
columns = [getattr(record.trades, name) for name in trades]
columns += [getattr(record.stops, name) for name in stops]
report(seconds, (*columns, record.ignored))
"""
)
_GRID = (
    _INSIDE
    + """
screen = part("sweep.screen")
settings = part("config.load").load_settings(Path("strategy.toml"))
inputs = span.inputs(market.SPOT)
grid = part("config.grid").build_grid(settings)
space = part("sweep.space").Space(settings, grid, inputs)
work = lambda: screen.screen_all(screen.shared(space, inputs, 16), 1)
# price_ema is timed, but not compared: since dec6d13 its average is that of the last candles,
# wherever the data begin, so that signals near a tie differ from those of earlier commits.
values = grid.values[grid.keys.index("strategy.trend")]
stride = space._strides[grid.keys.index("strategy.trend")]
places = np.arange(space.size) // stride % len(values)
same = np.array([value != "price_ema" for value in values])[places]
known = lambda found: (found.trades[same], found.fingerprint[same], found.block_sums[same])
"""
)
_KERNEL = (
    _GRID
    + """
seconds, found = median(work, 3)
report(seconds / space.size, known(found))
"""
)
_FUNDED = (
    _GRID
    + """
paying = work
if os.path.isfile("benchmarks/exits.py"):
    from benchmarks.exits import eight_hourly, is_grid_right
    swap = part("config.load").load_settings(Path("strategy.toml"), ["market.type=swap"])
    paid = inputs._replace(funding=eight_hourly(span.candles))
    swaps = part("sweep.space").Space(swap, grid, paid)
    paying = lambda: screen.screen_all(screen.shared(swaps, paid, 16), 1)
    if not (is_grid_right(swaps, paid, paying()) and paying().metrics[:, -1].any()):
        sys.exit("with funding the pre-screen and the plain loop differ")
seconds = median(paying, 3)[0]
report(seconds / space.size, known(work()))
"""
)


class Figure(NamedTuple):
    """What one process showed."""

    wall: float
    processor: float
    """Seconds, of all its processes or, where it measures itself, of the work alone."""
    peak: float
    """MB, of the process itself."""
    digest: str = ""
    """Of what it found, where the sides can be compared."""


class Side(NamedTuple):
    """A tree with its program."""

    tree: Path

    def run(self, *arguments: str, cache: str = "") -> tuple[Figure, str]:
        """One process in the tree, and what it printed; cache: a folder of its own for
        compiled code. Raises RuntimeError where it fails."""
        environment = {**os.environ, "PYTHONPATH": str(self.tree)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as whoever uses it
        if cache:
            environment["XDG_CACHE_HOME"] = cache
        with tempfile.TemporaryFile() as out:
            begin = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, *arguments], cwd=self.tree, env=environment, stdout=out
            )
            try:
                _, status, usage = os.wait4(process.pid, 0)
            except BaseException:  # interrupted: the tree is about to go
                process.kill()
                raise
            wall = time.perf_counter() - begin
            out.seek(0)
            said = out.read().decode()
        if status:
            raise RuntimeError(f"{self.tree}: {' '.join(arguments)} failed")
        spent = usage.ru_utime + usage.ru_stime
        return Figure(wall, spent, usage.ru_maxrss / 1024), said

    def work(self, code: str, file: Path) -> Figure:
        """`code` in the tree: it prints processor seconds and the digest of its results."""
        figure, said = self.run("-c", code, str(file))
        seconds, digest = said.split()
        return figure._replace(processor=float(seconds), digest=digest)

    def command(self, file: Path, *options: str, fresh: bool = False) -> Figure:
        """`runner.py backtest` on the candles, with the work that both sides know; fresh:
        without compiled code."""
        if "--sweep" in options and "permutations" in (self.tree / "strategy.toml").read_text():
            options = (*options, "--permutations", "0", "--set", "walk_forward.phases=1")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            out, cache = Path(folder) / "run", Path(folder) / "cache"
            given = ("--set", f"data.path={file}", "--out", str(out), "--quiet", *options)
            found = self.run("runner.py", "backtest", *given, cache=str(cache) if fresh else "")[0]
            _await_compiler(cache)
            return found


def _await_compiler(cache: Path) -> None:
    """Wait for the process that goes on compiling after a first run: it would slow the next."""
    lock = cache / "stoptrail" / "run.lock"
    if lock.exists():
        with lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)


class Row(NamedTuple):
    """A line of the table."""

    title: str
    measure: Callable[[Side, Path, Path], Figure]
    """Of a side, with the candles and the same five years in minutes."""
    field: str
    """The field of Figure that it is about."""


Work = Callable[[Side, Path, Path], Figure]


def _full(side: Side, file: Path, _minutes: Path) -> Figure:
    return side.work(_FULL, file)


def _kernel(side: Side, file: Path, _minutes: Path) -> Figure:
    return side.work(_KERNEL, file)


def _funded(side: Side, file: Path, _minutes: Path) -> Figure:
    return side.work(_FUNDED, file)


def _single(side: Side, file: Path, _minutes: Path) -> Figure:
    return side.command(file)


def _sweep(side: Side, file: Path, _minutes: Path) -> Figure:
    return side.command(file, "--sweep")


def _of_minutes(side: Side, _file: Path, minutes: Path) -> Figure:
    return side.command(minutes, "--set", "data.timeframe=1m")


def _fresh(side: Side, file: Path, _minutes: Path) -> Figure:
    return side.command(file, fresh=True)


ROWS = {
    "full_run": Row("full Backtrader run, processor s", _full, "processor"),
    "kernel": Row("kernel, one core, processor s a combination", _kernel, "processor"),
    "funded": Row("the same, paying funding where that is known", _funded, "processor"),
    "single": Row("single backtest, wall s", _single, "wall"),
    "single_processor": Row("single backtest, processor s", _single, "processor"),
    "fresh": Row("single backtest, nothing compiled, wall s", _fresh, "wall"),
    "fresh_processor": Row("the same, processor s", _fresh, "processor"),
    "minutes": Row("five years of 1m, wall s", _of_minutes, "wall"),
    "minutes_processor": Row("five years of 1m, processor s", _of_minutes, "processor"),
    "minutes_peak": Row("five years of 1m, MB", _of_minutes, "peak"),
    "sweep": Row("sweep, wall s", _sweep, "wall"),
    "sweep_processor": Row("sweep, processor s", _sweep, "processor"),
    "sweep_peak": Row("sweep, MB of the main process", _sweep, "peak"),
}


def main() -> int:
    """The exit code: 1 where the sides disagree."""
    parser = Arguments("Compare with a commit.")
    parser.add_argument("revision", type=_commit, help="of git")
    parser.add_argument("--data", type=existing, required=True, metavar="FILE", help="15m candles")
    parser.add_argument("--only", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--rounds", type=whole, default=3)
    arguments = parser.parse_args()
    with in_order() as came:
        try:
            return answered(lambda: _compared(arguments))
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr)
    return TERMINATED if came else INTERRUPTED


def _commit(revision: str) -> str:
    git = ["git", "-C", str(_ROOT), "rev-parse", "--verify", "--quiet"]
    if subprocess.run([*git, f"{revision}^{{commit}}"], stdout=subprocess.DEVNULL).returncode:
        raise ArgumentTypeError(f"{revision!r} is no commit of this repository")
    return revision


def _compared(arguments: Namespace) -> int:
    file = arguments.data.resolve()
    load(file)  # refused here, in one line, and not in the processes
    lines = []
    with tempfile.TemporaryDirectory() as folder, _checked_out(arguments.revision) as tree:
        minutes = Path(folder) / "minutes.parquet"
        if any(name.startswith("minutes") for name in arguments.only):
            write_minutes(file, minutes)
        sides = Side(_ROOT), Side(tree)

        @cache
        def measured(work: Work) -> list[list[Figure]]:
            return _pairs(work, sides, file, minutes, arguments.rounds)

        for name in arguments.only:
            lines.append(_line(ROWS[name], measured(ROWS[name].measure)))
            print(f"{name}: {' '.join(lines[-1][1:])}", file=sys.stderr)
    print("\n".join(table(("what", arguments.revision, "this tree", "ratio"), lines)))
    return int(any(line[-1] == _DIFFER for line in lines))


def _pairs(
    work: Work, sides: tuple[Side, Side], file: Path, minutes: Path, rounds: int
) -> list[list[Figure]]:
    """This tree and the commit in turns, after one run of each that compiles."""
    for side in sides:
        work(side, file, minutes)
    return [[work(side, file, minutes) for side in sides] for _ in range(rounds)]


_DIFFER = "results differ"


def _line(row: Row, pairs: list[list[Figure]]) -> tuple[str, ...]:
    """Title, both sides, and their ratio; none where they did not find the same."""
    ours, theirs = (
        [getattr(figure, row.field) for figure in side] for side in zip(*pairs, strict=True)
    )
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    figures = (statistics.median(theirs), statistics.median(ours))
    agreed = len({figure.digest for pair in pairs for figure in pair}) == 1
    said = f"{ratio:.2f} (1/{1 / ratio:.1f})" if agreed else _DIFFER
    return row.title, *(f"{figure:.4g}" for figure in figures), said


@contextmanager
def _checked_out(revision: str) -> Iterator[Path]:
    """The commit in a folder of its own."""
    git = ["git", "-C", str(_ROOT), "worktree"]
    subprocess.run([*git, "prune"], check=True)  # of a run that was killed
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        subprocess.run([*git, "add", "--detach", "--quiet", str(tree), revision], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def write_minutes(file: Path, target: Path) -> None:
    """15m candles as 1m ones that make the same: open, high, low and close on a straight
    path, the volume in equal parts."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from benchmarks.market import QUARTER_HOUR
    from stoptrail.feeds.files import load_candles

    candles = load_candles(file, QUARTER_HOUR)
    corners = np.stack(candles[1:5], axis=1)[:, [0, 1, 2, 3]]
    path = np.stack([np.interp(np.arange(16), [0, 5, 10, 15], row) for row in corners]).round(2)
    opens, closes = path[:, :-1].ravel(), path[:, 1:].ravel()
    columns = {
        "timestamp": (candles.time[:, None] + 60_000 * np.arange(15)).ravel(),
        "open": opens,
        "high": np.maximum(opens, closes),
        "low": np.minimum(opens, closes),
        "close": closes,
        "volume": np.repeat(candles.volume / 15.0, 15),
    }
    pq.write_table(pa.table(columns), target)


if __name__ == "__main__":
    sys.exit(main())
