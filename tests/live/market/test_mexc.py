"""MEXC's sockets as ccxt has them: quotes come to nobody, and all is in protobuf."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import ccxt.pro
import pytest

from stoptrail.live.market.events import Notice
from stoptrail.live.market.store import CCXTStore
from tests.exchange.mexc_wire import MexcSimulator, MexcWire, decoding
from tests.exchange.player import Pace
from tests.exchange.wires import WIRES
from tests.live.scenario import HISTORY, INTERVAL, QUICK, Listener, closed, market

CANDLES = market(HISTORY + 12)
TIMING = QUICK._replace(timeout=20.0, silence=0.3, stale=60.0, hold=60.0)


@contextmanager
def listening(
    monkeypatch: pytest.MonkeyPatch, pace: Pace, installed: bool, grace: float = 2.0
) -> Iterator[tuple[MexcSimulator, CCXTStore, Listener]]:
    monkeypatch.setitem(WIRES, "mexc", MexcWire)
    monkeypatch.setattr(ccxt.pro.mexc, "decode_proto_msg", decoding(installed))
    with MexcSimulator("mexc", CANDLES, HISTORY, pace) as simulator:
        options = simulator.ccxt_options()
        with CCXTStore("mexc", "USDT", options, 3, timing=TIMING._replace(grace=grace)) as store:
            after = int(CANDLES.time[HISTORY - 1])
            outbox = store.start_stream(simulator.symbol, INTERVAL, after)
            yield simulator, store, Listener(store, outbox)


def said(listener: Listener, kind: str) -> list[str]:
    return [e.text for e in listener.events if isinstance(e, Notice) and e.kind == kind]


def test_that_no_quote_comes_is_said_with_how_an_entry_fills(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pace = Pace(speed=INTERVAL / 1000 * 20)
    with listening(monkeypatch, pace, True) as (simulator, store, listener):
        listener.until(lambda: store.connection.state == "live")
        playing = simulator.play()
        listener.until(lambda: "no quotes" in listener.notices)
        listener.candles_until(len(closed(CANDLES)))
        playing.result(timeout=30)
        assert "quotes" in simulator.wires.asked  # ccxt says that there are some
        assert said(listener, "no quotes") == [
            "mexc gives no quotes by socket: an entry fills at the last trade, worsened by slippage"
        ]
        assert listener.candles == closed(CANDLES)
        assert listener.ticks
        assert all(tick.ask != tick.ask and not tick.quote_rule for tick in listener.ticks)
        assert store.connection.state == "live"


def test_without_the_package_protobuf_that_is_said_and_data_is_polled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pace = Pace(polls=True, wanted=())
    with listening(monkeypatch, pace, False, QUICK.grace) as (simulator, store, listener):
        playing = simulator.play()
        listener.candles_until(len(closed(CANDLES)))
        playing.result(timeout=30)
        assert said(listener, "protobuf") == [
            "mexc's sockets cannot be read: they need the package protobuf "
            "(pip install protobuf); data is polled"
        ]
        assert store.connection.state == "polling"
        assert listener.candles == closed(CANDLES)
