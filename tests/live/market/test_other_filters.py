"""Filters that an exchange changes while its market is watched: said at once, taken later."""

from __future__ import annotations

from types import SimpleNamespace

import ccxt

from stoptrail.live.market.events import Notice
from stoptrail.live.market.listing import Listing
from stoptrail.live.market.warnings import Redaction, WarningLog
from tests.exchange.market import Filters
from tests.exchange.player import Pace
from tests.live.scenario import (
    HISTORY,
    INTERVAL,
    QUICK,
    SYMBOL,
    Listener,
    closed,
    exchange,
    market,
    store,
)

CANDLES = market(60)
TIMING = QUICK._replace(listing=0.02, filters=0.05, timeout=20.0, silence=30.0)
OTHER = Filters(tick="0.10000000", lot="0.00100000", min_notional="100.00000000")


def said(listener: Listener) -> list[str]:
    listener.drain()
    found = [e for e in listener.events if isinstance(e, Notice)]
    return [notice.text for notice in found if notice.kind == "filters"]


def test_they_are_said_once_for_each_change_while_trades_come() -> None:
    with (
        exchange(CANDLES, pace=Pace(speed=INTERVAL / 1000 * 20)) as simulator,
        store(simulator, TIMING) as opened,
    ):
        after = int(CANDLES.time[HISTORY - 1])
        listener = Listener(opened, opened.start_stream(SYMBOL, INTERVAL, after))
        listener.until(lambda: opened.connection.state == "live")
        simulator.play()
        listener.candles_until(3)
        simulator.market.filters = OTHER
        listener.until(lambda: len(said(listener)) == 1)
        listener.candles_until(20)
        assert len(said(listener)) == 1
        simulator.market.filters = OTHER._replace(tick="0.50000000")
        listener.candles_until(len(closed(CANDLES)))
        listener.until(lambda: len(said(listener)) == 2)
        assert listener.candles == closed(CANDLES)
        assert opened.connection.fresh
    assert said(listener) == [
        "binance tells others of BTC/USDT than before: market.tick 0.1 (was 0.01), market.lot "
        "0.001 (was 1e-05), market.min_notional 100 (was 5); the session goes on with those it "
        "began with",
        "binance tells others of BTC/USDT than before: market.tick 0.5 (was 0.1); the session "
        "goes on with those it began with",
    ]


def test_so_is_another_size_of_a_contract() -> None:
    """Lots count contracts: they change with it."""
    swap = {"symbol": "BTC/USDT:USDT", "swap": True, "contract": True, "active": True}
    swap |= {"precision": {"price": 0.1, "amount": 1.0}, "limits": {}}
    exchange, heard = ccxt.okx(), list[Notice]()
    exchange.markets = {"BTC/USDT:USDT": {**swap, "contractSize": 0.01}}
    reader = SimpleNamespace(warning_log=WarningLog(Redaction({}), heard.append))
    listing = Listing(exchange, reader, "BTC/USDT:USDT")  # type: ignore[arg-type]
    listing._compare({**swap, "contractSize": 0.001})
    listing._compare({**swap, "contractSize": 0.001})
    assert [notice.text for notice in heard] == [
        "okx tells others of BTC/USDT:USDT than before: market.lot 0.001 (was 0.01), a contract "
        "of 0.001 (was 0.01); the session goes on with those it began with"
    ]
