"""A quiet market is not dead: never stale, and no socket is opened anew."""

from __future__ import annotations

import json
import time
from collections import Counter

import pytest

from tests.exchange.player import Pace
from tests.exchange.wires import WIRES
from tests.live.market.test_wires import CANDLES, listening, streams
from tests.live.scenario import HISTORY, INTERVAL, QUICK

STALE = 1.5
TIMING = QUICK._replace(timeout=20.0, silence=30.0, stale=STALE, grace=20.0, hold=60.0)
"""Data is stale long before silence would be looked into, if nobody put them in order."""
SPAN = 3 * STALE
CASES = [(name, False) for name in WIRES]
CASES += [(name, True) for name in WIRES if WIRES[name].has_quotes]


@pytest.mark.parametrize(("name", "quotes"), CASES)
def test_a_market_without_a_trade_is_never_stale_and_its_sockets_stay(
    name: str, quotes: bool
) -> None:
    """For three times `stale_seconds`, with quotes alone or without a word; pings are answered."""
    with listening(name, TIMING) as (simulator, store, listener):
        wires = simulator.wires
        listener.until(lambda: store.connection.state == "live")
        listener.until(lambda: set(wires.asked) >= streams(name))
        opened, asked, told = wires.opened, Counter(wires.asked), len(listener.connections)
        states = Counter[str]()
        until, number = time.monotonic() + SPAN, 0

        def over() -> bool:
            nonlocal number
            states[store.connection.state] += 1
            if quotes:
                number += 1
                price = float(CANDLES.close[HISTORY - 1]) + number / 100
                body = {"b": f"{price:.2f}", "a": f"{price + 0.01:.2f}", "u": 10_000 + number}
                simulator._call(wires.send("btcusdt@bookTicker", json.dumps(body)))
            return time.monotonic() > until

        listener.until(over)
        assert set(states) == {"live"}
        assert listener.connections[told:] == []
        assert (wires.opened, Counter(wires.asked)) == (opened, asked)
        assert listener.notices == ([] if WIRES[name].has_quotes else ["no quotes"])
        assert not quotes or store._stream.ticks.quote is not None


@pytest.mark.parametrize(("stale", "silence"), [(1.5, 0.5), (120.0, 30.0), (20.0, 20.0 / 3)])
def test_silence_is_looked_into_before_data_counts_as_stale(stale: float, silence: float) -> None:
    assert QUICK._replace(stale=stale, silence=30.0).quiet == silence


def test_quotes_that_pause_do_not_make_an_exchange_without_quotes() -> None:
    """They are asked for again, which is said; what was said of how entries fill holds."""
    timing = TIMING._replace(silence=0.3)
    with listening("bybit", timing, Pace(speed=INTERVAL / 1000 * 10)) as (simulator, store, heard):
        wires = simulator.wires
        heard.until(lambda: store.connection.state == "live")
        simulator.play()
        heard.until(lambda: any(tick.quote_rule for tick in heard.ticks))
        told = wires.send

        async def send(stream: str, text: str) -> None:
            if "bookTicker" not in stream:
                await told(stream, text)

        wires.send = send  # type: ignore[method-assign]
        heard.until(lambda: "no answer" in heard.notices)
        assert "no quotes" not in heard.notices
