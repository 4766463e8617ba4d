"""What stands between the session and its exchange answers instead of it, or a part fails: nothing
is taken for data, what works goes on, and who looks on hears what is wrong now."""

from __future__ import annotations

import re

import pytest

from stoptrail.core.time import DAY_MS
from stoptrail.exchange.errors import UnreachableError
from stoptrail.live.market.events import Notice
from stoptrail.live.market.stream import Transport
from tests.exchange.player import Pace
from tests.exchange.trouble import RestTrouble, rate_limit, server_error
from tests.live.scenario import (
    HISTORY,
    INTERVAL,
    QUICK,
    START,
    SYMBOL,
    Listener,
    closed,
    exchange,
    market,
    store,
)

FOR_LONG = 1_000_000
PAGE = "<html><h1>Proxy Authentication Required</h1></html>"
SHORT = QUICK._replace(hold=0.2)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 407, 451])
def test_a_page_of_whoever_stands_between_is_no_data_and_ends_nothing(status: int) -> None:
    """Proxies, portals and firewalls answer so: neither is the data complete, nor is it given up,
    and trades, which were polled before, are polled again."""
    candles = market(40)
    with (
        exchange(candles, pace=Pace(polls=True)) as simulator,
        store(simulator, SHORT, "rest") as opened,
    ):
        after = int(candles.time[HISTORY - 1])
        listener = Listener(opened, opened.start_stream(SYMBOL, INTERVAL, after))
        simulator.play()
        listener.until(lambda: len(listener.candles) > 2 and bool(listener.ticks))
        simulator.trouble(RestTrouble(status, PAGE, "/", FOR_LONG))
        listener.until(lambda: not opened.connection.fresh)
        assert f"HTTP {status}" in opened.connection.reason
        heard = len(listener.ticks)
        simulator.warning_log.clear()
        listener.candles_until(len(closed(candles)))
        assert listener.candles == closed(candles)
        listener.until(lambda: opened.connection.fresh)
        assert len(listener.ticks) > heard


def test_a_proxy_that_wants_a_password_is_called_that() -> None:
    with exchange(market(25)) as simulator, store(simulator, retries=1) as opened:
        simulator.trouble(RestTrouble(407, PAGE, "/", FOR_LONG))
        with pytest.raises(UnreachableError):
            opened.market(SYMBOL)
        listener = Listener(opened, opened.outbox)
        listener.drain()
    said = [event.text for event in listener.events if isinstance(event, Notice)]
    assert re.search(r"\(HTTP 407 at 127\S+: a proxy on the way wants a password\)$", said[0])


@pytest.mark.parametrize("transport", ["auto", "rest"])
def test_data_is_complete_while_the_first_candle_of_a_day_is_under_way(
    transport: Transport,
) -> None:
    """An answer without candles is sure to look as far as midnight only; one with the candle that
    opened then has looked further."""
    candles = market(25)
    at_midnight = candles.time - candles.time[HISTORY] + START + DAY_MS
    with (
        exchange(candles._replace(time=at_midnight)) as simulator,
        store(simulator, transport=transport) as opened,
    ):
        after = int(at_midnight[HISTORY - 1])
        listener = Listener(opened, opened.start_stream(SYMBOL, INTERVAL, after))
        listener.until(lambda: opened.connection.fresh, 20.0)


def test_candles_are_polled_while_trades_cannot_be() -> None:
    candles = market(28)
    with (
        exchange(candles, pace=Pace(polls=True)) as simulator,
        store(simulator, QUICK, "rest") as opened,
    ):
        simulator.trouble(server_error(FOR_LONG, path="aggTrades"))
        after = int(candles.time[HISTORY - 1])
        listener = Listener(opened, opened.start_stream(SYMBOL, INTERVAL, after))
        simulator.play()
        listener.candles_until(len(closed(candles)))
        assert listener.candles == closed(candles)
        assert not listener.ticks


def test_stale_data_says_what_is_wrong_now_and_not_what_was_first() -> None:
    candles = market()
    with exchange(candles) as simulator, store(simulator, SHORT) as opened:
        after = int(candles.time[HISTORY - 1])
        listener = Listener(opened, opened.start_stream(SYMBOL, INTERVAL, after, ticks=False))
        listener.until(lambda: opened.connection.state == "live")
        simulator.streams.refusals = FOR_LONG
        simulator.trouble(server_error(FOR_LONG))
        simulator.streams.cut()
        listener.until(lambda: "HTTP 502" in opened.connection.reason)
        since = opened.connection.since
        simulator.warning_log.clear()
        simulator.trouble(rate_limit(0.3))
        listener.until(lambda: "limits our requests until 20" in opened.connection.reason)
        assert "HTTP 502" not in opened.connection.reason
        assert opened.connection.since == since
        simulator.streams.refusals = 0
        listener.until(lambda: opened.connection.fresh)
        assert not opened.connection.reason
        said = [event.text for event in listener.events if isinstance(event, Notice)]
        assert any("(HTTP 502 at 127.0.0.1" in text for text in said)
