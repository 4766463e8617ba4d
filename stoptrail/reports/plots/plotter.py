"""Backtrader's plotter with a title, names beside the panels and a readable legend."""

from __future__ import annotations

from typing import Any

from backtrader.plot import Plot, PlotScheme

from stoptrail.core.time import DAY_MS, timeframe_name
from stoptrail.reports.plots.lines import Picture

_SIZE = (15.0, 8.6)
_UP, _DOWN = "#2a9d70", "#d1495b"


def plotter_for(picture: Picture, interactive: bool) -> Plot:
    """A plotter for `cerebro.plot`; `interactive` says whether it may open a window."""
    return _Titled(picture, interactive, scheme=_scheme(picture.candles.interval))


def _scheme(interval: int) -> PlotScheme:
    """Candles in plain colours, no volume; a day or longer needs no hours."""
    scheme = PlotScheme()
    scheme.style = "candle"
    scheme.barup, scheme.bardown = _UP, _DOWN
    scheme.volume = False
    scheme.linevalues = scheme.valuetags = False
    scheme.tickrotation = 0
    scheme.fmt_x_ticks = "%Y-%m-%d" if interval >= DAY_MS else "%Y-%m-%d\n%H:%M"
    scheme.plotdist = 0.08
    scheme.rowsmajor = 4  # against 1 of a panel below; Backtrader miscounts any other minor
    scheme.subtxtsize = 10
    scheme.zdown = False
    scheme.locbg = scheme.locbgother = "white"
    return scheme


class _Titled(Plot):  # type: ignore[misc]
    """Draws as Backtrader does; then names what was drawn."""

    def __init__(self, picture: Picture, interactive: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._picture = picture
        self._interactive = interactive

    def show(self) -> None:
        """Called by Cerebro when everything is drawn; a window opens only here."""
        for figure in self.pinf.figs:
            self._finish(figure)
        if self._interactive:
            super().show()

    def _finish(self, figure: Any) -> None:
        figure.set_size_inches(*_SIZE)
        figure.subplots_adjust(top=0.91, bottom=0.08, left=0.045, right=0.94)
        figure.suptitle(self._picture.title, x=0.045, ha="left", fontsize=13, fontweight="bold")
        panels = list(self.pinf.daxis.items())
        for shown, axis in panels:
            axis.grid(True, color="0.92", linewidth=0.8)
            axis.set_axisbelow(True)
            axis.tick_params(labelsize=10)
            for side in axis.spines.values():
                side.set_color("0.8")
            if shown is self.pinf.clock.data:
                self._finish_prices(axis)
            else:
                axis.set_ylabel(shown.plotlabel(), fontsize=10)
                axis.yaxis.set_major_formatter("{x:,.10g}")
        _show_dates(panels[-1][1])
        if self._picture.synthetic:
            mark = {"fontsize": 52, "color": "#cc3d4f", "alpha": 0.22, "rotation": 18}
            figure.text(0.5, 0.55, "SYNTHETIC DATA", ha="center", va="center", **mark)

    def _finish_prices(self, axis: Any) -> None:
        """Room for every line: Backtrader keeps the limits that it found for the candles."""
        axis.relim(visible_only=True)
        axis.autoscale(enable=True, axis="y", tight=False)
        axis.margins(y=0.08)
        if not self._picture.linear:
            _logarithmic_ticks(axis)
        axis.yaxis.set_major_formatter("{x:,.10g}")
        axis.set_xlim(-1, len(self._picture.candles.time))
        self._legend_above(axis)

    def _legend_above(self, axis: Any) -> None:
        """The names in a row above the panel, where they hide nothing."""
        handles, labels = self.pinf.handles[axis], list(self.pinf.labels[axis])
        market = self._picture  # Backtrader calls six hours "360 Minutes"
        labels[0] = f"{market.symbol} ({timeframe_name(market.candles.interval)})"
        place = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.2}
        axis.legend(handles, labels, ncols=len(labels), frameon=False, fontsize=10, **place)


def _show_dates(axis: Any) -> None:
    """Backtrader hides every panel's dates and shows the last one's; so that the ticks made
    at drawing time follow, they are asked for by name. Its locator begins anew with each month,
    and writes the 29th and the 1st over each other."""
    axis.xaxis.get_major_locator().interval_multiples = False
    axis.tick_params(axis="x", labelbottom=True)
    for label in axis.get_xticklabels():
        label.set_visible(True)


def _logarithmic_ticks(axis: Any) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.yaxis.set_minor_locator(NullLocator())
