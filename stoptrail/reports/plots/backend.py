"""Settles matplotlib's backend before Backtrader does.

Importing `backtrader.plot` asks for TkAgg, which fails later, at the first figure, on a
machine without a screen. Here a window is asked for only where one can be shown.
"""

from __future__ import annotations

import os
import sys

_WINDOWS = ("TkAgg", "QtAgg", "GTK4Agg", "GTK3Agg")


def has_screen() -> bool:
    """Whether a window can be expected to open."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def settle_backend(window: bool) -> bool:
    """Choose a backend and return whether it opens windows.

    MPLBACKEND goes first where it is set. Without a window, or where no toolkit is
    installed, figures are drawn for files only.
    """
    import backtrader.plot  # noqa: F401 # its wish for TkAgg must come before the choice
    from matplotlib import pyplot

    named = os.environ.get("MPLBACKEND")
    wanted: tuple[str, ...] = ()
    if window and has_screen():
        wanted = (named,) if named else ("MacOSX",) if sys.platform == "darwin" else _WINDOWS
    for backend in wanted:
        try:
            pyplot.switch_backend(backend)
        except ImportError:
            continue
        return backend.lower() != "agg"
    pyplot.switch_backend("agg")
    return False
