"""A small random market with missing candles, for tests of signals and indicators."""

from __future__ import annotations

import numpy as np

from stoptrail.rules.candles import Candles

QUARTER_HOUR = 900_000
DAY = 86_400_000
MIDNIGHT = 18_000 * DAY


def random_market(
    seed: int, days: float = 40, *, start: int = MIDNIGHT, missing: float = 0.01
) -> Candles:
    """A random walk with a slow wave; a share `missing` of candles is left out, singly
    and as an outage over the end of a day."""
    random = np.random.default_rng(seed)
    n = int(days * DAY / QUARTER_HOUR)
    wave = 0.05 * np.sin(np.arange(n) / 600.0)
    close = 100.0 * np.exp(wave + np.cumsum(random.standard_t(4, n)) * 0.002)
    open_ = np.concatenate(([100.0], close[:-1]))
    reach = np.abs(random.normal(0.0, 0.001, (2, n))) * close
    high = np.maximum(open_, close) + reach[0]
    low = np.minimum(open_, close) - reach[1]
    volume = random.uniform(1.0, 10.0, n)
    time = start + QUARTER_HOUR * np.arange(n, dtype=np.int64)
    kept = random.random(n) >= missing
    if missing:
        kept[n // 2 // 96 * 96 - 9 : n // 2 // 96 * 96 + 3] = False
    columns = (column[kept] for column in (time, open_, high, low, close, volume))
    return Candles(*columns, QUARTER_HOUR)


def head(candles: Candles, count: int) -> Candles:
    """The first `count` candles."""
    return Candles(*(column[:count] for column in candles[:6]), candles.interval)


def altered_after(candles: Candles, t: int, seed: int) -> list[Candles]:
    """Markets that are the same up to and with candle t and differ after it: other
    prices, cut off, some candles deleted, some inserted."""
    random = np.random.default_rng(seed)
    later = np.arange(len(candles.time)) > t
    factor = np.where(later, random.uniform(0.5, 2.0), 1.0)
    changed = candles._replace(
        open=candles.open * factor,
        high=candles.high * factor,
        low=candles.low * factor,
        close=candles.close * factor,
    )
    kept = ~later | (random.random(len(later)) < 0.7)
    if t + 1 < len(kept):
        kept[t + 1] = False
    deleted = Candles(*(column[kept] for column in candles[:6]), candles.interval)
    return [changed, head(candles, t + 1), deleted, _with_gaps_filled(candles, t)]


def _with_gaps_filled(candles: Candles, t: int) -> Candles:
    """A flat candle at twice the price in every gap after candle t."""
    step = candles.interval
    every = np.arange(candles.time[t] + step, candles.time[-1] + step, step, dtype=np.int64)
    new = every[~np.isin(every, candles.time)]
    price = np.full(len(new), 2.0 * candles.close[t])
    order = np.argsort(np.concatenate((candles.time, new)), kind="stable")
    added = (new, price, price, price, price, np.ones(len(new)))
    columns = zip(candles[:6], added, strict=True)
    return Candles(*(np.concatenate(pair)[order] for pair in columns), step)
