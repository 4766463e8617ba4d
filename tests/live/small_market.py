"""A made-up market that trades often, and settings for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from stoptrail.config.settings import Settings
from stoptrail.exchange.rows import Row
from stoptrail.live.market.events import Tick
from stoptrail.rules.candles import Candles
from tests.live.playback import rows_of

HOUR = 3_600_000
WARM_UP = 240
"""Candles before the first decision: ten days of hours."""


def small_market(count: int = 1500, seed: int = 3) -> Candles:
    """Hourly candles with drifts, fat tails, gaps in time and price, and zero volumes."""
    random = np.random.default_rng(seed)
    drift = np.repeat(random.normal(0, 0.0012, count // 60 + 1), 60)[:count]
    close = np.round(30_000 * np.exp(np.cumsum(drift + random.standard_t(4, count) * 0.004)), 2)
    open_ = np.concatenate([[30_000.0], close[:-1]]) * (1 + random.normal(0, 0.0003, count))
    open_ = np.round(open_, 2)
    high = np.round(np.maximum(open_, close) * (1 + random.exponential(0.0015, count)), 2)
    low = np.round(np.minimum(open_, close) * (1 - random.exponential(0.0015, count)), 2)
    volume = np.where(random.random(count) < 0.005, 0.0, np.round(1 + 9 * random.random(count), 4))
    times = 1_609_459_200_000 + HOUR * np.arange(count, dtype=np.int64)
    kept = (random.random(count) > 0.003) | (np.arange(count) < WARM_UP)
    columns = [column[kept] for column in (open_, high, low, close, volume)]
    return Candles(times[kept], columns[0], columns[1], columns[2], columns[3], columns[4], HOUR)


def small_rows(count: int = 1500, seed: int = 3) -> list[Row]:
    """The same as plain rows."""
    return rows_of(small_market(count, seed))


def settings(**changes: dict[str, Any]) -> Settings:
    """Settings under which the market trades often; tables to change by name."""
    return Settings.model_validate(tables(**changes))


def tables(**changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The same as tables of strategy.toml."""
    found: dict[str, dict[str, Any]] = {
        "data": {"timeframe": "1h"},
        "stop": {"trailing_atr_multiplier": 0.8, "atr_period": 7, "breakeven_atr_trigger": 0.5},
        "strategy": {
            "trend": "roc",
            "trend_period": 4,
            "structure": "channel",
            "structure_period": 4,
            "cycle_period": 6.0,
            "cycle_threshold": 0.1,
        },
        "live": {
            "ratchet": "candle",
            "catch_up": "full",
            "warm_up_days": 10,
            "database_retry_seconds": 2.0,
        },
    }
    for name, table in changes.items():
        found[name] = {**found.get(name, {}), **table}
    return found


def some_ticks(row: Row) -> list[Tick]:
    """Ticks of which every fifth candle lacks all, so that its close has to do their work."""
    return [] if row[0] // HOUR % 5 == 0 else ticks_of(row)


def ticks_of(row: Row) -> list[Tick]:
    """Four ticks of a candle along its path, with quotes around them."""
    time, open_, high, low, close, volume = row
    if not volume:
        return []
    path = (open_, low, high, close) if close >= open_ else (open_, high, low, close)
    return ticks_along(time, path, 600_000)


def ticks_along(time: int, path: Sequence[float], step: int) -> list[Tick]:
    """A tick at each price of `path`, `step` ms apart from just after `time` on, with a quote half
    a dollar around it."""
    return [
        Tick(
            time + 1 + k * step,
            price,
            round(price - 0.5, 2),
            round(price + 0.5, 2),
            quote_age=20.0,
            quote_rule="event",
        )
        for k, price in enumerate(path)
    ]
