"""How the program was called, by which name and whether on the plain road; and how it says
how far it is.

Where a quicker way gives the same bytes it is taken by itself. With STOPTRAIL_PLAIN=1 in
the environment every one is left alone, so that the two can be compared.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

Progress = Callable[[int, int], None]
"""Told how many of how many are done."""

NAME = "stoptrail"
"""The console script, and what the program is called where nobody called it from a shell."""


def program_name(argv0: str | None = None) -> str:
    """What to type before a command: "stoptrail", "python runner.py", "python -m stoptrail".

    argv0: the program's path as Python was given it; `sys.argv[0]` by default.
    """
    called = Path(sys.argv[0] if argv0 is None else argv0)
    if called.name == "runner.py":
        return f"python {called}"
    if called.name == "__main__.py" and called.parent.name == NAME:
        return f"python -m {NAME}"
    return NAME


PLAIN = "STOPTRAIL_PLAIN"


def is_plain() -> bool:
    """Whether the environment asks for the plain road everywhere."""
    return os.environ.get(PLAIN, "") not in ("", "0")


def part_of(on_progress: Progress, before: int, total: int) -> Progress:
    """What a part of the work tells its progress to, where `before` of `total` are done."""
    return lambda done, _of_these: on_progress(before + done, total)


_ALONE: list[bool] = []


def run_alone() -> None:
    """Say that this process is the program's: every thread in it is known."""
    _ALONE[:] = [True]


def is_alone() -> bool:
    """Whether a copy of this process, which has one thread only, can hold no lock of another's.
    Somebody's own program, or a notebook, may have any."""
    return bool(_ALONE) and sys.platform == "linux"


def give_back() -> None:
    """Return to the system what was used and is free: the C library keeps it for threads, a part
    for each, where others do not find it."""
    import ctypes

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # as in glibc alone
        trim(0)


def give_back_at_once() -> None:
    """Let memory of 4 MB and more go back to the system as soon as it is free. The C library stops
    doing so for sizes that it has seen freed, and keeps holes between the columns of minutes."""
    import ctypes

    choose = getattr(ctypes.CDLL(None), "mallopt", None)
    if choose is not None:  # as in glibc alone
        choose(_MMAP_THRESHOLD, 4 << 20)


_MMAP_THRESHOLD = -3
"""Of <malloc.h>."""


def end_quickly() -> None:
    """Let Python, when it ends, not look once more for circles among all objects that there are:
    a fifth of the time that a single run takes."""
    gc.freeze()


def collect_seldom() -> None:
    """Look for circles among 100,000 new objects at a time. Python's own 700 let it walk all that
    libraries have just made some hundred times while they are imported, a tenth of a short run."""
    gc.set_threshold(100_000, 20, 20)


LEFTOVERS_SECONDS = 60.0
"""Between two looks for what ended connections leave; one takes about a millisecond."""


def leave_out_loaded() -> None:
    """Leave what there is now, which stays, out of every later look for circles."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def collect_leftovers() -> None:
    """Look for circles of objects, and give back what they held. A connection that has ended
    leaves some hundred objects that hold each other, and a third of a megabyte with them, which
    Python finds once as many new ones have come as a hundred connections leave or more."""
    gc.collect()
    give_back()


async def collect_each_minute() -> None:
    """`collect_leftovers` for as long as an event loop serves connections; cancel it at the end."""
    import asyncio

    leave_out_loaded()
    try:
        while True:
            await asyncio.sleep(LEFTOVERS_SECONDS)
            collect_leftovers()
    finally:
        gc.unfreeze()
