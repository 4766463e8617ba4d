"""The synthetic market inside its candles: finer candles that make up the given ones.

The path of a candle runs from its open to its close by way of its high and its low, in an order
and at moments that are drawn, with noise of a Brownian bridge between. What comes out, put
together again, is the candle itself: prices to the tick, volume to the last lot. So the
candles of a seed stay what they are, and nothing of the path can be read off them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stoptrail.feeds.synthetic import PRICE_DIGITS, VOLUME_DIGITS
from stoptrail.feeds.tables.columns import Columns
from stoptrail.rules.candles import Candles, Floats, Times, rows_of

_PIECES_AT_ONCE = 1 << 19
"""Of so many the path is drawn in one go: a part of the memory of all."""
_INSIDE = 0.25
"""How far a piece reaches beyond its open and close, in parts of its candle's range and of the
square root of its length."""


def synthetic_detail(candles: Candles, interval: int, seed: int) -> Candles:
    """Candles of `interval` milliseconds within `candles`, whose length they divide.

    The same for the same candles and seed. A candle with less volume than a lot for each piece
    is one piece; one without volume is flat pieces without.
    """
    count = candles.interval // interval
    random = np.random.Generator(np.random.PCG64([seed, interval]))
    step = max(1, _PIECES_AT_ONCE // count)
    parts = [
        _pieces(random, rows_of(candles, slice(i, i + step)), count, interval)
        for i in range(0, len(candles.time), step)
    ]
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Candles._make([*columns, interval])


def _pieces(random: np.random.Generator, candles: Candles, count: int, interval: int) -> Columns:
    n = len(candles.time)
    time = candles.time[:, None] + interval * np.arange(count)
    high, low = candles.high[:, None], candles.low[:, None]
    path, top, bottom = _path(random, candles, count)
    opens, close = path[:, :-1], path[:, 1:]
    reach = _INSIDE * (high - low) / np.sqrt(count)
    above = np.maximum(opens, close) + reach * random.standard_exponential((n, count))
    below = np.minimum(opens, close) - reach * random.standard_exponential((n, count))
    above, below = (np.clip(_ticks(x), low, high) for x in (above, below))
    above, below = np.maximum(above, close), np.minimum(below, close)
    rows = np.arange(n)
    above[rows, top], below[rows, bottom] = candles.high, candles.low
    lots = _lots(random, candles.volume, count)
    columns = (time, opens, above, below, close, lots / 10.0**VOLUME_DIGITS)
    kept = _pieces_kept(candles.volume, count)
    whole = ~kept[:, -1]
    for column, own in zip(columns[1:], candles[1:6], strict=True):
        column[whole, 0] = own[whole]
    return Columns._make(np.ascontiguousarray(column[kept]) for column in columns)


def _path(random: np.random.Generator, candles: Candles, count: int) -> tuple[Floats, Times, Times]:
    """Prices at the edges of the pieces, shape (n, count + 1), and the pieces of the extremes."""
    n = len(candles.time)
    when = np.sort(random.random((2, n)), axis=0)
    up = candles.close > candles.open
    # A candle that rises saw its low first more often than not.
    low_first = random.random(n) < np.where(up, 0.7, 0.3)
    first = np.where(low_first, candles.low, candles.high)
    second = np.where(low_first, candles.high, candles.low)
    at = np.arange(count + 1)[None, :] / count
    one, two = when[0][:, None], when[1][:, None]
    opens, close = candles.open[:, None], candles.close[:, None]
    first, second = first[:, None], second[:, None]
    line = np.where(
        at <= one,
        opens + (first - opens) * at / one,
        np.where(
            at <= two,
            first + (second - first) * (at - one) / (two - one),
            second + (close - second) * (at - two) / (1.0 - two),
        ),
    )
    noise = np.cumsum(random.standard_normal((n, count + 1)), axis=1)
    noise -= noise[:, :1] + (noise[:, -1:] - noise[:, :1]) * at
    high, low = candles.high[:, None], candles.low[:, None]
    path = np.clip(_ticks(line + 0.2 * noise * (high - low) / np.sqrt(count)), low, high)
    path[:, 0], path[:, -1] = candles.open, candles.close
    places = np.minimum((when * count).astype(np.int64), count - 1)
    top, bottom = np.where(low_first, places[::-1], places)
    return path, top, bottom


def _lots(random: np.random.Generator, volume: Floats, count: int) -> Floats:
    """Each volume in whole lots spread over its pieces, at least one in each where it can be."""
    lots = np.rint(volume * 10.0**VOLUME_DIGITS)
    shares = np.cumsum(random.standard_exponential((len(lots), count)), axis=1)
    free = np.maximum(lots - count, 0.0)[:, None]
    edges = np.rint(free * shares / shares[:, -1:])
    return np.asarray(np.diff(edges, axis=1, prepend=0.0) + (lots > 0)[:, None], np.float64)


def _pieces_kept(volume: Floats, count: int) -> NDArray[np.bool_]:
    """Which pieces there are, shape (n, count): of a candle of too few lots only the first."""
    lots = np.rint(volume * 10.0**VOLUME_DIGITS)
    kept = np.ones((len(volume), count), np.bool_)
    kept[(volume > 0.0) & (lots < count), 1:] = False
    return kept


def _ticks(price: Floats) -> Floats:
    return np.asarray(np.round(price, PRICE_DIGITS), np.float64)
