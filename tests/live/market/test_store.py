from __future__ import annotations

import logging
import threading
import time

import ccxt.pro
import pytest

from stoptrail.config.market import Filters
from stoptrail.core.errors import ConfigError, ExchangeError
from stoptrail.live.market.background import GivenUpError
from stoptrail.live.market.events import CandleClosed, ConnectionBack
from stoptrail.live.market.outbox import Outbox
from stoptrail.live.market.store import CCXTStore
from tests.exchange import market as exchange_market
from tests.exchange.player import Pace
from tests.exchange.script import RestFails
from tests.exchange.trouble import (
    RestTrouble,
    hanging,
    malformed_answer,
    rate_limit,
    region_refusal,
    server_error,
)
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


def history(opened: CCXTStore) -> list[tuple[int, float, float, float, float, float]]:
    return opened.fetch_candles(SYMBOL, INTERVAL, 0)


def test_candles_are_closed_ones_and_page_by_page() -> None:
    candles = market(2600)
    with exchange(candles) as simulator, store(simulator) as opened:
        simulator.player.now = int(candles.time[-1]) + 5000
        rows = opened.fetch_candles(SYMBOL, INTERVAL, int(candles.time[0]))
        assert [tuple(row) for row in rows] == closed(candles, 0)
        asked = [path for path in simulator.warning_log.requests if path.endswith("klines")]
        assert len(asked) == 3


def test_candles_end_before_until() -> None:
    candles = market()
    with exchange(candles) as simulator, store(simulator) as opened:
        times = [
            row[0]
            for row in opened.fetch_candles(
                SYMBOL, INTERVAL, int(candles.time[3]), int(candles.time[9])
            )
        ]
        assert times == candles.time[3:9].tolist()


def test_filters_are_the_exchange_s_own() -> None:
    filters = exchange_market.Filters("0.05000000", "0.00200000", "0.00400000", "12.50000000")
    with exchange(market(25), filters=filters) as simulator, store(simulator) as opened:
        assert opened.market(SYMBOL) == Filters(0.05, 0.002, 0.004, 12.5)


def test_an_unknown_market_is_one_clear_line() -> None:
    with (
        exchange(market(25)) as simulator,
        store(simulator) as opened,
        pytest.raises(ConfigError, match="'DOGE/XYZ' is not traded on binance"),
    ):
        opened.market("DOGE/XYZ")


def test_an_unknown_exchange_is_one_clear_line() -> None:
    with (
        CCXTStore("binnance", "USDT", {}, 1) as opened,
        pytest.raises(ConfigError, match="'binnance'"),
    ):
        opened.market(SYMBOL)


def test_a_refused_region_fails_at_once_and_names_other_exchanges() -> None:
    with exchange(market(25)) as simulator, store(simulator) as opened:
        simulator.trouble(region_refusal())
        with pytest.raises(ExchangeError, match=r"451.*kraken"):
            history(opened)
        assert len(simulator.warning_log.requests) == 1


def test_http_403_from_an_exchange_that_has_not_answered_is_a_refused_region() -> None:
    with exchange(market(25)) as simulator, store(simulator) as opened:
        simulator.trouble(RestTrouble(403, "{}", "/", times=100))
        with pytest.raises(ExchangeError, match=r"refuses this location \(HTTP 403.*kraken"):
            history(opened)
        assert len(simulator.warning_log.requests) == 1


def test_a_market_that_contradicts_its_type_is_refused() -> None:
    with exchange(market(25)) as simulator:
        options = simulator.ccxt_options()
        with (
            CCXTStore("binance", "USDT", options, 1, market_type="swap") as opened,
            pytest.raises(ConfigError, match=r'market\.type = "swap", but BTC/USDT is a spot'),
        ):
            opened.market(SYMBOL)


def test_a_timeframe_that_the_exchange_lacks_names_those_it_has() -> None:
    with (
        exchange(market(25)) as simulator,
        store(simulator) as opened,
        pytest.raises(ConfigError, match=r"'10m' is not offered by binance; it has .*15m, 30m"),
    ):
        opened.fetch_candles(SYMBOL, 600_000, 0)


