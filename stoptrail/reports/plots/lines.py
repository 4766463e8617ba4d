"""Backtrader indicators that only show values computed elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from stoptrail.adapter.backtrader import bt
from stoptrail.rules.candles import Candles, Floats

ENTRY, EXIT, BREAKEVEN, STOP = "#1f6fd0", "#1c2733", "#7d4fc9", "#c77700"
EQUITY, BASELINE, CYCLE, TREND = "#1f6fd0", "#d9702a", "#1f6fd0", "#14875c"


class Given(bt.Indicator):  # type: ignore[misc]
    """One line of given values, shape (candles,); `title` names it in the plot."""

    lines = ("value",)
    params = (("values", None), ("title", ""))
    plotinfo: ClassVar[Any] = {"plotlinelabels": False, "plotlegend": False}

    def plotlabel(self) -> str:
        """The name in the legend or beside the panel."""
        return str(self.p.title)

    def once(self, start: int, end: int) -> None:
        """All values at once."""
        del start
        line: Any = self.lines[0]
        np.frombuffer(line.array, np.float64)[:end] = self.p.values[:end]

    def oncestart(self, start: int, end: int) -> None:
        """Nothing: `once` fills the whole line."""

    def next(self) -> None:
        """One value."""
        line: Any = self.lines[0]
        line[0] = self.p.values[len(self) - 1]


class StopLine(Given):
    """The stop level in force, as a step line on the price panel."""

    plotinfo: ClassVar[Any] = {"subplot": False}
    plotlines: ClassVar[Any] = {
        "value": {"color": STOP, "linewidth": 1.8, "drawstyle": "steps-mid"}
    }


class _Marker(Given):
    plotinfo: ClassVar[Any] = {"subplot": False}


def _marker(symbol: str, color: str, size: float = 12.0) -> dict[str, Any]:
    edge = {"markeredgecolor": "white", "markeredgewidth": 1.0}
    return {"marker": symbol, "markersize": size, "color": color, "ls": "", **edge}


class LongEntry(_Marker):
    """Where a long was filled."""

    plotlines: ClassVar[Any] = {"value": _marker("^", ENTRY)}


class ShortEntry(_Marker):
    """Where a short was filled."""

    plotlines: ClassVar[Any] = {"value": _marker("v", BASELINE)}


class BreakevenMove(_Marker):
    """Where the stop was ratcheted to breakeven."""

    plotlines: ClassVar[Any] = {"value": _marker("D", BREAKEVEN, 9.0)}


class PassedMove(_Marker):
    """Where a trail put the stop beyond the close, which the next open passes (C7)."""

    plotlines: ClassVar[Any] = {"value": _marker("o", BASELINE, 9.0)}


class ExitMark(_Marker):
    """Where the position was left."""

    plotlines: ClassVar[Any] = {"value": _marker("X", EXIT, 11.0)}


class LongDot(_Marker):
    """Where one of many longs was filled."""

    plotlines: ClassVar[Any] = {"value": _marker("^", ENTRY, 7.0)}


class ShortDot(_Marker):
    """Where one of many shorts was filled."""

    plotlines: ClassVar[Any] = {"value": _marker("v", BASELINE, 7.0)}


class ExitDot(_Marker):
    """Where one of many positions was left."""

    plotlines: ClassVar[Any] = {"value": _marker("o", EXIT, 4.5)}


class CyclePanel(Given):
    """The cycle oscillator below the price."""

    plotinfo: ClassVar[Any] = {"subplot": True, "plotyhlines": [-1.0, 0.0, 1.0], "plotymargin": 0.1}
    plotlines: ClassVar[Any] = {"value": {"color": CYCLE, "linewidth": 1.3, "_fill_gt": (0, CYCLE)}}


class TrendPanel(Given):
    """The daily trend below the price: 1 up, -1 down."""

    plotinfo: ClassVar[Any] = {"subplot": True, "plotyhlines": [-1.0, 0.0, 1.0], "plotymargin": 0.2}
    plotlines: ClassVar[Any] = {
        "value": {"color": TREND, "linewidth": 1.5, "drawstyle": "steps-mid"}
    }


class EquityPanel(Given):
    """Equity below the price."""

    plotinfo: ClassVar[Any] = {"subplot": True, "plotymargin": 0.08}
    plotlines: ClassVar[Any] = {"value": {"color": EQUITY, "linewidth": 1.6}}


class DrawdownPanel(Given):
    """Drawdown in percent below the price."""

    plotinfo: ClassVar[Any] = {"subplot": True, "plotymargin": 0.08}
    plotlines: ClassVar[Any] = {"value": {"color": BASELINE, "linewidth": 1.2}}


class ShownLine(NamedTuple):
    """One line of a plot."""

    kind: type[Given]
    title: str
    values: Floats


class Picture(NamedTuple):
    """What one plot shows."""

    candles: Candles
    lines: Sequence[ShownLine]
    """Values of the shape (candles,)."""
    symbol: str
    title: str
    synthetic: bool = False
    linear: bool = True
    """False for a logarithmic price panel."""
