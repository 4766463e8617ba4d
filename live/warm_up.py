"""The candles before a session's first decision: how many it has, and from when it decides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stoptrail.backtest.plan import Plan
from stoptrail.backtest.warm_up import needed_candles, warm_index
from stoptrail.config.market import lately
from stoptrail.core.errors import ConfigError
from stoptrail.core.text import number_of
from stoptrail.core.time import DAY_MS, Spans, iso_time
from stoptrail.exchange.rows import Row
from stoptrail.feeds.checks.scales import off_tick
from stoptrail.feeds.tables.columns import columns_of, rows_of
from stoptrail.rules.candles import Candles

MOST_DAYS = 3650
SILENT_DAYS = 7
"""A market whose last candle is older is not traded any more."""


class WarmUp(NamedTuple):
    """What a session begins with."""

    text: str
    """In one line: days it has of those asked for, what is missing, when it decides."""
    warm_from: int
    """Time in ms from which signals can come; a guess where the candles end before."""


def needed_days(plan: Plan, rows: list[Row], interval: int) -> int:
    """Days of candles that the plan's indicators need before they tell anything.

    As `rows` show it; where these do not suffice, measured on the synthetic market. Raises
    ConfigError where MOST_DAYS do not either.
    """
    warm = warm_index(plan, _candles(rows, interval))
    needed = needed_candles(plan, interval, MOST_DAYS) if warm is None else warm + 1
    if needed is None:
        raise ConfigError(
            f"the indicators need more than {MOST_DAYS} days of candles: shorten the periods "
            "in [strategy.parameters] or stop.atr_period"
        )
    return math.ceil(needed * interval / DAY_MS)


def warm_up_of(plan: Plan, rows: list[Row], interval: int, wanted: int, unserved: Spans) -> WarmUp:
    """What `rows` are worth as the warm-up of `wanted` days."""
    first, end = rows[0][0], rows[-1][0] + interval
    have = min(float(wanted), len(rows) * interval / DAY_MS)
    needed = needed_days(plan, rows, interval)
    warm = warm_index(plan, _candles(rows, interval))
    warm_from = max(end, first + needed * DAY_MS if warm is None else rows[warm][0])
    missing = "".join(
        f"; the exchange gave nothing from {iso_time(a)} to {iso_time(b)}" for a, b in unserved[:3]
    )
    when = "warm now" if warm is not None else f"warm on {iso_time(warm_from)[:10]}"
    return WarmUp(
        f"{have:.1f} of {wanted} days of candles, since {iso_time(first)}{missing}; the settings "
        f"need {number_of(needed, 'day')}: {when}",
        warm_from,
    )


def tick_words(rows: Sequence[Row], tick: float | None) -> str:
    """What to say where the latest of `rows` contradict the `tick` that the exchange tells; "" of
    others, and where it tells none."""
    if tick is None:
        return ""
    columns = columns_of(_candles(rows, 0))
    return off_tick(rows_of(columns, lately(columns.time)), tick)


def check_alive(exchange_id: str, symbol: str, newest: int, now: int) -> None:
    """ConfigError for a market that is silent: its newest candle opened at `newest`."""
    if now - newest > SILENT_DAYS * DAY_MS:
        raise ConfigError(
            f"data.symbol {symbol} is silent on {exchange_id}: its last candle is of "
            f"{iso_time(newest)}, {(now - newest) // DAY_MS} days ago; name another market"
        )


def _candles(rows: Sequence[Row], interval: int) -> Candles:
    table = np.array(rows, np.float64)
    open_, high, low, close, volume = table[:, 1:].T
    return Candles(table[:, 0].astype(np.int64), open_, high, low, close, volume, interval)
