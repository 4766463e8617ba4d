"""The plot of a whole run: price with every entry and exit, equity, drawdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stoptrail.core.text import number_of
from stoptrail.reports.crop import merged, multiple_for
from stoptrail.reports.plots.draw import draw
from stoptrail.reports.plots.lines import (
    DrawdownPanel,
    EquityPanel,
    ExitDot,
    LongDot,
    Picture,
    ShortDot,
    ShownLine,
)
from stoptrail.reports.plots.trade import marks
from stoptrail.reports.run_files import EquityCurve, TradeRecord
from stoptrail.rules.candles import Candles, Floats
from stoptrail.rules.metrics import drawdowns

MOST_BARS = 640


def plot_overview(
    candles: Candles,
    trades: Sequence[TradeRecord],
    equity: EquityCurve,
    symbol: str,
    file: Path | None,
    *,
    synthetic: bool = False,
    window: bool = False,
) -> Path | None:
    """Plot the run into `file`, and into a window where one is wanted and can be had.

    Returns the file written. Raises OutputError where it cannot be written.
    """
    picture = overview_picture(candles, trades, equity, symbol, synthetic=synthetic)
    return draw(picture, file, window=window)


def overview_picture(
    candles: Candles,
    trades: Sequence[TradeRecord],
    equity: EquityCurve,
    symbol: str,
    *,
    synthetic: bool = False,
) -> Picture:
    """The span of the equity curve in at most about MOST_BARS candles."""
    shown = merged(candles, multiple_for(len(candles.time), MOST_BARS))
    longs = [(trade.entry_time, trade.entry_price) for trade in trades if trade.side > 0]
    shorts = [(trade.entry_time, trade.entry_price) for trade in trades if trade.side < 0]
    parts = [point for trade in trades for point in trade.part_points]
    exits = [point for trade in trades for point in trade.end_points]
    lines = [
        ShownLine(kind, f"{name} ({len(points)})", marks(shown, points))
        for kind, name, points in (
            (LongDot, "long entries", longs),
            (ShortDot, "short entries", shorts),
            (ExitDot, "parts", parts),
            (ExitDot, "exits", exits),
        )
        if points
    ]
    if len(equity.time):
        held = equity_at(equity, shown)
        lines.append(ShownLine(EquityPanel, "equity", held))
        lines.append(ShownLine(DrawdownPanel, "drawdown %", fallen_percent(equity, shown)))
    title = f"{symbol}   {number_of(len(trades), 'trade')}"
    return Picture(shown, lines, symbol, title, synthetic, linear=False)


def equity_at(equity: EquityCurve, shown: Candles) -> Floats:
    """The last equity marked by the close of each candle; NaN before the first mark."""
    place = np.searchsorted(equity.time, shown.time + shown.interval, side="right") - 1
    return np.where(place < 0, np.nan, equity.equity[np.maximum(place, 0)])


def fallen_percent(equity: EquityCurve, shown: Candles) -> Floats:
    """How far below its highest point the equity was at the deepest close of each candle, in
    percent (0 or less): at candle closes where the run wrote it, else at its daily marks."""
    if equity.falls is None:
        return drawdown_percent(equity_at(equity, shown))
    ends = shown.time + shown.interval
    first = np.searchsorted(equity.time, shown.time, side="right")
    last = np.searchsorted(equity.time, ends, side="right")
    deepest = [
        # A candle within a day knows the day's deepest only: that of the mark after it.
        float(equity.falls[min(a, len(equity.falls) - 1) : max(a + 1, b)].max())
        for a, b in zip(first, last, strict=True)
    ]
    return -100.0 * np.array(deepest, np.float64)


def drawdown_percent(equity: Floats) -> Floats:
    """How far below its highest point so far, in percent (0 or less); NaN before the first."""
    known = ~np.isnan(equity)
    shown = np.full(len(equity), np.nan)
    shown[known] = -100 * drawdowns(equity[known])
    return shown
