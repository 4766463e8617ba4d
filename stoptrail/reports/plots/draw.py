"""Runs a small Cerebro over the candles shown and lets `cerebro.plot` draw them.

Importing `backtrader.plot` asks for TkAgg, which fails later, at the first figure, on a
machine without a screen. Here a window is asked for only where one can be shown.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, ClassVar

from stoptrail.adapter.backtrader import bt
from stoptrail.core.files import written_whole
from stoptrail.feeds.columnar import ColumnarFeed
from stoptrail.reports.plots.lines import Picture

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


_DOTS = 100


class _Nothing(bt.Strategy):  # type: ignore[misc]
    """Trades nothing: carries the lines that are to be drawn."""

    params: ClassVar[Any] = (("shown", ()),)

    def __init__(self) -> None:
        super().__init__()
        for line in self.p.shown:
            line.kind(self.data, values=line.values, title=line.title)


def draw(picture: Picture, file: Path | None, *, window: bool) -> Path | None:
    """Draw `picture` with Backtrader's own plot, in a window where `window` is wanted and
    can be had, and into `file`.

    Returns the file written. Raises OutputError where it cannot be written.
    """
    interactive = settle_backend(window)
    cerebro = loaded(picture)
    cerebro.run()
    return _plotted(cerebro, picture, file, interactive)


def loaded(picture: Picture) -> bt.Cerebro:
    """A Cerebro with the picture's candles and lines, not yet run."""
    cerebro = bt.Cerebro(stdstats=False)
    data = ColumnarFeed(candles=picture.candles)
    data.plotinfo.plotlog = not picture.linear
    cerebro.adddata(data, name=picture.symbol)
    cerebro.addstrategy(_Nothing, shown=tuple(picture.lines))
    return cerebro


def _plotted(
    cerebro: bt.Cerebro, picture: Picture, file: Path | None, interactive: bool
) -> Path | None:
    from matplotlib import pyplot

    from stoptrail.reports.plots.plotter import plotter_for

    plotter = plotter_for(picture, interactive)
    figures = cerebro.plot(plotter=plotter, iplot=False)
    figure = figures[0][0]
    try:
        if file is not None:
            with written_whole(file) as beside:
                figure.savefig(beside, dpi=_DOTS, format=file.suffix[1:])
    finally:
        pyplot.close(figure)
    return file
