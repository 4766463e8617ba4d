"""What a session has when it begins, or goes on: candles, settings, where it stands; and how long
it waits for an exchange that cannot be reached: a machine may boot before its network does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from stoptrail.backtest.inputs import plan_for
from stoptrail.config.excess import session_words
from stoptrail.config.market import Maintenance
from stoptrail.config.run_rules import market_rules
from stoptrail.config.settings import Settings
from stoptrail.core.errors import ConfigError, ExchangeError
from stoptrail.core.retry import backoff, rest
from stoptrail.core.time import DAY_MS, MINUTE_MS, Spans, iso_time
from stoptrail.exchange.errors import BannedError, RegionError, UnreachableError
from stoptrail.exchange.rows import Row
from stoptrail.live.ledger.records import (
    SessionRow,
    newest_tick,
    session_of,
    settings_rows,
    stored_candles,
)
from stoptrail.live.ledger.session_ledger import SessionLedger
from stoptrail.live.market.funding_poller import AGAIN
from stoptrail.live.market.long_waits import LongWaits
from stoptrail.live.origin import Origin, origin_of
from stoptrail.live.protocols import MarketStore
from stoptrail.live.session_settings import (
    changed,
    filters_in,
    maintenance_in,
    margin_words,
    other_filters,
    prices_words,
    resolved,
    settings_from,
    told_tick,
)
from stoptrail.live.warm_up import WarmUp, check_alive, needed_days, tick_words, warm_up_of
from stoptrail.rules.funding import FundingRow

_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 60.0


class StartPatience:
    """Waits between two tries of a start, `stopped` cutting it short; `say(kind, text)` is
    told once that it waits, and once that it is over."""

    def __init__(self, say: Callable[[str, str], None], stopped: Callable[[], bool]) -> None:
        self._say = say
        self._stopped = stopped
        self.reason = ""
        """Why the start was not possible when it was last tried; empty once it is."""
        self._failures = 0
        self._until: float | None = None
        """By the monotonic clock; None while nothing is waited for."""

    def hear(self, waits: LongWaits, here: Callable[[str], None]) -> None:
        """Say what a try waits for, once; `here` is told it, first why there is a try, and how
        long it has been waited for."""
        said: list[str] = []

        def waited(text: str) -> None:
            if not self.reason and not said:
                self._say("notice", text)
                said.append(text)
            here(text)

        here(self.reason or "reading from the exchange")
        waits.tell = waited

    def wait(
        self, error: UnreachableError | BannedError, seconds: float, here: Callable[[], None]
    ) -> None:
        """Wait before the next try, for `seconds` over all tries, and call `here` now and then
        meanwhile. Raises `error` where that is over, or cannot help."""
        if isinstance(error, RegionError):
            raise error
        now, self.reason = time.monotonic(), str(error)
        if self._until is None:
            self._until = now + seconds
        if now >= self._until:
            raise error
        if self._failures == 0:
            self._say(
                "connection",
                f"{error}: the start is tried again for up to {seconds:g} s "
                "(live.start_wait_seconds); Ctrl-C ends it",
            )
        self._failures += 1
        pause = backoff(self._failures, _FIRST_PAUSE, _LONGEST_PAUSE)
        if isinstance(error, BannedError):
            pause = max(pause, error.seconds)
        until = min(now + pause, self._until)
        while (left := until - time.monotonic()) > 0.0 and not self._stopped():
            here()
            rest(min(left, _LONGEST_PAUSE), self._stopped)

    def over(self) -> None:
        """The exchange was reached."""
        if self._until is not None:
            self._say("connection", "the exchange is reached")
        self._until, self._failures, self.reason = None, 0, ""


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
    margin: str = ""
    """What has to stay in the account of a swap, in words."""
    tick: str = ""
    """How its candles contradict the exchange's tick, in words; "" where they do not."""
    filters: str = ""
    """Which filters the exchange has changed since the last start, in words."""

    @property
    def said(self) -> Iterator[tuple[str, str]]:
        """What people are told of it, each with its kind of message."""
        yield "warm-up", self.warm_up.text
        if self.margin:
            yield "settings", self.margin
        yield from (("settings", text) for text in (self.tick, self.filters) if text)
        yield from (("settings", text) for text in session_words(self.settings))
        if self.waiting:
            keys = ", ".join(self.waiting)
            yield "settings", f"changed while a position is open, applied after it: {keys}"


