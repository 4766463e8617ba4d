"""Random markets, signals and rules that are hard on a stop engine, from a seed.

Prices lie on coarse ticks, so that highs and lows often equal a stop level. Candles are
missing, alone and over midnights; prices jump; some candles have no volume; volatility
comes in bursts. Everything follows from the seed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stoptrail.rules.candles import Candles, Floats, Signals
from stoptrail.rules.costs import DAY, Costs
from stoptrail.rules.detail import NO_DETAIL
from stoptrail.rules.funding import NO_FUNDING, FundingRows, funding_rows
from stoptrail.rules.market import Market
from stoptrail.rules.paths import CANDLE, HIGH_FIRST, LOW_FIRST
from stoptrail.rules.protections import Protections
from stoptrail.rules.sizing import ALL_IN, RISK, by_risk
from stoptrail.rules.stops import StopRules
from stoptrail.rules.trade import TradeRules
from stoptrail.rules.types import (
    BOTH,
    CYCLE_EXIT,
    STOP_TRAIL,
    RunRules,
    Setups,
    setups,
)

QUARTER_HOUR = 900_000
MIDNIGHT = 18_000 * DAY

COARSE = Market(10.0, 5.0, 100.0, 1.0, 0.01, 5.0)
"""Tick 0.5, lot 0.01, at least 5 of the quote currency: prices are near 100."""
FINE = Market(100.0, 1.0, 1e5, 1.0, 1e-5, 5.0)
"""Tick 0.01, lot 0.00001."""
NOTHING_ELSE = (NO_DETAIL, None, None, NO_FUNDING)
"""What `simulate` is given besides, as every run gives it: arguments left out are of another type,
for which all would be compiled anew."""


def random_market(
    seed: int,
    count: int = 2000,
    *,
    market: Market = COARSE,
    interval: int = QUARTER_HOUR,
    start: int = MIDNIGHT,
    missing: float = 0.01,
    silent: float = 0.02,
    jumps: float = 0.005,
) -> Candles:
    """At most `count` candles from `start` on, prices on the tick of `market`.

    missing, silent, jumps: shares of candles that are left out (some in runs, also over
    midnights), that have no volume, and that open away from the last close.
    """
    random = np.random.default_rng(seed)
    time = start + interval * np.arange(count, dtype=np.int64)
    scale = _volatility(random, count)
    close = 100.0 * np.exp(_fenced(np.cumsum(random.standard_t(4, count) * scale)))
    opens = np.concatenate(([100.0], close[:-1]))
    jump = random.random(count) < jumps
    opens[jump] *= np.exp(random.normal(0.0, 0.02, int(jump.sum())))
    reach = np.abs(random.normal(0.0, 1.0, (2, count))) * scale * close
    high = np.maximum(opens, close) + reach[0]
    low = np.minimum(opens, close) - reach[1]
    volume = random.uniform(1.0, 10.0, count)
    volume[random.random(count) < silent] = 0.0
    kept = _kept(random, count, missing, DAY // interval)
    opens, high, low, close = (on_tick(x, market)[kept] for x in (opens, high, low, close))
    return Candles(time[kept], opens, high, low, close, volume[kept], interval)


def on_tick(price: Floats, market: Market) -> Floats:
    """The nearest ticks of `market`, one at least: the doubles that the rules round to."""
    count = np.maximum(np.rint(price * market.price_scale / market.price_step), 1.0)
    return np.asarray(count * market.price_step / market.price_scale, np.float64)


def _volatility(random: np.random.Generator, count: int) -> Floats:
    """Typical relative move of each candle: calm and wild stretches follow each other."""
    stretches = np.exp(random.normal(np.log(0.003), 0.7, count // 50 + 1))
    return np.asarray(np.repeat(stretches, 50)[:count], np.float64)


def _fenced(path: Floats) -> Floats:
    """`path` folded into [-1, 1], so that no market runs away."""
    return np.asarray(np.abs((path + 1.0) % 4.0 - 2.0) - 1.0, np.float64)


def _kept(random: np.random.Generator, count: int, missing: float, day: int) -> NDArray[np.bool_]:
    kept = random.random(count) >= missing / 2
    kept[0] = True
    for _ in range(int(random.poisson(missing * count / 16))):
        first = int(random.integers(1, count))
        kept[first : first + int(random.integers(2, 14))] = False
    if missing > 0.0 and count > 3 * day:
        midnight = day * int(random.integers(1, count // day))
        kept[midnight - 3 : midnight + int(random.integers(1, 120))] = False
    return kept


def random_signals(seed: int, candles: Candles, share: float = 0.05) -> Signals:
    """Zones of a few candles begin at `share` of the candles; turns are independent."""
    random = np.random.default_rng(seed)
    n = len(candles.time)
    zone = np.zeros(n, np.int8)
    for first in np.flatnonzero(random.random(n) < share):
        zone[first : first + int(random.integers(1, 6))] = random.choice([-1, 1])
    turned = random.choice(np.array([-1, 0, 0, 0, 0, 0, 1], np.int8), n)
    return Signals(zone, turned, 0)


def random_setups(seed: int, candles: Candles, first: int = 0, share: float = 0.05) -> Setups:
    """Events of `random_signals` on both sides, at or after candle `first`."""
    return setups(random_signals(seed, candles, share), BOTH, first)


def random_funding(seed: int, candles: Candles) -> FundingRows:
    """Rows every 8, 4, 2 or 1 hours that change their step, now and then off the grid, some
    with a price of their own, some that accrue; the rates are large enough to matter."""
    random = np.random.default_rng([seed, 19])
    hour, time, times = 3_600_000, int(candles.time[0]), []
    while time < candles.time[-1]:
        step = int(random.choice([8, 8, 4, 2, 1]))
        for _ in range(int(random.integers(1, 20))):
            time += step * hour
            times.append(time + int(random.choice([0, 0, 0, 11, 7 * 60_000])))
    count = len(times)
    rate = random.normal(0.0, 0.001, count)
    price = np.where(random.random(count) < 0.2, random.uniform(90.0, 110.0, count), np.nan)
    hours = np.where(random.random(count) < 0.2, random.choice([0.5, 1.0, 8.0], count), 0.0)
    return funding_rows(times, rate, price, hours)


def with_size(random: np.random.Generator, run_rules: RunRules, kind: int) -> RunRules:
    """`run_rules` sized by `kind`, whose own numbers are random."""
    trade_rules = run_rules.trade_rules
    sizing = trade_rules.sizing._replace(
        kind=kind,
        notional=float(random.choice([0.02, 0.3, 2.0])),
        volatility=float(random.choice([0.02, 0.3, 2.0])),
        window=int(random.choice([1, 5, 40])),
        kelly_fraction=float(random.choice([0.05, 0.5, 1.0])),
        kelly_trades=int(random.choice([1, 5, 30])),
    )
    return run_rules._replace(trade_rules=trade_rules._replace(sizing=sizing))


def random_rules(random: np.random.Generator, market: Market = COARSE) -> RunRules:
    """Any mixture of stops, sizes, costs, exits, paths, waits and protections."""
    pick = random.choice
    stop = StopRules(
        float(pick([0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0])),
        float(pick([0.0, 0.25, 0.5, 1.0, 2.0, 3.0])),
        float(pick([0.0, 0.0002, 0.002])),
        bool(random.random() < 0.2),
    )
    sizing = by_risk(
        float(pick([0.002, 0.01, 0.05])),
        float(pick([0.5, 1.0, 3.0])),
        bool(random.random() < 0.7),
        ALL_IN if random.random() < 0.15 else RISK,
    )
    costs = Costs(
        float(pick([0.0, 0.001, 0.004])),
        float(pick([0.0, 0.0002, 0.002])),
        float(pick([0.0, 0.0002, 0.003, 0.02])),
    )
    return RunRules(
        TradeRules(stop, sizing, costs, market),
        int(pick([STOP_TRAIL, CYCLE_EXIT], p=[0.85, 0.15])),
        int(pick([CANDLE, HIGH_FIRST, LOW_FIRST], p=[0.7, 0.15, 0.15])),
        int(pick([0, 0, 1, 7, 40])),
        int(pick([0, 0, 1, 4])) * QUARTER_HOUR,
        float(pick([40.0, 1000.0, 100_000.0, 10_000_000.0])),
        random_protections(random),
    )


def random_protections(random: np.random.Generator) -> Protections:
    """Limits that are mostly off, each: a drawdown limit can end a run for good."""
    pick = random.choice
    return Protections(
        float(pick([0.0, 0.0, 0.0, 0.005, 0.03])),
        float(pick([0.0, 0.0, 0.0, 0.0, 0.05, 0.3])),
        int(pick([0, 0, 2, 4])),
        int(pick([0, 10, 100])),
    )
