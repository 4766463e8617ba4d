"""Runs a small Cerebro over the candles shown and lets `cerebro.plot` draw them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import backtrader as bt

from stoptrail.core.errors import OutputError
from stoptrail.feeds.columnar import ColumnarFeed
from stoptrail.reports.plots.backend import settle_backend
from stoptrail.reports.plots.lines import Picture

_DOTS = 100
_DAY = 86_400_000


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
    if picture.candles.interval % _DAY == 0:  # "3 Days" rather than "4320 Minutes"
        data._timeframe, data._compression = bt.TimeFrame.Days, picture.candles.interval // _DAY
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
            figure.savefig(file, dpi=_DOTS)
    except OSError as error:
        raise OutputError(f"{file}: the plot cannot be written ({error})") from None
    finally:
        pyplot.close(figure)
    return file
