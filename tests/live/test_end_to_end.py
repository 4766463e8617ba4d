"""The whole way: an exchange that speaks Binance's protocol, ccxt, session, ledger."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from stoptrail.live.ledger.database import Ledger, open_existing
from stoptrail.live.ledger.records import all_sessions
from stoptrail.live.market.ccxtbt_store import make_store
from stoptrail.live.market.store import CCXTStore
from stoptrail.live.session import Options, Session
from stoptrail.live.watch.messages import Message
from stoptrail.rules.candles import Candles
from tests.exchange.player import Pace
from tests.exchange.script import (
    Disconnect,
    Duplicate,
    Fault,
    Gap,
    OldAgain,
    OutOfOrder,
    Unfinished,
)
from tests.exchange.simulator import Simulator
from tests.live.books import backtest_of, books_of, told_trades, trades_of
from tests.live.scenario import QUICK
from tests.live.small_market import WARM_UP, settings, small_market

_PATIENT = QUICK._replace(silence=10.0, stale=60.0, timeout=10.0, hold=10.0)
"""Quick to repeat, slow to give up: these tests are not about a busy machine."""


class Starter:
    """Lets market time go on once the session is there to see it."""

    def __init__(self, exchange: Simulator) -> None:
        self._exchange = exchange
        self._begun = False

    def happened(self, message: Message) -> None:
        """Nothing to do."""

    def turned(self, session: Session) -> None:
        if not self._begun:
            self._begun = True
            self._exchange.play()


def trade_on(
    candles: Candles,
    url: str,
    *faults: Fault,
    ratchet: str = "candle",
    store: Literal["native", "ccxtbt"] = "native",
    pace: Pace | None = None,
    **options: Any,
) -> None:
    """A session over the exchange until its recording ends."""
    count = len(candles.time) - 1 - WARM_UP
    wanted = ("kline", "trade") if ratchet == "tick" else ("kline",)
    chosen = settings(live={"ratchet": ratchet})
    pace = pace or Pace(wanted=wanted)
    with Simulator(candles, start=WARM_UP, pace=pace, **options) as exchange:
        exchange.script(*faults)

        def connect() -> CCXTStore:
            return make_store(store, "binance", "USDT", exchange.ccxt_options(), 3, timing=_PATIENT)

        with Ledger(url) as ledger:
            options_ = Options(count, (Starter(exchange),))
            Session(chosen, connect, ledger, options_).run()


def first(candles: Candles, count: int) -> Candles:
    columns = [column[:count] for column in candles[:6]]
    return Candles(*columns, candles.interval)  # type: ignore[arg-type]  # seven in all


def test_a_session_over_the_exchange_equals_a_backtest(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    market = small_market(1900)
    trade_on(market, url)
    books = books_of(url)
    candles, _, record = backtest_of(url)
    assert np.array_equal(candles.time, market.time[:-1])
    assert np.array_equal(candles.close, market.close[:-1])
    told = told_trades(books)
    assert len(told) >= 50
    assert told == trades_of(candles, record)


@pytest.mark.parametrize("ratchet", ["candle", "tick"])
def test_trouble_with_the_data_leaves_the_same_candles_and_a_replay_without_difference(
    ratchet: str, tmp_path: Path
) -> None:
    from stoptrail.live.watch.differences import compare
    from stoptrail.live.watch.replay import recording_of, replay

    url = f"sqlite:///{tmp_path}/ledger.db"
    market = first(small_market(), 500)
    faults = (
        Gap(260, candles=3),
        Duplicate(280),
        Disconnect(300, away=2),
        OutOfOrder(330),
        Unfinished(350),
        OldAgain(360),
        OldAgain(365, earlier=90),
        Disconnect(380, halfway=True),
        Gap(420, candles=2, everything=True),
        Disconnect(440, away=40),
    )
    trade_on(market, url, *faults, ratchet=ratchet)
    database = open_existing(url)
    (session,) = all_sessions(database)
    with closing(replay(recording_of(database, session))) as repeated:
        compared = compare(database, repeated, session.id)
    database.close()
    assert [row["close"] for row in books_of(url)["StoredCandles"]] == market.close[:-1].tolist()
    assert compared.trades >= 3
    assert compared.differences == []


def test_the_exchanges_filters_are_the_sessions(tmp_path: Path) -> None:
    from stoptrail.live.ledger.records import settings_rows
    from tests.exchange.market import Filters

    url = f"sqlite:///{tmp_path}/ledger.db"
    filters = Filters("0.05000000", "0.00100000", "0.00200000", "7.00000000")
    trade_on(first(small_market(), 420), url, filters=filters)
    database = open_existing(url)
    market = settings_rows(database, 1)[0].content["market"]
    database.close()
    assert (market["tick"], market["lot"]) == (0.05, 0.001)
    assert (market["min_quantity"], market["min_notional"]) == (0.002, 7.0)
    books = books_of(url)
    assert books["PaperTrades"]
    for trade in books["PaperTrades"]:
        assert round(trade["entry"] / 0.05, 6).is_integer()
        assert round(trade["units"] / 0.001, 6).is_integer()


@pytest.mark.usefixtures("ccxtbt")
def test_a_session_on_the_ccxtbt_package_equals_a_backtest(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    trade_on(first(small_market(), 320), url, store="ccxtbt", pace=Pace(polls=True))
    candles, _, record = backtest_of(url)
    told = told_trades(books_of(url))
    assert told
    assert told == trades_of(candles, record)
