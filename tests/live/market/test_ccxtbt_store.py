from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import ccxt
import pytest

from stoptrail.core.errors import ConfigError
from stoptrail.live.market.ccxtbt_store import CcxtbtSource, CcxtbtStore, make_store
from tests.exchange.player import Pace
from tests.exchange.script import RestFails
from tests.exchange.trouble import server_error
from tests.live.scenario import (
    HISTORY,
    INTERVAL,
    QUICK,
    SYMBOL,
    Listener,
    closed,
    exchange,
    market,
)

needs_ccxtbt = pytest.mark.usefixtures("ccxtbt")


def test_a_missing_package_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ccxtbt", None)
    with pytest.raises(ConfigError, match="bt-ccxt-store"):
        make_store("ccxtbt", "binance", "USDT", {}, 3)


@needs_ccxtbt
def test_it_tells_the_candles_of_an_undisturbed_run() -> None:
    candles = market(40)
    expected = closed(candles)
    with exchange(candles, pace=Pace(polls=True)) as simulator:
        config = {**simulator.ccxt_options(), "apiKey": "not used", "secret": "not used"}
        with make_store("ccxtbt", "binance", "USDT", config, 3, timing=QUICK) as store:
            assert isinstance(store, CcxtbtStore)
            simulator.script(RestFails(25, server_error(2)))
            after = int(candles.time[HISTORY - 1])
            listener = Listener(store, store.start_stream(SYMBOL, INTERVAL, after))
            simulator.play()
            listener.candles_until(len(expected))
            assert store.connection.state == "polling"
            assert listener.candles == expected
            assert listener.ticks
            assert not [path for path in simulator.warning_log.requests if "account" in path]


@needs_ccxtbt
def test_two_stores_in_one_process_keep_their_own_configuration() -> None:
    ports = []
    for seed in (1, 2):
        candles = market(25, seed)
        with exchange(candles) as simulator:
            store = make_store("ccxtbt", "binance", "USDT", simulator.ccxt_options(), 3)
            with store:
                rows = store.fetch_candles(SYMBOL, INTERVAL, int(candles.time[0]))
                ports.append(simulator.port)
        assert [row[4] for row in rows] == candles.close[:HISTORY].tolist()
    assert len(ports) == 2


@needs_ccxtbt
def test_what_a_session_reads_besides_candles_comes_from_its_exchange() -> None:
    with exchange(market(25)) as simulator:
        store = make_store("ccxtbt", "binance", "USDT", simulator.ccxt_options(), 3)
        with store:
            assert store.clock_offset() is not None
            assert store.held_market(SYMBOL) is not None
            source: Any = store._exchange
            assert isinstance(source, CcxtbtSource)
            told = store._run(source.fetch_markets())
            assert SYMBOL in [row["symbol"] for row in told]
            assert source.milliseconds() > 0
            with pytest.raises(AttributeError, match="no_such_thing"):
                _ = source.no_such_thing


def test_nothing_can_be_ordered_through_it() -> None:
    client = ccxt.binance()
    theirs = SimpleNamespace(exchange=client, create_order=lambda *_: "ordered")
    source = CcxtbtSource(theirs)
    of_source = (source.create_order, source.createMarketBuyOrder, source.cancel_all_orders)
    of_theirs = (theirs.create_order, theirs.cancel_order, theirs.private_end_point)
    for method in (*of_source, *of_theirs, source.privatePostOrder):
        with pytest.raises(RuntimeError, match="sends nothing"):
            method("BTC/USDT", "market", "buy", 1.0, None, {})


@needs_ccxtbt
def test_what_ccxt_makes_of_answers_is_mended_there_too() -> None:
    """ndax's rows begin with when a candle ends."""
    begun = 1_700_000_100_000
    row = [begun + INTERVAL, 3.0, 1.0, 2.0, 2.5, 4.0, 0, 0, 82, begun]
    with make_store("ccxtbt", "ndax", "USDT", {"enableRateLimit": False}, 1) as store:
        source, _ = store._connected()
        assert source.parse_ohlcvs([row], None, "15m")[0][0] == begun