@pytest.mark.parametrize(
    "trouble", [server_error(2), malformed_answer(2), hanging(1.0, 1), RestTrouble(404, "{", "k")]
)
def test_a_failed_read_is_tried_again(trouble: RestTrouble) -> None:
    candles = market()
    with exchange(candles) as simulator, store(simulator) as opened:
        opened.market(SYMBOL)
        simulator.trouble(trouble)
        assert len(history(opened)) == HISTORY


def test_retries_are_bounded() -> None:
    """Three of the clock, which may be on a host of its own, and three of candles."""
    with exchange(market()) as simulator, store(simulator, retries=2) as opened:
        opened.market(SYMBOL)
        before = len(simulator.warning_log.requests)
        simulator.trouble(server_error(100))
        with pytest.raises(ExchangeError, match="gave no candles"):
            history(opened)
        assert len(simulator.warning_log.requests) - before == 6


@pytest.mark.parametrize("status", [418, 429])
def test_no_request_is_made_before_retry_after_is_over(status: int) -> None:
    with exchange(market()) as simulator, store(simulator) as opened:
        opened.market(SYMBOL)
        simulator.trouble(rate_limit(1, status))
        begun = time.monotonic()
        assert len(history(opened)) == HISTORY
        assert time.monotonic() - begun >= 1.0
        assert simulator.warning_log.early == 0


def test_a_long_ban_fails_a_start_instead_of_hanging_it() -> None:
    with exchange(market()) as simulator, store(simulator) as opened:
        opened.market(SYMBOL)
        simulator.trouble(rate_limit(7200, 418))
        with pytest.raises(
            ExchangeError,
            match=r"wants no request until 20.*Z .*: the time cannot be read",
        ):
            history(opened)


def test_no_secret_appears_in_errors_logs_or_representations(
    caplog: pytest.LogCaptureFixture,
) -> None:
    secrets = {"apiKey": "KEY-a1b2c3", "secret": "s3cr3t/with+signs", "password": "pa55word"}
    body = '{"code": -9, "msg": "' + " ".join(secrets.values()) + '"}'
    with (
        caplog.at_level(logging.DEBUG, "stoptrail"),
        exchange(market()) as simulator,
        store(simulator, retries=1, config=dict(secrets)) as opened,
    ):
        opened.market(SYMBOL)
        simulator.trouble(RestTrouble(500, body, times=9))
        with pytest.raises(ExchangeError) as failed:
            history(opened)
        shown = f"{failed.value} {opened!r} {opened.warning_log.redaction!r} {caplog.text}"
    assert "***" in shown
    for secret in secrets.values():
        assert secret not in shown


def test_the_transport_waits_for_a_slow_consumer_and_loses_nothing() -> None:
    candles = market(120)
    with exchange(candles) as simulator, store(simulator) as opened:
        opened._outbox = Outbox(size=4)
        outbox = opened.start_stream(SYMBOL, INTERVAL, int(candles.time[HISTORY - 1]))
        simulator.play()
        listener = Listener(opened, outbox)
        listener.wait(lambda: outbox.waited > 0.3)
        behind = outbox._queue.qsize()
        # What one message lets out comes whole: on a busy machine that is many trades at once.
        assert 4 <= behind < len(candles.time)
        waited = outbox.waited
        listener.wait(lambda: outbox.waited > waited + 0.1)
        assert outbox._queue.qsize() == behind
        # Whoever is away when a message is taken hears of it with the next one, which is long
        # in coming on a quiet market: each stream waits at its socket.
        sockets = opened._exchange.clients.values()
        awaited = [name for socket in sockets for name in socket.futures if SYMBOL in name]
        assert len(awaited) == 3
        listener.candles_until(len(closed(candles)))
        assert listener.candles == closed(candles)


def test_candles_missed_before_the_stream_come_first() -> None:
    candles = market()
    with exchange(candles) as simulator, store(simulator) as opened:
        after = int(candles.time[4])
        listener = Listener(opened, opened.start_stream(SYMBOL, INTERVAL, after))
        listener.candles_until(HISTORY - 5)
        assert listener.candles == closed(candles, 5)[: HISTORY - 5]


