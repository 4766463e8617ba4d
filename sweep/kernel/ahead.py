"""Compile the pre-screen in a process of its own, while this one reads candles.

Compiling is work for one core, and most of the wait for a first result on a fresh
machine. The compiled code comes back through the cache on disk.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_RUNNING: list[subprocess.Popen[bytes]] = []
"""The process that compiles; at most one."""


def start() -> bool:
    """Begin to compile, unless that was begun or there is no second core; whether there is
    compiling to do."""
    from rules.jit import is_cached
    from sweep.kernel.screen import screen

    if is_cached(screen):
        return False
    if _RUNNING or (os.cpu_count() or 1) < 2:
        return True
    command = [sys.executable, "-m", "sweep.kernel.ahead"]
    quiet = subprocess.DEVNULL
    _RUNNING.append(subprocess.Popen(command, cwd=_ROOT, stdout=quiet, stderr=quiet))
    return True


def is_running() -> bool:
    """Whether what `start` began is not finished. If it fails, the first call compiles as
    ever."""
    return any(process.poll() is None for process in _RUNNING)


def compile_now() -> None:
    """Screen a few candles: the types are those of every pre-screen."""
    import numpy as np

    from rules.account import Conduct, Setups, day_marks
    from rules.candles import Candles
    from rules.costs import Costs
    from rules.market import Market
    from rules.protections import Protections
    from rules.sizing import Sizing
    from rules.stops import StopRules
    from rules.trade import Terms
    from sweep.kernel.nodes import nodes_of
    from sweep.kernel.results import results_for
    from sweep.kernel.rows import screen_rows
    from sweep.kernel.terms import conduct_row

    prices, count = np.full(8, 100.0), 8
    time = 900_000 * np.arange(count, dtype=np.int64)
    candles = Candles(time, prices, prices, prices, prices, prices, 900_000)
    terms = Terms(
        StopRules(3.0, 1.0, 0.0, False),
        Sizing(0.01, 1.0, True, False),
        Costs(0.0, 0.0, 0.0),
        Market(100.0, 1.0, 1e5, 1.0, 0.0, 0.0),
    )
    none: Any = np.empty(0, np.int64)
    setups = Setups(none, none, np.zeros(count, np.int8), 0)
    table = conduct_row(Conduct(terms, 0, 0, 0, 0, 1000.0, Protections(0.0, 0.0, 0, 0)))[None]
    nodes, marks = nodes_of(candles, np.ones(count)), day_marks(candles, 0)
    screen_rows(candles, nodes, setups, marks, table, results_for(1))


if __name__ == "__main__":
    gc.disable()  # looking for a compiler's garbage takes longer than it is worth
    compile_now()
