"""The plot of one trade: price with the stop, its moves and the fills; cycle; trend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stoptrail.reports.crop import around
from stoptrail.reports.plots.draw import draw
from stoptrail.reports.plots.lines import (
    BreakevenMove,
    CyclePanel,
    ExitMark,
    LongEntry,
    PassedMove,
    Picture,
    ShortEntry,
    ShownLine,
    StopLine,
    TrendPanel,
)
from stoptrail.reports.run_files import StopLevel, TradeRecord
from stoptrail.rules.candles import Candles, Floats, Times

MOST_BARS = 260
"""Candles in one plot; longer trades are drawn in longer candles."""


class ChartMarket(NamedTuple):
    """The candles of a run with what the strategy saw on them."""

    candles: Candles
    cycle: Floats | None
    """The cycle oscillator, shape (candles,); None to leave its panel out."""
    trend: Floats | None
    """The daily trend, shape (candles,); None to leave its panel out."""
    symbol: str
    synthetic: bool = False


_LEFT = {
    "cycle": "left at the cycle's turn",
    "target": "left at its target",
    "time": "left as its time was up",
    "rule": "left by its own rule",
    "liquidated": "liquidated: the account could not hold it",
    "manual": "left by hand",
    "manual_price": "left by hand",
}
"""How a trade ended that no stop of a name ended."""


def plot_trade(
    market: ChartMarket,
    trade: TradeRecord,
    stops: Sequence[StopLevel],
    file: Path | None,
    *,
    window: bool = False,
) -> Path | None:
    """Plot `trade` into `file`, and into a window where one is wanted and can be had.

    Returns the file written. Raises OutputError where it cannot be written.
    """
    return draw(trade_picture(market, trade, stops), file, window=window)


def trade_picture(market: ChartMarket, trade: TradeRecord, stops: Sequence[StopLevel]) -> Picture:
    """Candles from a little before the entry to a little after the exit, with all lines."""
    shown = around(market.candles, trade, MOST_BARS)
    entry = LongEntry if trade.side > 0 else ShortEntry
    entry_name = f"{'long' if trade.side > 0 else 'short'} entry {trade.entry_price:,.8g}"
    lines = [
        ShownLine(StopLine, "stop level", stop_values(shown, trade, stops)),
        ShownLine(entry, entry_name, marks(shown, [(trade.entry_time, trade.entry_price)])),
    ]
    ratchets = [(move.time, move.level) for move in stops if move.reason == "breakeven"]
    if ratchets:
        lines.append(ShownLine(BreakevenMove, "stop to breakeven", marks(shown, ratchets)))
    passed = [(move.time, move.level) for move in stops if move.passed]
    if passed:
        lines.append(ShownLine(PassedMove, "stop beyond the close", marks(shown, passed)))
    ends, parts = trade.end_points, trade.part_points
    if parts:
        lines.append(ShownLine(ExitMark, f"parts ({len(parts)})", marks(shown, parts)))
    if ends:
        left = f"{trade.exit_reason} exit {ends[0][1]:,.8g}"
        lines.append(ShownLine(ExitMark, left, marks(shown, ends)))
    for kind, name, values in (
        (CyclePanel, "cycle", market.cycle),
        (TrendPanel, "trend", market.trend),
    ):
        if values is not None:
            lines.append(ShownLine(kind, name, at_close(market.candles.time, values, shown)))
    return Picture(shown, lines, market.symbol, _title(market, trade), market.synthetic)


def stop_values(shown: Candles, trade: TradeRecord, stops: Sequence[StopLevel]) -> Floats:
    """The last level in force within each of the candles, so that the exit lies on the stop
    that was hit however long the candles are; NaN outside the trade."""
    values = np.full(len(shown.time), np.nan)
    if not stops:
        return values
    times = np.array([move.time for move in stops], np.int64)
    levels = np.array([move.level for move in stops], np.float64)
    place = np.searchsorted(times, shown.time + shown.interval, side="left") - 1
    inside = shown.time + shown.interval > trade.entry_time
    if trade.exit_time is not None:
        inside &= shown.time <= trade.exit_time
    values[inside] = levels[np.maximum(place[inside], 0)]
    return values


def marks(shown: Candles, points: Sequence[tuple[int, float]]) -> Floats:
    """`points` of (time, price) on the candles that hold them; NaN elsewhere."""
    values = np.full(len(shown.time), np.nan)
    for time, price in points:
        place = int(np.searchsorted(shown.time, time, side="right")) - 1
        if place >= 0:
            values[place] = price
    return values


def at_close(times: Times, values: Floats, shown: Candles) -> Floats:
    """`values` of the candles opened at `times`, as known when each shown candle closes."""
    place = np.searchsorted(times, shown.time + shown.interval, side="left") - 1
    return np.asarray(values[np.maximum(place, 0)], np.float64)


def _title(market: ChartMarket, trade: TradeRecord) -> str:
    side = "long" if trade.side > 0 else "short"
    result = f"{trade.r_multiple:+.2f} R, profit {trade.pnl:,.2f}"
    state = "still open" if trade.exit_time is None else f"left at the {trade.exit_reason} stop"
    state = _LEFT.get(trade.exit_reason, state)
    if trade.exit_reason == "liquidated" and trade.funding < 0.0:
        state += f" after {-trade.funding:,.2f} of funding"
    return f"{market.symbol}   trade {trade.number}, {side}, {state}: {result}"
