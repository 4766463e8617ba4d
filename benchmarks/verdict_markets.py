"""Markets of which is known whether there is anything to find in them.

Nulls: random walks with fat tails and a volatility that has memory ("walk"); coin-toss
signals on real or synthetic candles ("coin"); candles whose days are in random order
("permuted"). Edges: the same walks with regimes of drift, up and down in turn at random.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
import pydantic

from stoptrail.feeds.synthetic import synthetic_candles
from stoptrail.rules.candles import Candles, Floats, Signals
from stoptrail.rules.costs import DAY
from stoptrail.rules.market import Market
from stoptrail.sweep.permutation import permuted_days

HOUR = 3_600_000
FIRST = 18_262 * DAY
"""2020-01-01."""
YEARS, WARM_UP_DAYS = 5, 120
VOLATILITY = 0.6
"""Of log returns, a year."""
MEMORY_DAYS, DEVIATION = 30.0, 0.35
"""Of the logarithm of the volatility."""
TAIL_DEGREES = 4.0
START_PRICE = 30_000.0
MARKET = Market(100.0, 1.0, 1e5, 1.0, 1e-5, 5.0)


class Regimes(NamedTuple):
    """A planted edge."""

    drift: float
    """Size of the log drift, a year."""
    days: float
    """Mean length of a regime."""


NO_REGIMES = Regimes(0.0, 40.0)


def walk(seed: int, regimes: Regimes = NO_REGIMES, interval: int = HOUR) -> Candles:
    """Candles of `interval` ms: five years with their warm-up."""
    random = np.random.default_rng(seed)
    a_day = DAY // interval
    n = (365 * YEARS + WARM_UP_DAYS) * a_day
    sigma = VOLATILITY / np.sqrt(365 * a_day) * _volatility(random, n, a_day)
    noise = random.standard_t(TAIL_DEGREES, n) / np.sqrt(TAIL_DEGREES / (TAIL_DEGREES - 2))
    moves = sigma * noise + _drift(random, n, regimes, a_day) / (365 * a_day)
    return _candles(random, moves, sigma, interval)


def _volatility(random: np.random.Generator, n: int, a_day: int) -> Floats:
    keep = np.exp(-1.0 / (a_day * MEMORY_DAYS))
    shocks = random.standard_normal(n) * DEVIATION * np.sqrt(1.0 - keep * keep)
    level, logs = DEVIATION * random.standard_normal(), np.empty(n)
    for i in range(n):
        level = keep * level + shocks[i]
        logs[i] = level
    return np.asarray(np.exp(logs - DEVIATION**2), np.float64)


def _drift(random: np.random.Generator, n: int, regimes: Regimes, a_day: int) -> Floats:
    """Up or down with equal chance at each change; regimes end at any candle alike."""
    changes = random.random(n) < 1.0 / (a_day * regimes.days)
    signs = random.choice([-1.0, 1.0], n)
    begun = np.maximum.accumulate(np.where(changes, np.arange(n), 0))
    return np.asarray(signs[begun] * regimes.drift, np.float64)


def _candles(random: np.random.Generator, moves: Floats, sigma: Floats, interval: int) -> Candles:
    close = np.log(START_PRICE) + np.cumsum(moves)
    opened = np.concatenate(([np.log(START_PRICE)], close[:-1]))
    reach = [2.0 * sigma**2 * random.standard_exponential(len(moves)) for _ in range(2)]
    high = opened + (moves + np.sqrt(moves**2 + reach[0])) / 2.0
    low = opened - (-moves + np.sqrt(moves**2 + reach[1])) / 2.0
    prices = [np.maximum(np.round(np.exp(logs), 2), 0.01) for logs in (opened, high, low, close)]
    volume = np.round(random.lognormal(3.0, 0.5, len(moves)), 5)
    time = FIRST + interval * np.arange(len(moves), dtype=np.int64)
    top = np.maximum.reduce([prices[0], prices[1], prices[3]])
    bottom = np.minimum.reduce([prices[0], prices[2], prices[3]])
    return Candles(time, prices[0], top, bottom, prices[3], volume, interval)


def invented(seed: int, interval: int = HOUR) -> Candles:
    """The synthetic market that the program makes for want of a network."""
    return synthetic_candles(seed, interval, FIRST, FIRST + (365 * YEARS + WARM_UP_DAYS) * DAY)


def shuffled(candles: Candles, seed: int) -> Candles:
    """`candles` with all their days in random order."""
    return permuted_days(candles, 0, MARKET, np.random.default_rng(seed))


def hourly(candles: Candles) -> Candles:
    """Candles of a finer timeframe put together to hours."""
    hours, first = np.unique(candles.time // HOUR, return_index=True)
    last = np.append(first[1:], len(candles.time)) - 1
    return Candles(
        hours.astype(np.int64) * HOUR,
        candles.open[first],
        np.maximum.reduceat(candles.high, first),
        np.minimum.reduceat(candles.low, first),
        candles.close[last],
        np.add.reduceat(candles.volume, first),
        HOUR,
    )


def coin(
    candles: Candles,
    *,
    coin_seed: Annotated[int, pydantic.Field(ge=0)] = 1,
    a_week: Annotated[float, pydantic.Field(gt=0, le=100)] = 2.0,
) -> Signals:
    """Entries by tossing a coin at every candle, without a look at any price."""
    n = len(candles.time)
    tossed, side = np.random.default_rng(coin_seed).random((n, 2)).T
    chance = a_week * candles.interval / (7 * DAY)
    zone = np.where(tossed < chance, np.where(side < 0.5, -1, 1), 0)
    return Signals(zone.astype(np.int8), np.zeros(n, np.int8), 0)
