"""Ctrl-C and SIGTERM end a command in order, whenever they come."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

TERMINATED = 143
_AGAIN_SECONDS = 0.05


@contextmanager
def in_order() -> Iterator[list[int]]:
    """Let SIGTERM interrupt as Ctrl-C does, and let neither be lost.

    Python drops an exception that is raised within a callback from C, as LLVM's are while
    rules are compiled, or within a finaliser: an interrupt is then raised again a moment
    later. Yields the signals other than Ctrl-C that have come.
    """
    came: list[int] = []

    def terminate(number: int, frame: Any) -> None:
        came[:] = [number]
        raise KeyboardInterrupt

    before, hook = signal.signal(signal.SIGTERM, terminate), sys.unraisablehook
    sys.unraisablehook = _raised_again(hook, came)
    try:
        yield came
    finally:
        sys.unraisablehook = hook
        if signal.getsignal(signal.SIGTERM) is terminate:
            signal.signal(signal.SIGTERM, before)


def _raised_again(usual: Any, came: list[int]) -> Any:
    def told(dropped: Any) -> None:
        if not issubclass(dropped.exc_type, KeyboardInterrupt):
            usual(dropped)
            return
        number = came[0] if came else signal.SIGINT  # Ctrl-C may be ignored, as nohup does
        timer = threading.Timer(_AGAIN_SECONDS, _thread.interrupt_main, [number])
        timer.daemon = True
        timer.start()

    return told
