"""A synthetic market: candles with the habits of a large crypto market, from a seed.

Returns are Student-t noise under a stochastic volatility that has memory over hours,
days and months and a daily rhythm; regimes of trend and range follow each other; the
highs and lows come from the distribution of a Brownian bridge's extremes between open
and close; now and then the exchange is down. Nothing is copied from a real market, and
no result on it says anything about one.

A seed has as many markets as there are base currencies: bitcoin's is the one that the others
follow, each with a part of its own, as coins do that rise and fall together.

The same seed gives the same bytes wherever NumPy draws and rounds alike: values are
rounded to ticks and lots, which absorbs the last bits of `exp` and `log`.
"""

from __future__ import annotations

from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from stoptrail.core.time import DAY_MS, HOUR_MS, MINUTE_MS
from stoptrail.feeds.tables.columns import columns_of, rows_of
from stoptrail.rules.candles import Candles, Floats, Times

PRICE_DIGITS = 2
VOLUME_DIGITS = 5

DEFAULT_START = 1_583_539_200_000
"""2020-03-07 00:00 UTC: five years and 300 days of warm-up before DEFAULT_END."""
DEFAULT_END = 1_767_225_600_000
"""2026-01-01 00:00 UTC."""

_DAILY_VOLATILITY = 0.0195
"""Median standard deviation of a day's return."""
_MEMORIES = ((0.12, 0.45), (2.5, 0.36), (40.0, 0.36))
"""Volatility components: (memory in days, standard deviation of the log)."""
_INTEREST = ((1.0, 0.3), (60.0, 0.4), (0.001, 0.22))
"""Components of the volume that volatility does not explain, in the same form."""
_INSIDE = 0.92
"""A candle's wandering inside, relative to its sigma: part of the tails are jumps."""
_TAIL_DEGREES = 4.5
"""Degrees of freedom of the Student-t noise."""
_REGIME_DAYS = 18.0
"""Mean length of a regime; none is shorter than a quarter of it."""
_TREND_PER_DAY = 0.006
"""Typical size of the daily log drift in a trend."""
_RANGE_SHARE = 0.45
"""Share of the regimes that go sideways."""
_TOTAL_LIMIT = 0.6
"""Bound of the whole log return per square root of a year."""
_START_PRICE = 30_000.0
_MEDIAN_DAILY_VOLUME = 32_000.0
_OUTAGES_PER_YEAR = 3.0
_LEADER = "BTC"
"""Base currency of the market that all others of a seed follow."""
_TOGETHER = (0.65, 0.85)
"""Correlation of the others' returns with the leader's: least and greatest."""
_STRONGER = (0.9, 1.5)
"""Their volatility, relative to the leader's."""
_OTHER_PRICES = (300.0, 3_000.0)
"""Their first prices: dear enough for PRICE_DIGITS."""


class _Path(NamedTuple):
    """Log prices at the edges of the candles, shape (n + 1,), and each one's sigma (n,)."""

    log_price: Floats
    sigma: Floats
    volatility: Floats
    """Sigma without the daily rhythm, relative to its median."""