def begin(settings: Settings, store: MarketStore, session_ledger: SessionLedger) -> Beginning:
    """Take a session up from its ledger, or make it, with its warm-up, where there is none.

    Raises the errors of exchange and ledger, ConfigError for settings that cannot go on.
    """
    database = session_ledger.database
    found = session_of(database, settings.exchange_id, settings.data.symbol)
    symbol, days = settings.data.symbol, settings.live.warm_up_days
    interval = settings.data.interval
    theirs = store.market(symbol) if found is None else store.held_market(symbol)
    margin = margin_of(settings, store) if found is None else None
    others = ""
    if found is not None:
        kept = [row.content for row in settings_rows(database, found.id)]
        others = other_filters(settings, filters_in(kept[-1]), theirs)
        theirs = theirs or filters_in(kept[-1])
        margin = next(filter(None, map(maintenance_in, reversed(kept))), None)
    plan = plan_for(settings, market_rules(theirs, 0, 0))
    unserved: Spans = ()
    if found is None:
        candles, unserved = warm_up_candles(settings, store, symbol, days), store.unserved
        needed = needed_days(plan, candles, interval)
        if needed > days:  # a young market has no more: then it is waited for
            days = needed
            candles, unserved = warm_up_candles(settings, store, symbol, days), store.unserved
    else:
        check_interval(settings, found)
        candles = stored_candles(database, found.id)
    content = resolved(settings, theirs, candles, margin)
    row = session_ledger.open(found, candles, content)
    active, waiting = session_ledger.settings(row, content)
    settings_now = settings_from(active.content)
    told = settings_now.market_type == "swap" and store.tells_marks
    by = prices_words(settings_now, told, settings.exchange_id)
    return Beginning(
        session=row.id,
        settings=settings_now,
        number=active.number,
        waiting=() if waiting is None else tuple(changed(active.content, waiting.content)),
        paused=row.paused,
        candles=candles,
        origin=origin_of(database, row, candles, settings_now),
        warm_up=warm_up_of(plan, candles, interval, days, unserved),
        newest_tick=newest_tick(database, row.id),
        margin=margin_words(settings_now, by, margin),
        tick=tick_words(candles, told_tick(settings, theirs)),
        filters=others and f"{settings.exchange_id} tells others than before: {others}",
    )


def margin_of(settings: Settings, store: MarketStore) -> Maintenance | None:
    """The tiers of a swap's maintenance margin as its exchange shows them now; they hold for as
    long as the session does."""
    return store.maintenance(settings.data.symbol) if settings.market_type == "swap" else None


def hear_funding(
    tell: Callable[[FundingRow], None],
    store: MarketStore,
    symbol: str,
    origin: Origin,
    say: Callable[[str, str], None],
    interval: int | None = None,
) -> int | None:
    """Tell the rows of funding that were published since the last one that was booked; the
    time (ms) after which others are to come, None where the exchange publishes none. `interval`:
    of the mark candles that price them; None: the market's own do."""
    booked = {row.time for row in origin.booked}
    newest = max(booked, default=origin.start)
    try:
        rows = store.fetch_funding(symbol, max(origin.start, newest - AGAIN))
    except ConfigError as error:
        say("settings", str(error))
        return None
    except ExchangeError as error:
        say("error", f"{error}; funding is booked when it can be read")
        return newest
    fresh = [row for row in rows if row.time not in booked]
    for row in fresh if interval is None else store.priced(symbol, interval, fresh):
        tell(row)
    return max([newest, *(row.time for row in rows)])


def warm_up_candles(settings: Settings, store: MarketStore, symbol: str, days: int) -> list[Row]:
    """Closed candles of a market of the days before now, from the start of a day (C1)."""
    now = int(time.time() * 1000) + (store.clock_offset() or 0)
    since = (now // DAY_MS - days) * DAY_MS
    candles = store.fetch_candles(symbol, settings.data.interval, since)
    if not candles:
        raise ExchangeError(
            f"{settings.exchange_id} has no closed candles of {symbol} since {iso_time(since)}"
        )
    check_alive(settings.exchange_id, symbol, candles[-1][0], now)
    return candles


def check_interval(settings: Settings, found: SessionRow) -> None:
    """Raise ConfigError where the session runs on candles of another length."""
    if found.interval != settings.data.interval:
        raise ConfigError(
            f"data.timeframe {settings.data.timeframe}: the session of {found.symbol} in "
            f"this database runs on candles of {found.interval // MINUTE_MS} minutes; use another "
            "[database] url to begin a new one"
        )
