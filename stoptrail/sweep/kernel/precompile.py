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

_ROOT = Path(__file__).parents[3]
_RUNNING: list[subprocess.Popen[bytes]] = []
"""The process that compiles; at most one."""


def start() -> bool:
    """Begin to compile, unless that was begun or there is no second core; whether there is
    compiling to do."""
    from stoptrail.rules.jit import is_cached
    from stoptrail.sweep.kernel.screen import screen

    if is_cached(screen):
        return False
    if _RUNNING or (os.cpu_count() or 1) < 2:
        return True
    command = [sys.executable, "-m", "stoptrail.sweep.kernel.precompile"]
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

    from stoptrail.rules.candles import Candles
    from stoptrail.rules.costs import Costs
    from stoptrail.rules.market import Market
    from stoptrail.rules.protections import Protections
    from stoptrail.rules.sizing import Sizing
    from stoptrail.rules.stops import StopRules
    from stoptrail.rules.trade import TradeRules
    from stoptrail.rules.types import RunRules, Setups, day_marks
    from stoptrail.sweep.kernel.blocks import nodes_of
    from stoptrail.sweep.kernel.results import results_for
    from stoptrail.sweep.kernel.rows import screen_rows
    from stoptrail.sweep.kernel.rule_table import rule_row

    prices, count = np.full(8, 100.0), 8
    time = 900_000 * np.arange(count, dtype=np.int64)
    candles = Candles(time, prices, prices, prices, prices, prices, 900_000)
    trade_rules = TradeRules(
        StopRules(3.0, 1.0, 0.0, False),
        Sizing(0.01, 1.0, True, False),
        Costs(0.0, 0.0, 0.0),
        Market(100.0, 1.0, 1e5, 1.0, 0.0, 0.0),
    )
    none: Any = np.empty(0, np.int64)
    setups = Setups(none, none, np.zeros(count, np.int8), 0)
    table = rule_row(RunRules(trade_rules, 0, 0, 0, 0, 1000.0, Protections(0.0, 0.0, 0, 0)))[None]
    nodes, marks = nodes_of(candles, np.ones(count)), day_marks(candles, 0)
    screen_rows(candles, nodes, setups, marks, table, results_for(1))


if __name__ == "__main__":
    gc.disable()  # looking for a compiler's garbage takes longer than it is worth
    compile_now()
