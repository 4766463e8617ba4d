"""Several markets on one connection: what is wrong with one's sockets is nothing to another."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import pytest

from stoptrail.live.market.events import ConnectionLost, Tick
from stoptrail.live.market.shared import SharedStore
from stoptrail.live.market.store import CCXTStore
from tests.exchange.player import Pace
from tests.exchange.streams import Connection
from tests.live.book_exchange import SeveralMarkets
from tests.live.scenario import HISTORY, INTERVAL, QUICK, market

BTC, ETH = "BTC/USDT", "ETH/USDT"
TIMING = QUICK._replace(silence=0.5, stale=60.0, hold=60.0)


def break_(connection: Connection) -> None:
    assert connection.socket._req is not None
    transport = connection.socket._req.transport
    assert transport is not None
    transport.abort()


def silence(connection: Connection) -> None:
    connection.silent = True


@pytest.mark.parametrize("fault", [break_, silence])
def test_the_broken_sockets_of_one_market_are_opened_anew_and_no_others(
    fault: Callable[[Connection], None],
) -> None:
    candles = market(400)
    start = int(candles.time[HISTORY])
    heard: Counter[tuple[str, str]] = Counter()
    lost: list[str] = []
    with SeveralMarkets(
        {BTC: candles, ETH: market(400, 2)}, start, Pace(speed=INTERVAL / 1000 * 20)
    ) as simulator:
        made = CCXTStore("binance", "USDT", simulator.ccxt_options(), 3, timing=TIMING)
        shared = SharedStore(made)

        def until(enough: Callable[[], bool], seconds: float = 30.0) -> None:
            end = time.monotonic() + seconds
            while not enough():
                assert time.monotonic() < end, (heard, lost)
                found = shared.get(0.05)
                if found is not None:
                    heard[found[0], type(found[1]).__name__] += 1
                    lost.extend([found[0]] if isinstance(found[1], ConnectionLost) else [])

        def goes_on(symbol: str) -> bool:
            return heard[symbol, Tick.__name__] > before[symbol] + 20

        try:
            for symbol in (BTC, ETH):
                shared.of(symbol).start_stream(symbol, INTERVAL, start - INTERVAL)
            until(lambda: all(shared.of(name).connection.state == "live" for name in (BTC, ETH)))
            until(lambda: len(simulator.streams.heard()) == 6)
            simulator.play()
            before = Counter({BTC: 0, ETH: 0})
            until(lambda: goes_on(BTC) and goes_on(ETH))
            own = [
                each
                for each in simulator.streams.connections
                if each.streams and all(name.startswith("ethusdt@") for name in each.streams)
            ]
            others = [each for each in simulator.streams.connections if each not in own]
            assert own
            opened = simulator.streams.opened
            for each in own:
                simulator._loop.call_soon_threadsafe(fault, each)
            until(lambda: simulator.streams.opened >= opened + len(own))
            until(lambda: len(simulator.streams.heard()) == 6)
            before = Counter({name: heard[name, Tick.__name__] for name in (BTC, ETH)})
            until(lambda: goes_on(BTC) and goes_on(ETH))
            assert all(each in simulator.streams.connections for each in others)
            assert simulator.streams.opened == opened + len(own)
            assert lost == []
        finally:
            shared.close()
