"""Finer candles of hand-written and random base candles, for every engine that walks them."""

from __future__ import annotations

import numpy as np

from stoptrail.rules.candles import Candles
from stoptrail.rules.detail import Detail
from stoptrail.rules.market import Market
from tests.markets import on_tick

MINUTE = 60_000


def random_pieces(seed: int, candles: Candles, market: Market, *, missing: float = 0.1) -> Detail:
    """Pieces whose prices make up `candles` exactly, five minutes each.

    missing: share of base candles without pieces, and of pieces that are left out elsewhere.
    """
    random = np.random.default_rng(seed)
    step, rows, ends = 5 * MINUTE, [], [0]
    for i, opens in enumerate(candles.time.tolist()):
        count = candles.interval // step
        chosen = np.flatnonzero(random.random(count) >= missing)
        if random.random() >= missing and len(chosen) and candles.volume[i] > 0.0:
            prices = _split(random, candles, i, len(chosen), market)
            rows += [(opens + step * int(k), *row) for k, row in zip(chosen, prices, strict=True)]
        ends.append(len(rows))
    columns = np.array(rows, np.float64).reshape(-1, 5).T
    prices = map(np.ascontiguousarray, columns[1:])
    time, edges = columns[0].astype(np.int64), np.array(ends, np.int64)
    return Detail(time, *prices, edges[:-1], edges[1:])


def _split(
    random: np.random.Generator, candles: Candles, i: int, count: int, market: Market
) -> list[tuple[float, ...]]:
    """`count` pieces of candle i: a random walk inside its range that touches both extremes."""
    high, low = candles.high[i], candles.low[i]
    walk = on_tick(random.uniform(low, high, (count, 4)), market).clip(low, high)
    walk[0, 0], walk[-1, 3] = candles.open[i], candles.close[i]
    joined = random.random(count) < 0.8  # the others open away from the last close
    walk[1:, 0] = np.where(joined[1:], walk[:-1, 3], walk[1:, 0])
    top, bottom = walk.max(axis=1), walk.min(axis=1)
    top[random.integers(count)], bottom[random.integers(count)] = high, low
    return [(row[0], top[k], bottom[k], row[3]) for k, row in enumerate(walk)]
