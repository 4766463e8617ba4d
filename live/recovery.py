"""What a session has when it begins, or goes on: candles, settings, and where it stands."""

from __future__ import annotations

import time
from typing import NamedTuple

from stoptrail.backtest.inputs import plan_for
from stoptrail.config.run_rules import market_rules
from stoptrail.config.settings import Settings
from stoptrail.core.errors import ConfigError, ExchangeError
from stoptrail.core.spans import Spans
from stoptrail.core.time import DAY_MS, iso_time
from stoptrail.live.engine import Origin
from stoptrail.live.ledger.records import (
    SessionRow,
    checkpoint_of,
    counters,
    newest_tick,
    session_of,
    stored_candles,
    waits_to_leave,
)
from stoptrail.live.ledger.session_ledger import SessionLedger
from stoptrail.live.protocols import MarketStore
from stoptrail.live.session_settings import changed, resolved, settings_from
from stoptrail.live.step import Row
from stoptrail.live.warm_up import WarmUp, check_alive, needed_days, warm_up_of


class Beginning(NamedTuple):
    """A session before its next candle."""

    session: int
    settings: Settings
    """Those in force."""
    number: int
    """Their number in the ledger."""
    waiting: tuple[str, ...]
    """Keys of new ones that wait for the position to end."""
    paused: bool
    candles: list[Row]
    """Every closed candle so far, warm-up included."""
    origin: Origin
    warm_up: WarmUp
    newest_tick: int
    """Time of the last tick that changed something, ms; 0 where there is none."""


def begin(settings: Settings, store: MarketStore, session_ledger: SessionLedger) -> Beginning:
    """Take a session up from its ledger, or make it, with its warm-up, where there is none.

    Raises the errors of exchange and ledger, ConfigError for settings that cannot go on.
    """
    database = session_ledger.database
    found = session_of(database, settings.exchange_id, settings.data.symbol)
    theirs, days = store.market(settings.data.symbol), settings.live.warm_up_days
    interval = settings.data.interval
    plan = plan_for(settings, market_rules(theirs, 0, 0))
    unserved: Spans = ()
    if found is None:
        candles, unserved = _warm_up(settings, store, days), store.unserved
        needed = needed_days(plan, candles, interval)
        if needed > days:  # a young market has no more: then it is waited for
            days = needed
            candles, unserved = _warm_up(settings, store, days), store.unserved
    else:
        _check_interval(settings, found)
        candles = stored_candles(database, found.id)
    content = resolved(settings, theirs, candles)
    row = session_ledger.open(found, candles, content)
    active, waiting = session_ledger.settings(row, content)
    origin = Origin(
        1,
        row.start,
        candles[-1][0],
        row.ticks,
        checkpoint_of(database, row.id),
        counters(database, row.id),
        waits_to_leave(database, row.id),
        candles[:-1],
    )
    return Beginning(
        row.id,
        settings_from(active.content),
        active.number,
        () if waiting is None else tuple(changed(active.content, waiting.content)),
        row.paused,
        candles,
        origin,
        warm_up_of(plan, candles, interval, days, unserved),
        newest_tick(database, row.id),
    )


def _warm_up(settings: Settings, store: MarketStore, days: int) -> list[Row]:
    """Closed candles of the days before now, from the start of a day (C1)."""
    symbol = settings.data.symbol
    now = int(time.time() * 1000) + (store.clock_offset() or 0)
    since = (now // DAY_MS - days) * DAY_MS
    candles = store.fetch_candles(symbol, settings.data.interval, since)
    if not candles:
        raise ExchangeError(
            f"{settings.exchange_id} has no closed candles of {symbol} since {iso_time(since)}"
        )
    check_alive(settings.exchange_id, symbol, candles[-1][0], now)
    return candles


def _check_interval(settings: Settings, found: SessionRow) -> None:
    if found.interval != settings.data.interval:
        raise ConfigError(
            f"data.timeframe {settings.data.timeframe}: the session of {found.symbol} in "
            f"this database runs on candles of {found.interval // 60_000} minutes; use another "
            "[database] url to begin a new one"
        )
