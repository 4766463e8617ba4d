"""Compile in a process of its own: the pre-screen while this one reads candles, what single runs
call while the first of them is done in plain Python.

Compiling is work for one core, and most of the wait for a first result on a fresh
machine. The compiled code comes back through the cache on disk.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[3]
SCREEN, RUN = "screen", "run"
_RUNNING: list[subprocess.Popen[bytes]] = []
"""The process that compiles; at most one."""


def start() -> bool:
    """Begin to compile the pre-screen, unless that was begun or there is no second core; whether
    there is compiling to do."""
    from stoptrail.rules.jit import is_cached
    from stoptrail.sweep.kernel.screen import screen

    if is_cached(screen):
        return False
    if not _RUNNING and (os.cpu_count() or 1) > 1:
        _begin(SCREEN)
    return True


def start_for_runs() -> bool:
    """Begin to compile what a single run calls, unless that was begun; whether there is compiling
    to do. It goes on after this process, and gives way to others."""
    from stoptrail.rules.jit import can_keep, is_cached
    from stoptrail.sweep.kernel.reference import simulate

    if is_cached(simulate):  # it takes longest, and comes last
        return False
    if not is_running() and can_keep(simulate):
        _begin(RUN)
    return True


def wait() -> None:
    """Until what was begun is finished."""
    for process in _RUNNING:
        process.wait()


def _begin(what: str) -> None:
    command = [sys.executable, "-m", "stoptrail.sweep.compile_all", what]
    quiet = subprocess.DEVNULL
    _RUNNING[:] = [subprocess.Popen(command, cwd=_ROOT, stdout=quiet, stderr=quiet)]


def is_running() -> bool:
    """Whether what `start` began is not finished. If it fails, the first call compiles as
    ever."""
    return any(process.poll() is None for process in _RUNNING)