def synthetic_candles(
    seed: int = 1,
    interval: int = 15 * MINUTE_MS,
    start: int = DEFAULT_START,
    end: int = DEFAULT_END,
    symbol: str = _LEADER,
) -> Candles:
    """Candles of `interval` milliseconds over [start, end), some missing as in an outage.

    `start` is moved up to the next boundary of the interval. symbol: whose base currency says
    which of the seed's markets it is.
    """
    time = np.arange(-(-start // interval) * interval, end, interval, dtype=np.int64)
    random = np.random.Generator(np.random.PCG64(seed))
    path = _path(random, time, interval)
    base = symbol.partition("/")[0].upper()
    if base != _LEADER:
        random = np.random.Generator(np.random.PCG64([seed, crc32(base.encode())]))
        path = _following(random, path, time, interval)
    candles = _candles(random, time, interval, path)
    return _with_outages(random, candles)


def _path(random: np.random.Generator, time: Times, interval: int) -> _Path:
    n = len(time)
    days = interval / DAY_MS
    volatility = np.exp(_log_sum(random, n, days, _MEMORIES))
    sigma = _DAILY_VOLATILITY * np.sqrt(days) * volatility * _daily_rhythm(time)
    noise = random.standard_t(_TAIL_DEGREES, n) / np.sqrt(_TAIL_DEGREES / (_TAIL_DEGREES - 2))
    returns = sigma * noise
    _apply_regimes(random, returns, days)
    limit = _TOTAL_LIMIT * np.sqrt(n * days / 365)
    total = float(returns.sum())
    returns -= (total - limit * np.tanh(total / limit)) / n
    log_price = np.log(_START_PRICE) + np.concatenate([[0.0], np.cumsum(returns)])
    return _Path(log_price, sigma, volatility)


def _following(random: np.random.Generator, leader: _Path, time: Times, interval: int) -> _Path:
    """The path of another market: a part of the leader's returns and one of its own."""
    own = _path(random, time, interval)
    share, size = random.uniform(*_TOGETHER), random.uniform(*_STRONGER)
    rest = np.sqrt(1 - share * share)
    low, high = np.log(_OTHER_PRICES)
    begins = low + (high - low) * random.random()
    moved = [path.log_price - np.log(_START_PRICE) for path in (leader, own)]
    sigma = np.sqrt((share * leader.sigma) ** 2 + (rest * own.sigma) ** 2)
    volatility = np.sqrt((share * leader.volatility) ** 2 + (rest * own.volatility) ** 2)
    return _Path(begins + size * (share * moved[0] + rest * moved[1]), size * sigma, volatility)


def _log_sum(
    random: np.random.Generator, n: int, days: float, memories: tuple[tuple[float, float], ...]
) -> Floats:
    """A sum of slowly forgetting components: its autocorrelation falls like a power."""
    total = np.zeros(n)
    for memory, deviation in memories:
        keep = float(np.exp(-days / memory))
        shocks = random.standard_normal(n) * deviation * np.sqrt(1 - keep * keep)
        shocks[0] = deviation * random.standard_normal()
        total += _remember(shocks, keep)
    return total


def _remember(shocks: Floats, keep: float) -> Floats:
    """y[t] = keep * y[t-1] + shocks[t], by doubling the reach instead of a loop over t."""
    out = shocks.copy()
    reach, weight = 1, keep
    while reach < len(out) and weight > 1e-16:
        out[reach:] += weight * out[:-reach]
        reach, weight = 2 * reach, weight * weight
    return out


_RHYTHM = 0.2
"""How deep it is."""


def _daily_rhythm(time: Times) -> Floats:
    """Activity over the day, mean near 1: quiet at 05:00 UTC, busiest at 15:00, calm weekends."""
    hour = (time % DAY_MS) / HOUR_MS
    weekend = (time // DAY_MS + 3) % 7 >= 5
    wave = (
        1
        + _RHYTHM * np.cos((hour - 15) / 24 * 2 * np.pi)
        + 0.3 * _RHYTHM * np.cos((hour - 14) / 12 * 2 * np.pi)
    )
    return np.asarray(wave * np.where(weekend, 1 - 0.6 * _RHYTHM, 1 + 0.24 * _RHYTHM), np.float64)


def _apply_regimes(random: np.random.Generator, returns: Floats, days: float) -> None:
    """Drift in trends; in ranges the noise is pulled back to where the range began."""
    n = len(returns)
    at = 0
    while at < n:
        length = _REGIME_DAYS * (0.25 + 0.75 * random.standard_exponential())
        end = min(n, at + max(1, round(length / days)))
        part = returns[at:end]
        if random.random() < _RANGE_SHARE:
            part -= part.mean()
        else:
            size = _TREND_PER_DAY * (0.5 + 0.5 * random.standard_exponential())
            part += (1 if random.random() < 0.53 else -1) * size * days
        at = end


def _candles(random: np.random.Generator, time: Times, interval: int, path: _Path) -> Candles:
    log_open, log_close = path.log_price[:-1], path.log_price[1:]
    high = _extreme(random, log_close - log_open, path.sigma)
    low = _extreme(random, log_open - log_close, path.sigma)
    close = _ticks(np.exp(log_close))
    # An open is the next trade after a close: mostly the same price or a tick beside it.
    first = np.exp(log_open[:1])
    step = random.integers(-1, 2, len(time)) * 10.0**-PRICE_DIGITS
    open_ = _ticks(np.concatenate([first, close[:-1]]) + step)
    high = np.maximum(_ticks(np.exp(log_open + high)), np.maximum(open_, close))
    low = np.minimum(_ticks(np.exp(log_open - low)), np.minimum(open_, close))
    volume = _volume(random, time, interval, path, np.log(high / low))
    return Candles(time, open_, high, low, close, volume, interval)


def _extreme(random: np.random.Generator, move: Floats, sigma: Floats) -> Floats:
    """The highest point above the start of a Brownian path that ends at `move`:
    (x + sqrt(x^2 - 2 s^2 ln U)) / 2, U uniform (Karatzas and Shreve, 1991, 2.8)."""
    reach = 2 * (_INSIDE * sigma) ** 2 * random.standard_exponential(len(move))
    return np.asarray((move + np.sqrt(move * move + reach)) / 2, np.float64)


def _volume(
    random: np.random.Generator, time: Times, interval: int, path: _Path, reach: Floats
) -> Floats:
    """Volume grows with the volatility and the candle's own range, and has a daily rhythm."""
    base = _MEDIAN_DAILY_VOLUME * interval / DAY_MS
    own = reach / np.median(reach)
    interest = np.exp(_log_sum(random, len(time), interval / DAY_MS, _INTEREST))
    volume = base * path.volatility**0.3 * own**0.7 * interest * _daily_rhythm(time)
    lots = np.maximum(volume, 10.0**-VOLUME_DIGITS)
    return np.asarray(np.round(lots, VOLUME_DIGITS), np.float64)


def _with_outages(random: np.random.Generator, candles: Candles) -> Candles:
    """Remove candles as an exchange's maintenance does, with flat ones just before."""
    n = len(candles.time)
    years = n * candles.interval / (365 * DAY_MS)
    count = min(int(random.poisson(_OUTAGES_PER_YEAR * years)), n // 50)
    begins = np.sort(random.integers(2, max(3, n), count))
    hours = 0.5 + 1.3 * random.standard_exponential(count)
    flats = random.integers(0, 4, count)
    keep = np.ones(n, np.bool_)
    for begin, length, flat in zip(begins, hours, flats, strict=True):
        end = int(begin) + max(1, round(length * HOUR_MS / candles.interval))
        keep[begin : min(end, n - 1)] = False
        _flatten(candles, slice(max(1, int(begin) - int(flat)), int(begin)))
    return _kept(candles, keep)


def _flatten(candles: Candles, rows: slice) -> None:
    price = candles.close[rows.start - 1]
    for column in (candles.open, candles.high, candles.low, candles.close):
        column[rows] = price
    candles.volume[rows] = 0.0


def _kept(candles: Candles, keep: NDArray[np.bool_]) -> Candles:
    return Candles(*rows_of(columns_of(candles), keep), candles.interval)


def _ticks(price: Floats) -> Floats:
    tick = 10.0**-PRICE_DIGITS
    return np.asarray(np.maximum(np.round(price, PRICE_DIGITS), tick), np.float64)
