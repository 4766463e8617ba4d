"""Outages longer than one answer of an exchange, on exchanges that answer in their own ways: no
candle that it has is missing afterwards, and what it does not give is named."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ccxt
import pytest

from stoptrail.core.time import iso_time
from stoptrail.live.market.events import (
    ConnectionBack,
    ConnectionLost,
    Event,
    Notice,
    not_served,
)
from stoptrail.live.market.store import CCXTStore
from stoptrail.live.market_status import MarketStatus
from tests.exchange.dialects import DIALECTS as FIRST
from tests.exchange.dialects import QUARTER, Dialect, Query, RefusedError, Row
from tests.exchange.latest_dialects import LATEST
from tests.exchange.player import Pace
from tests.exchange.script import Disconnect
from tests.exchange.standin import StandIn
from tests.exchange.window_dialects import WINDOWS
from tests.live import scenario
from tests.live.market.test_wires import listening, played
from tests.live.scenario import HISTORY, QUICK, Listener

DIALECTS = FIRST | LATEST | WINDOWS
BEGIN = 1_609_459_200_000
"""Long past by any clock of the machine."""
KNOWN = 60
"""Candles before the outage."""
KEPT = 150
"""Newest candles of an exchange that gives no others."""
AWAY = {
    "binance": 1100,  # the first 1000 from a time
    "bybit": 1100,  # those, the newest first
    "okx": 700,  # the last 100 or 300 before a time, the newest first
    "coinbase": 700,  # a window of 350
    "upbit": 500,  # the last 200, and no clock
    "mexc": 1100,  # the first 500 of a window
    "kraken": 400,  # the newest alone, later than a time
    "bithumb": 400,  # so many of the newest
    "gate": 400,  # refuses what is old
    "zebpay": 250,  # the last 100 of a window whose end must be named
    "hollaex": 700,  # the last 500 of a window that ends now unless an end is named
    "foxbit": 600,  # the newest 500 from a time, unless an end is named
}
"""Candles of an outage: more than one answer holds."""


def rows_of(count: int, without: tuple[int, int] = (0, 0)) -> list[Row]:
    """A random walk of `count` candles, none at the positions [without)."""
    chance, price, rows = random.Random(count), 30_000.0, []
    for k in range(count):
        open_, price = price, round(price + chance.uniform(-20, 20), 1)
        if not without[0] <= k < without[1]:
            high, low = max(open_, price) + 5, min(open_, price) - 5
            volume = round(chance.uniform(1, 9), 4)
            rows.append((BEGIN + k * QUARTER, open_, high, low, price, volume))
    return rows


@pytest.fixture
def market(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, list[Row]], Dialect]:
    """The exchange of that name with these candles; ccxt lives at its time."""

    def made(name: str, rows: list[Row]) -> Dialect:
        dialect = DIALECTS[name](rows, BEGIN + KNOWN * QUARTER + 60_000)
        dialect.kept = min(dialect.kept, KEPT)
        for clock, unit in (("milliseconds", 1.0), ("seconds", 1000.0), ("microseconds", 0.001)):
            now = staticmethod(lambda unit=unit: int(dialect.now / unit))
            monkeypatch.setattr(ccxt.Exchange, clock, now)
        return dialect

    return made


@contextmanager
def polling(dialect: Dialect) -> Iterator[tuple[CCXTStore, Listener]]:
    """A store that polls, and has told the newest closed candle."""
    timing = QUICK._replace(timeout=10.0)
    with (
        StandIn(dialect) as server,
        CCXTStore(
            dialect.id, "", server.ccxt_options(), 1, transport="rest", timing=timing
        ) as store,
    ):
        after = closed(dialect)[-2][0]
        outbox = store.start_stream(dialect.symbol, QUARTER, after, ticks=False)
        listener = Listener(store, outbox)
        listener.candles_until(1)
        yield store, listener


def closed(dialect: Dialect) -> list[Row]:
    return [row for row in dialect.rows if row[0] + QUARTER <= dialect.now]


def go_on(dialect: Dialect, listener: Listener, away: int) -> list[Row]:
    """Let `away` candles pass unheard, and hear of what comes after; the candles that closed."""
    before = closed(dialect)[-1][0]
    dialect.now += away * QUARTER
    missed = [row for row in closed(dialect) if row[0] > before]
    listener.until(lambda: listener.candles[-1][0] == missed[-1][0])
    return missed


def said(events: list[Event], kind: str) -> list[str]:
    return [event.text for event in events if isinstance(event, Notice) and event.kind == kind]


@pytest.mark.parametrize("name", AWAY)
def test_an_outage_longer_than_an_answer_is_read_to_its_end(
    name: str, market: Callable[[str, list[Row]], Dialect]
) -> None:
    dialect = market(name, rows_of(KNOWN + AWAY[name] + 2))
    with polling(dialect) as (store, listener):
        missed = go_on(dialect, listener, AWAY[name])
        told = listener.candles[1:]
        listener.until(lambda: store.connection.state == "polling")
        listener.drain()
    if not dialect.kept:
        assert told == missed
        assert said(listener.events, "not served") == []
    else:
        lost = [row for row in missed if row not in told]
        assert len(told) == len(missed) - len(lost) >= KEPT - 2
        assert lost == missed[: len(lost)]
        start, end = iso_time(lost[0][0]), iso_time(lost[-1][0] + QUARTER)
        (text,) = said(listener.events, "not served")
        assert f"{len(lost)} candles from {start} to {end}" in text
    assert said(listener.events, "missing") == []  # it has them: it is not said to have none


@pytest.mark.parametrize("name", [name for name in AWAY if not DIALECTS[name].kept])
def test_a_market_that_stood_still_for_longer_than_an_answer_goes_on(
    name: str, market: Callable[[str, list[Row]], Dialect]
) -> None:
    away = AWAY[name]
    first, last = KNOWN + 20, KNOWN + 20 + away
    dialect = market(name, rows_of(last + 40, (first, last)))
    with polling(dialect) as (_, listener):
        missed = go_on(dialect, listener, away + 40)
        assert listener.candles[1:] == missed
    (text,) = said(listener.events, "missing")
    assert f"no candle for {away:,} intervals from {iso_time(BEGIN + first * QUARTER)}" in text
    assert said(listener.events, "not served") == []


def test_what_an_exchange_gives_the_third_time_it_is_asked_is_not_missing(
    market: Callable[[str, list[Row]], Dialect],
) -> None:
    """One of its servers may be behind the others for a while."""
    dialect = market("kraken", rows_of(KNOWN + 402))
    dialect.kept = 0
    whole = dialect.newest
    with polling(dialect) as (_, listener):
        asked = dialect.asked
        dialect.newest = (
            lambda: (  # type: ignore[method-assign]
                whole()[-KEPT:] if dialect.asked < asked + 9 else whole()
            )
        )
        missed = go_on(dialect, listener, 400)
        assert listener.candles[1:] == missed
    assert said(listener.events, "not served") == []


def test_a_candle_that_closes_while_others_are_looked_for_is_told_as_it_closed(
    market: Callable[[str, list[Row]], Dialect],
) -> None:
    """It was under way when it was last read, and the later ones have come since."""
    away = AWAY["coinbase"]
    dialect = market("coinbase", rows_of(KNOWN + away + 40, (KNOWN + 20, KNOWN + 20 + away)))
    last, before = dialect.rows[KNOWN + 19], dialect.rows[: KNOWN + 19]
    under_way = (last[0], *(last[1],) * 4, 0.0)
    whole, ask, beyond = dialect.rows, dialect.candles, []

    def candles(query: Query) -> Any:
        if int(query["start"]) * 1000 > last[0]:
            beyond.append(query)
        dialect.rows = whole if beyond else [*before, under_way]
        return ask(query)

    dialect.candles = candles  # type: ignore[method-assign]
    with polling(dialect) as (_, listener):
        dialect.now += (away + 40) * QUARTER
        listener.until(lambda: listener.candles[-1][0] == whole[-2][0])
    assert listener.candles[1:] == whole[KNOWN:-1]
    assert beyond


def test_a_record_that_refuses_every_question_is_asked_on_but_not_without_pauses(
    market: Callable[[str, list[Row]], Dialect],
) -> None:
    """A session goes on, as its position has to be left some day."""
    dialect = market("coinbase", rows_of(KNOWN + 42))
    ask = dialect.candles

    def refuse(query: Query) -> Any:
        raise RefusedError(400, {"error": "INVALID_ARGUMENT", "message": "unknown product"})

    with polling(dialect) as (store, listener):
        dialect.candles = refuse  # type: ignore[method-assign]
        dialect.now += 40 * QUARTER
        listener.until(lambda: said(listener.events, "refused") != [])
        asked, until = dialect.asked, time.monotonic() + 0.5
        listener.until(lambda: time.monotonic() > until)
        assert dialect.asked - asked < 150
        dialect.candles = ask  # type: ignore[method-assign]
        listener.until(lambda: listener.candles[-1][0] == closed(dialect)[-1][0])
        store.check()
    assert listener.candles == closed(dialect)[-41:]


def test_every_hole_is_named_that_an_exchange_leaves(
    market: Callable[[str, list[Row]], Dialect],
) -> None:
    dialect = market("kraken", rows_of(KNOWN + 802))
    with polling(dialect) as (_, listener):
        for _ in range(2):
            go_on(dialect, listener, 400)
    assert len(said(listener.events, "not served")) == 2


def test_a_restart_names_what_its_exchange_does_not_give_any_more(
    market: Callable[[str, list[Row]], Dialect],
) -> None:
    rows = rows_of(KNOWN + 402)
    dialect = market("kraken", rows)
    dialect.now += 400 * QUARTER
    told: list[Event] = []
    with (
        StandIn(dialect) as server,
        CCXTStore("kraken", "USD", server.ccxt_options(), 1, timing=QUICK) as store,
    ):
        known = rows[KNOWN - 1]
        feed: Any = store.getdata(
            dataname="BTC/USD", candles=[known], on_event=told.append, historical=True
        )
        feed.start()
        warm_up = list(feed.warm_up)
    first = warm_up[1][0]
    assert warm_up == [known, *(row for row in closed(dialect) if row[0] >= first)]
    (text,) = said(told, "not served")
    assert f"from {iso_time(known[0] + QUARTER)} to {iso_time(first)}" in text


def test_data_that_is_back_is_not_called_complete_where_the_exchange_left_a_hole() -> None:
    said: list[str] = []
    status = MarketStatus(lambda kind, text: said.append(f"{kind}: {text}"))
    for hole in (True, False):
        status.heard(ConnectionLost("candles socket"))
        if hole:
            status.heard(not_served(BEGIN, BEGIN + 9 * QUARTER, QUARTER))
        status.heard(ConnectionBack())
    assert [line for line in said if "back" in line] == [
        "connection: back, without the candles that the exchange did not give",
        "connection: back, and complete",
    ]


@pytest.mark.parametrize("name", ["bybit", "okx", "coinbase"])
def test_sockets_and_rest_may_be_gone_for_longer_than_an_answer(name: str) -> None:
    candles = scenario.market(AWAY[name] + 60)
    with listening(name, pace=Pace(wanted=("kline", "trade")), candles=candles) as heard:
        simulator, store, listener = heard
        listener.until(lambda: store.connection.state == "live")
        gone = Disconnect(HISTORY + 5, away=AWAY[name])
        played(simulator, store, listener, gone, candles=candles)
    assert said(listener.events, "missing") == said(listener.events, "not served") == []
