"""Compile the pre-screen in a process of its own, while this one reads candles.

Compiling is work for one core, and most of the wait for a first result on a fresh
machine. The compiled code comes back through the cache on disk.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
    command = [sys.executable, "-m", "stoptrail.sweep.kernel.compile_all"]
    quiet = subprocess.DEVNULL
    _RUNNING.append(subprocess.Popen(command, cwd=_ROOT, stdout=quiet, stderr=quiet))
    return True


def is_running() -> bool:
    """Whether what `start` began is not finished. If it fails, the first call compiles as
    ever."""
    return any(process.poll() is None for process in _RUNNING)
