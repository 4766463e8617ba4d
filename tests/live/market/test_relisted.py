"""A market that its exchange lists under another id while it is watched: asked for by the old one
nothing comes any more."""

from __future__ import annotations

import pytest

from stoptrail.live.market.events import Notice
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
TIMING = QUICK._replace(stale=2.0)


@pytest.mark.parametrize("cut", [False, True])
def test_its_data_comes_again_whole_and_that_is_said(cut: bool) -> None:
    """Whether its sockets just say nothing more, or break."""
    with (
        exchange(CANDLES, pace=Pace(speed=INTERVAL / 1000 * 10)) as simulator,
        store(simulator, TIMING) as opened,
    ):
        after = int(CANDLES.time[HISTORY - 1])
        listener = Listener(opened, opened.start_stream(SYMBOL, INTERVAL, after))
        listener.until(lambda: opened.connection.state == "live")
        simulator.play()
        listener.candles_until(3)
        simulator.market.id = "BTC2USDT"

        async def broken() -> None:
            simulator.streams.cut()

        if cut:
            simulator._call(broken())
        listener.until(lambda: not opened.connection.fresh)
        listener.candles_until(len(closed(CANDLES)))
        listener.until(lambda: opened.connection.state == "live")
        assert listener.candles == closed(CANDLES)
        said = [e.text for e in listener.events if isinstance(e, Notice) and e.kind == "id"]
        assert said == [
            "binance lists BTC/USDT as BTC2USDT, no longer as BTCUSDT: its data is asked for anew"
        ]
        newest = max(tick.time for tick in listener.ticks)
        assert newest > CANDLES.time[-2]  # ticks too