def test_data_without_news_becomes_stale() -> None:
    """As where it is polled too seldom."""
    timing = QUICK._replace(stale=0.3, poll=60.0)
    candles = market()
    with exchange(candles) as simulator, store(simulator, timing, "rest") as opened:
        after = int(candles.time[HISTORY - 1])
        listener = Listener(opened, opened.start_stream(SYMBOL, INTERVAL, after))
        listener.until(lambda: ConnectionBack in listener.connections)
        listener.until(lambda: opened.connection.state == "stale")
        assert not opened.connection.fresh
        assert "no data for" in opened.connection.reason


def test_ticks_go_on_marked_while_a_closed_candle_cannot_be_fetched() -> None:
    timing = QUICK._replace(hold=0.1, grace=0.05, silence=60.0)
    candles = market()
    pace = Pace(wanted=("kline", "trade"))
    with exchange(candles, pace=pace) as simulator, store(simulator, timing) as opened:
        after = int(candles.time[HISTORY - 1])
        listener = Listener(opened, opened.start_stream(SYMBOL, INTERVAL, after))
        listener.until(lambda: opened.connection.state == "live")
        simulator.script(RestFails(30, server_error(1_000_000)))
        simulator.play()
        listener.until(lambda: any(tick.ahead for tick in listener.ticks))
        assert opened.connection.state == "stale"
        simulator.warning_log.clear()
        listener.candles_until(len(closed(candles)))
        assert listener.candles == closed(candles)
        listener.until(lambda: opened.connection.fresh)


def test_what_a_start_says_is_told_after_it_and_once_more_when_it_comes_again() -> None:
    candles = market()
    with exchange(candles) as simulator, store(simulator) as opened:
        simulator.set_clock_offset(3_600_000)
        simulator.trouble(server_error(1))
        opened.market(SYMBOL)
        opened.clock_offset()
        outbox = opened.start_stream(SYMBOL, INTERVAL, int(candles.time[HISTORY - 1]))
        listener = Listener(opened, outbox)
        listener.until(lambda: opened.connection.state == "live")
        assert listener.notices == ["server error", "clock"]
        simulator.script(RestFails(30, server_error(2)), RestFails(40, server_error(2)))
        simulator.play()
        listener.candles_until(len(closed(candles)))
        listener.drain()
        assert listener.notices.count("server error") == 2


def test_a_clock_that_is_off_is_said_and_changes_nothing() -> None:
    with exchange(market()) as simulator, store(simulator) as opened:
        before = history(opened)
        simulator.set_clock_offset(3_600_000)
        offset = opened.clock_offset()
        assert offset is not None
        assert opened.warning_log.counts["clock"] == 1
        assert history(opened) == before


def test_closing_is_quick_even_while_the_exchange_does_not_answer() -> None:
    candles = market()
    with exchange(candles) as simulator:
        opened = CCXTStore("binance", "USDT", simulator.ccxt_options(), 3)
        outbox = opened.start_stream(SYMBOL, INTERVAL, int(candles.time[HISTORY - 1]))
        simulator.trouble(hanging(30.0, 1000, "/"))
        simulator.play()
        outbox.get(1.0)
        begun = time.monotonic()
        opened.close()
        opened.close()
        assert time.monotonic() - begun < 15.0
        assert opened.connection.state == "closed"


def test_every_host_that_ccxt_may_ask_for_public_data_is_redirected() -> None:
    with exchange(market(25)) as simulator:
        api = ccxt.pro.binance(simulator.ccxt_options()).urls["api"]
        for name in ("public", "private", "fapiPublic", "dapiPublic"):
            assert "127.0.0.1" in api[name]
        assert "127.0.0.1" in api["ws"]["spot"]


def test_an_event_is_a_plain_row() -> None:
    row = (1, 2.0, 3.0, 1.0, 2.5, 9.0)
    assert tuple(CandleClosed(*row)) == row


def test_a_read_that_is_given_up_ends_at_once_and_the_store_closes() -> None:
    """A stop must not wait for an exchange that does not answer."""
    with exchange(market()) as simulator:
        simulator.trouble(hanging(30.0, times=100, path="/"))
        patient = QUICK._replace(timeout=30.0)
        with store(simulator, patient, retries=100) as opened:
            timer = threading.Timer(0.2, opened.give_up)
            timer.start()
            began = time.monotonic()
            with pytest.raises(GivenUpError):
                opened.market(SYMBOL)
            timer.join()
            with pytest.raises(GivenUpError):
                opened.market(SYMBOL)
        assert time.monotonic() - began < 10.0
