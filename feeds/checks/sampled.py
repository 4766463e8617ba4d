"""Candles that are not what was traded in their own time: those of a longer one, written again or
as it stood so far, a part of each, averages, closes alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from stoptrail.feeds.checks.neighbours import Told, summed
from stoptrail.feeds.tables.columns import Columns, rows_of

_MANY = 1 << 16
"""Candles by which a file is known."""
_FEWEST = 200


def of_other_times(columns: Columns, step: int) -> Iterator[Told]:
    """What most candles of `step` milliseconds show, or all of a stretch; nothing of few."""
    count, begin = len(columns.time), rows_of(columns, slice(_MANY))
    near = np.diff(begin.time) == step
    if np.sum(near) < _FEWEST:
        return
    for text in filter(None, (_again(begin, near), _part(begin, near))):
        yield Told("not of one candle", 0, count, text)
    for judged in (_so_far, _smooth, _bare, summed):
        if text := judged(begin, step):
            yield Told("not of one candle", 0, count, text)
        else:
            yield from _stretch(columns, step, judged)


def _stretch(columns: Columns, step: int, judged: Callable[[Columns, int], str]) -> Iterator[Told]:
    """The first stretch of which alone holds what `judged` tells of candles."""
    count = len(columns.time)
    length = max(_STRETCH, -(-count // _STRETCHES))
    told = [judged(rows_of(columns, slice(i, i + length)), step) for i in range(0, count, length)]
    found = [k for k, text in enumerate(told) if text]
    if found and len(found) < _HALF * len(told):
        row, rows = found[0] * length, len(found) * length
        yield Told(
            "not of one candle", row, rows, f"in {rows} candles from about there {told[found[0]]}"
        )


_STRETCH, _STRETCHES = 480, 150
"""Candles of one at least, and how many there are at most."""


def _again(columns: Columns, near: NDArray[np.bool_]) -> str:
    """Candles of a longer time that were written once for each part of it."""
    equal = near & (columns.high[1:] > columns.low[1:])
    for prices in columns[1:5]:
        equal &= prices[1:] == prices[:-1]
    share = float(np.mean(equal))
    if share < _HALF:
        return ""
    return (
        f"{int(np.sum(equal))} of {len(columns.time)} candles are equal to the one before: candles "
        f"of a longer time, each written {1 / max(1 - share, 1 / len(near)):.0f} times; leave the "
        "copies out, and set data.timeframe to theirs"
    )


def _so_far(columns: Columns, step: int) -> str:
    """Highs and lows of the last 24 hours, or of the day so far, as tickers have them."""
    moves = np.abs(np.diff(columns.close))
    moved = (np.diff(columns.time) == step) & (moves > 0)
    if np.sum(moved) < _FEWEST:
        return ""
    kept = (np.diff(columns.high) == 0) & (np.diff(columns.low) == 0)
    high = float(np.median(columns.high - columns.low))
    if np.mean(kept[moved]) < _OFTEN or high < _STEPS * np.min(moves[moved]):
        return ""
    return (
        "highs and lows stay while the price moves: they are those of a longer time (24 hours, the "
        "day so far), not of one candle, and no stop is safe from them; give plain candles"
    )


def _part(columns: Columns, near: NDArray[np.bool_]) -> str:
    """Candles of a shorter time of which not all were kept, so that they do not go on from each
    other. Those of a thin market do not either, but many of them hold a single price, or open at
    the close before."""
    traded = near & (columns.volume[1:] > 0) & (columns.volume[:-1] > 0)
    gaps = (columns.open[1:] - columns.close[:-1])[traded]
    if len(gaps) < _FEWEST or np.mean(gaps[1:] * gaps[:-1] < 0) > _IN_TURNS:
        return ""
    if np.mean(columns.high == columns.low) > _FLAT or np.mean(gaps == 0) > _GOING_ON:
        return ""
    gap, high = float(np.median(np.abs(gaps))), float(np.median(columns.high - columns.low))
    if not 0 < high < gap / _APART:
        return ""
    return (
        f"candles open {gap / high:.0%} of their own height beside the close before: a part of "
        "each is missing, perhaps, as where one in several shorter candles was kept"
    )


def _smooth(columns: Columns, _step: int) -> str:
    """Prices that were averaged over several candles."""
    moves = np.diff(np.log(columns.close))
    moves = moves[np.isfinite(moves)]
    if len(moves) < _FEWEST or not np.std(moves[1:]) > 0 or not np.std(moves[:-1]) > 0:
        return ""
    follows = float(np.corrcoef(moves[1:], moves[:-1])[0, 1])
    both = moves[1:] * moves[:-1]
    if follows < _FOLLOWS or np.sum(both > 0) < _SAME_WAY * np.sum(
        both != 0
    ):  # a crash goes on too
        return ""
    return (
        f"closes follow each other as moving averages do (correlation of changes {follows:.2f}): "
        "prices that nobody traded at; give the candles themselves"
    )


def _bare(columns: Columns, _step: int) -> str:
    """Highs and lows that were taken from open and close; not where most candles had no trade, as
    the others hold a single one then."""
    if np.sum(columns.volume > 0) < _HALF * len(columns.time) and np.any(columns.volume > 0):
        return ""
    tall = columns.high > columns.low
    above = columns.high > np.maximum(columns.open, columns.close)
    below = columns.low < np.minimum(columns.open, columns.close)
    if np.sum(tall) < _FEWEST or np.mean((above | below)[tall]) > _SELDOM:
        return ""
    return (
        "no candle goes beyond its own open and close: highs and lows are those of the two, and "
        "stops that were touched in between are missed"
    )


_HALF, _OFTEN, _SELDOM, _IN_TURNS, _STEPS = 0.5, 0.3, 0.01, 0.9, 10.0
_FOLLOWS, _SAME_WAY = 0.6, 0.65
_FLAT, _GOING_ON, _APART = 0.05, 0.2, 0.28
"""Nine in ten real files of which every second candle was left out are found so, and none of 900
that are whole."""
