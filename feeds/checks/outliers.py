"""Prices that are far from those around them: ten times as high or low, or beyond all others for a
moment in which nothing more was traded than usual."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stoptrail.feeds.checks.neighbours import Told
from stoptrail.feeds.tables.columns import PRICES, Columns
from stoptrail.rules.candles import Floats

_OUTLIER = 7.0
"""A price ten times too high, beside neighbours that moved as much as they may."""
_AROUND = 5
"""Candles on either side that say what is usual."""
_JUMP = 1.0
"""Logarithm of a change between two closes that is looked at closely."""


def outliers(columns: Columns) -> Iterator[Told]:
    """What is odd about single prices of candles, oldest first."""
    if len(columns.time) > 2:
        yield from _of_other_size(columns)
        yield from _lone_wicks(columns)


def _of_other_size(columns: Columns) -> Iterator[Told]:
    """Prices ten times those of the candles before and those behind, or a tenth: a market that
    falls by as much stays there. A market's first candle begins at a price that was set."""
    before, after = _usual(columns.close)
    listed = columns.close[0] / after[0]
    begins = 1 if 1 / _OUTLIER < listed < _OUTLIER else 0
    for name in PRICES:
        price = getattr(columns, name)
        with np.errstate(all="ignore"):
            above = np.minimum(price / before, price / after)
            below = np.minimum(before / price, after / price)
        far = (above >= _OUTLIER) | ((below >= _OUTLIER) & (price > 0))
        odd = begins + np.flatnonzero(far[begins:])
        if len(odd):
            i = int(odd[0])
            usual = after[i] if np.isfinite(after[i]) else before[i]
            text = f"{name} = {price[i]:.10g}, where {usual:.10g} is usual around it"
            more = f" (and {len(odd) - 1} more)" if len(odd) > 1 else ""
            yield Told("outlier", i, len(odd), text + more)


def _usual(close: Floats) -> tuple[Floats, Floats]:
    """The median closes of the candles before each and of those behind it; the close itself where
    nothing jumps, and where there are none on that side."""
    before, after = close.copy(), close.copy()
    with np.errstate(all="ignore"):
        jumps = np.flatnonzero(~(np.abs(np.log(close[1:] / close[:-1])) < _JUMP))
    near = (jumps[:, None] + np.arange(-_AROUND, _AROUND + 2)).ravel()
    near = np.unique(near[(near >= 0) & (near < len(close))])
    for i in [0, len(close) - 1, *near.tolist()]:
        sides = close[max(0, i - _AROUND) : i], close[i + 1 : i + 1 + _AROUND]
        known = [float(np.median(one[np.isfinite(one)])) for one in sides if np.isfinite(one).any()]
        before[i], after[i] = (known[0], known[-1]) if known else (np.nan, np.nan)
    return before, after


def _lone_wicks(columns: Columns) -> Iterator[Told]:
    """Highs and lows far beyond their own open and close and both neighbours, at once back, though
    no more was traded than usual: trades at such prices come with many others."""
    high, low, volume = columns.high, columns.low, columns.volume
    top, bottom = np.maximum(columns.open, columns.close), np.minimum(columns.open, columns.close)
    with np.errstate(all="ignore"):
        above = high[1:-1] / np.maximum(np.maximum(high[:-2], high[2:]), top[1:-1])
        below = np.minimum(np.minimum(low[:-2], low[2:]), bottom[1:-1]) / low[1:-1]
    beyond = np.maximum(above, below)
    odd = []
    for i in (np.flatnonzero((beyond > _FAR) & (beyond < _OUTLIER)) + 1).tolist():
        around = slice(max(0, i - _DAY), i + _DAY + 1)
        usual = float(np.median(volume[around]))
        tall = float(np.median(np.log(high[around] / low[around])))
        if 0 < volume[i] <= _ORDINARY * usual and np.log(beyond[i - 1]) > _HEIGHTS * tall:
            odd.append(i)
    if odd:
        i = odd[0]
        name = "high" if above[i - 1] > below[i - 1] else "low"
        end = above[i - 1] if name == "high" else 1 / below[i - 1]
        text = (
            f"{name} = {getattr(columns, name)[i]:.10g} for one candle, {abs(end - 1):.0%} beyond "
            "its open and close and both neighbours, at a usual volume: a wrong price, perhaps"
            + (f" (and {len(odd) - 1} more such)" if len(odd) > 1 else "")
        )
        yield Told("outlier", i, len(odd), text)


_FAR, _DAY, _ORDINARY, _HEIGHTS = 1.2, 24, 2.0, 12.0
"""Of some 950 files of markets of Binance and Bybit, among them their thinnest, two have such."""
