"""What ccxt.pro's sockets leave open: bursts, pings of a session that is behind, oddities."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from aiohttp import WSMessage, WSMsgType

from stoptrail.core.errors import ConfigError
from stoptrail.live.market.events import Event, Tick
from stoptrail.live.market.ordering import Sequence
from stoptrail.live.market.outbox import Outbox
from stoptrail.live.market.read_ahead import _ReadAhead
from stoptrail.live.market.reader import Reader
from stoptrail.live.market.sockets import broken_by, give_up, guard
from stoptrail.live.market.store import CCXTStore
from stoptrail.live.market.stream import Stream, Transport
from stoptrail.live.market.trade_ticks import CACHE
from stoptrail.live.market.warnings import Redaction, WarningLog
from tests.exchange import messages
from tests.exchange.player import Pace
from tests.exchange.simulator import Simulator
from tests.exchange.wire_simulator import WireSimulator
from tests.exchange.wires import Deal
from tests.live.scenario import (
    HISTORY,
    INTERVAL,
    QUICK,
    START,
    SYMBOL,
    Listener,
    closed,
    market,
    store,
)

UNHURRIED = QUICK._replace(silence=20.0, stale=60.0, grace=20.0, hold=60.0)


def test_a_burst_of_trades_is_told_whole() -> None:
    """ccxt keeps a bounded number of trades, and hands over what it has when one asks."""
    candles = market(HISTORY + 3)
    pace = Pace(wanted=("kline", "trade"))
    with WireSimulator("bybit", candles, HISTORY, pace) as simulator:
        options, symbol = simulator.ccxt_options(), simulator.symbol
        with CCXTStore("bybit", "USDT", options, 3, timing=UNHURRIED) as opened:
            after = int(candles.time[HISTORY - 1])
            listener = Listener(opened, opened.start_stream(symbol, INTERVAL, after))
            listener.until(lambda: opened.connection.state == "live")
            listener.until(lambda: "btcusdt@trade" in simulator.wires.heard())
            opens = int(candles.time[HISTORY])
            prices = [30_000.0 + k for k in range(CACHE + 2500)]
            simulator._call(send_at_once(simulator, opens, prices))
            listener.until(lambda: len(listener.ticks) >= len(prices))
            assert [tick.price for tick in listener.ticks] == prices
            assert "burst" not in listener.notices


async def send_at_once(simulator: WireSimulator, opens: int, prices: list[float]) -> None:
    for number, price in enumerate(prices, 1_000_000):
        message = simulator.wire.trades(
            [Deal(number, opens + number - 999_999, str(price), "0.1")], False
        )
        await simulator.wires.send_everywhere(json.dumps(message))


def test_pings_are_answered_while_the_session_is_behind() -> None:
    candles = market(120)
    with Simulator(candles, HISTORY) as simulator, store(simulator, UNHURRIED) as opened:
        opened._outbox = Outbox(size=4)
        after = int(candles.time[HISTORY - 1])
        outbox = opened.start_stream(SYMBOL, INTERVAL, after, False)
        listener = Listener(opened, outbox)
        listener.until(lambda: opened.connection.state == "live")
        playing = simulator.play()
        listener.wait(lambda: outbox.waited > 0.5)
        (connection,) = simulator.streams.connections
        before = connection._pongs
        simulator._call(connection.socket.ping(b"are you there"))
        listener.wait(lambda: connection._pongs > before, 2.0)
        assert outbox.full  # it was behind all the while
        listener.candles_until(len(closed(candles)))
        assert listener.candles == closed(candles)
        playing.cancel()


def test_a_market_played_faster_than_a_session_can_be_refuses_nothing_as_stale() -> None:
    """3,000 candles a second: they come at the session's pace, whole and in order."""
    candles = market(HISTORY + 900)
    pace = Pace(speed=INTERVAL / 1000 * 3000)
    with Simulator(candles, HISTORY, pace=pace) as simulator, store(simulator) as opened:
        after = int(candles.time[HISTORY - 1])
        listener = Listener(opened, opened.start_stream(SYMBOL, INTERVAL, after, False))
        listener.until(lambda: opened.connection.state == "live")
        heard = len(listener.connections)
        simulator.play()
        expected = closed(candles)
        listener.candles_until(len(expected))
        assert listener.candles == expected
        assert listener.connections[heard:] == []


class Mute:
    """ccxt's client as far as a guard needs it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.lastPong = 0
        self.id = "mexc"
        self.options: dict[str, Any] = {}
        self._error = error

    def milliseconds(self) -> int:
        return 77

    def handle_message(self, client: Any, message: object) -> None:
        if self._error is not None:
            raise self._error


def guarded(exchange: Mute) -> WarningLog:
    warning_log = WarningLog(Redaction({}))
    loop = asyncio.new_event_loop()
    guard(exchange, loop, warning_log, Outbox())
    loop.close()
    return warning_log


def test_data_shows_that_a_socket_is_alive_as_a_pong_does() -> None:
    exchange = Mute()
    guarded(exchange)
    exchange.handle_message(exchange, {"some": "data"})
    assert exchange.lastPong == 77


def test_what_waits_at_a_socket_that_was_given_up_is_not_handled() -> None:
    """It would be mixed with what the socket that was opened instead has said: a level of the
    book that nothing takes away any more."""
    exchange = Mute()
    guarded(exchange)
    given_up: Any = Mute()
    given_up.error = ConnectionError("given up")
    exchange.handle_message(given_up, {"some": "data"})
    assert given_up.lastPong == 0
    exchange.handle_message(exchange, {"some": "data"})
    assert exchange.lastPong == 77


def test_a_socket_that_needs_protobuf_says_which_package_is_missing() -> None:
    from ccxt.base.errors import NotSupported

    exchange = Mute(NotSupported("mexc requires protobuf to decode messages"))
    warning_log = guarded(exchange)
    exchange.handle_message(exchange, b"...")
    assert dict(warning_log.counts) == {"protobuf": 1}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Connection closed by remote server, closing code 1006", "closed from outside, code 1006"),
        ("503, message='Invalid response status', url='wss://h/ws/1'", "HTTP 503"),
        ("Connection to wss://h timed out due to a ping-pong keepalive missing on time", "no pong"),
        ("Connection timeout", "no connection came about in time"),
        ("Cannot connect to host h:443 ssl:default [Name or service not known]", "h cannot be"),
        ("something else", "something else"),
        ("", "ValueError"),
    ],
)
def test_why_a_socket_broke_is_told_in_words(theirs: str, ours: str) -> None:
    assert broken_by(ValueError(theirs)).startswith(ours)


class Told:
    """An exchange whose next answers a test lays down."""

    id = "gate"
    has: ClassVar[dict[str, Any]] = {"watchOHLCV": True, "fetchTrades": True, "watchTrades": True}
    clients: ClassVar[dict[str, Any]] = {}

    def __init__(self, most: int = CACHE) -> None:
        self.options: dict[str, Any] = {"tradesLimit": most}
        self.ohlcvs: dict[str, dict[str, list[list[float]]]] = {}
        self.new: list[Any] = []
        self.record: list[dict[str, Any]] = []

    async def watch_ohlcv(self, symbol: str, timeframe: str) -> list[Any]:
        return self.new

    async def watch_trades(self, symbol: str) -> list[Any]:
        return self.new

    async def fetch_trades(self, symbol: str, since: Any, limit: Any) -> list[Any]:
        return self.record


def stream_of(exchange: Told) -> tuple[Stream, Sequence, WarningLog, Outbox]:
    warning_log, outbox = WarningLog(Redaction({})), Outbox()
    sequence = Sequence(INTERVAL, START - INTERVAL, warning_log)
    reader = Reader(exchange, 1, QUICK, warning_log)  # type: ignore[arg-type]
    stream = Stream(
        exchange, reader, sequence, SYMBOL, "15m", "auto", True, QUICK, warning_log, outbox
    )
    return stream, sequence, warning_log, outbox


def events(outbox: Outbox) -> Iterator[Event]:
    while (event := outbox.get()) is not None:
        yield event


def trade(number: int) -> dict[str, Any]:
    return {"id": str(number), "timestamp": START + number, "price": 100.0 + number}


@pytest.mark.parametrize(
    ("oldest", "told", "words"),
    [
        (2, range(1, 9), "were read from the exchange's record"),
        (4, (1, 2, 6, 7, 8), "is settled by the closed candle"),
    ],
)
def test_trades_lost_to_an_overflow_are_read_from_the_record_as_far_as_it_reaches(
    oldest: int, told: Any, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = Told(most=3)
    stream, sequence, _, outbox = stream_of(exchange)
    sequence.confirm([(START, 100.0, 100.0, 100.0, 100.0, 1.0)])
    exchange.new = [trade(1), trade(2)]
    asyncio.run(stream.ticks.watch())
    exchange.new = [trade(6), trade(7), trade(8)]  # 3, 4 and 5 did not fit in
    exchange.record = [trade(number) for number in range(oldest, 9)]
    asyncio.run(stream.ticks.watch())
    ticks = [event for event in events(outbox) if isinstance(event, Tick)]
    assert [tick.price for tick in ticks] == [100.0 + number for number in told]
    assert words in caplog.text


def test_volume_in_money_is_no_revision_and_no_reason_to_read_again() -> None:
    """gate's spot candles come with turnover on the socket and with coins over REST."""
    exchange = Told()
    stream, sequence, warning_log, _ = stream_of(exchange)
    for at, turnover in ((0, 2_015.0), (1, 5.0)):
        exchange.new = [[START + at * INTERVAL, 100.0, 102.0, 99.0, 101.0, turnover]]
        asyncio.run(stream._watch_candles())
    record = [(START, 100.0, 102.0, 99.0, 101.0, 20.0), (START + INTERVAL, *[101.0] * 4, 0.05)]
    told = sequence.confirm(record)
    assert [type(event).__name__ for event in told] == ["CandleClosed"]
    assert not warning_log.counts


def test_more_volume_on_the_socket_still_means_that_the_record_lags() -> None:
    exchange = Told()
    stream, sequence, _, _ = stream_of(exchange)
    for at, volume in ((0, 20.0), (1, 0.0)):
        exchange.new = [[START + at * INTERVAL, 100.0, 102.0, 99.0, 101.0, volume]]
        asyncio.run(stream._watch_candles())
    record = [(START, 100.0, 102.0, 99.0, 101.0, 19.0), (START + INTERVAL, *[101.0] * 4, 0.05)]
    assert sequence.confirm(record) == []


def test_a_row_that_changes_after_it_was_handed_over_changes_nothing() -> None:
    exchange = Told()
    stream, sequence, warning_log, _ = stream_of(exchange)
    row = [START, 100.0, 102.0, 99.0, 101.0, 20.0]
    exchange.new = [row]
    asyncio.run(stream._watch_candles())
    row[:] = [START + INTERVAL, 7.0, 7.0, 7.0, 7.0, 99.0]
    sequence.confirm([(START, *[100.0] * 4, 1.0)])
    assert not warning_log.counts
    assert sequence.newest == START


def test_a_late_correction_is_seen_though_the_newest_row_is_handed_over() -> None:
    """ccxt puts a correction into its table and gives the table's last row."""
    exchange = Told()
    stream, _, warning_log, _ = stream_of(exchange)
    first = [START, 100.0, 102.0, 99.0, 101.0, 20.0]
    newest = [START + INTERVAL, 101.0, 101.0, 101.0, 101.0, 1.0]
    exchange.ohlcvs = {SYMBOL: {"15m": [first, newest]}}
    for exchange.new in ([first], [newest]):
        asyncio.run(stream._watch_candles())
    exchange.ohlcvs[SYMBOL]["15m"][0] = [*first[:4], 100.5, first[5]]
    asyncio.run(stream._watch_candles())
    assert dict(warning_log.counts) == {"revised": 1}


def test_mexc_hands_its_quotes_to_nobody_who_waits_for_them() -> None:
    """Where this fails ccxt has mended it: take the note out of docs/live-data.md."""
    import ccxt.pro

    exchange = ccxt.pro.mexc()
    resolved: list[str] = []
    exchange.handle_ticker = lambda client, message: resolved.append("ticker")
    exchange.handle_bid_ask = lambda client, message: resolved.append("bid and ask")
    channel = "spot@public.aggre.bookTicker.v3.api.pb@100ms@BTCUSDT"
    exchange.handle_protobuf_message(None, {"channel": channel})
    assert resolved == ["ticker"]


def test_waiting_for_room_ends_with_the_outbox() -> None:
    outbox = Outbox(size=1)
    outbox.put(Tick(1, 1.0, 1.0, 1.0))
    assert outbox.full
    began = time.monotonic()

    async def wait() -> None:
        asyncio.get_running_loop().call_later(0.05, outbox.close)
        await outbox.room()

    asyncio.run(wait())
    assert time.monotonic() - began < 2.0
    assert outbox.waited > 0.0


def listing(halted: list[bool], gone: bool) -> Any:
    """What the simulator says of its market: gone, or halted, as long as halted[0]."""
    original = messages.exchange_info

    def listed(market_: Any, now: int) -> dict[str, Any]:
        body = original(market_, now)
        if halted[0] and gone:
            body["symbols"][0] |= {"symbol": "ETHUSDT", "baseAsset": "ETH"}
        elif halted[0]:
            body["symbols"][0]["status"] = "BREAK"
        return body

    return listed


@pytest.mark.parametrize("gone", [False, True])
def test_a_market_that_is_not_traded_is_followed_where_a_session_has_it(
    gone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stale from the start, with the reason; live once it is traded again."""
    halted = [True]
    monkeypatch.setattr(messages, "exchange_info", listing(halted, gone))
    candles = market()
    with Simulator(candles, HISTORY) as simulator, store(simulator) as opened:
        with pytest.raises(ConfigError):
            opened.market(SYMBOL)
        filters = opened.held_market(SYMBOL)
        assert (filters is None) == gone
        after = int(candles.time[HISTORY - 3])
        fetched = opened.fetch_candles(SYMBOL, INTERVAL, after)
        assert bool(fetched) != gone
        listener = Listener(opened, opened.start_stream(SYMBOL, INTERVAL, after, False))
        listener.until(lambda: opened.connection.state == "stale")
        words = "lists BTC/USDT no more" if gone else "BTC/USDT is halted or inactive on binance"
        assert words in opened.connection.reason
        halted[0] = False
        listener.until(lambda: opened.connection.state == "live")
        listener.candles_until(2)
        assert [candle[0] for candle in listener.candles] == candles.time[
            HISTORY - 2 : HISTORY
        ].tolist()


@pytest.mark.parametrize(
    ("gone", "transport"), [(False, "auto"), (True, "auto"), (False, "rest"), (True, "rest")]
)
def test_a_quiet_market_that_is_not_traded_any_more_is_stale_and_says_why(
    gone: bool, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    halted = [True]
    listed = listing(halted, gone)
    candles = market()
    with Simulator(candles, HISTORY) as simulator, store(simulator, transport=transport) as opened:
        after = int(candles.time[HISTORY - 1])
        listener = Listener(opened, opened.start_stream(SYMBOL, INTERVAL, after, False))
        listener.until(lambda: opened.connection.fresh)
        monkeypatch.setattr(messages, "exchange_info", listed)
        listener.until(lambda: opened.connection.state == "stale")
        words = "lists BTC/USDT no more" if gone else "BTC/USDT is halted or inactive on binance"
        assert words in opened.connection.reason
        halted[0] = False
        listener.until(lambda: opened.connection.fresh)


def test_a_socket_that_is_given_up_while_it_is_opened_does_not_stay_open() -> None:
    """Nobody would close it, and it would be told everything a second time for ever."""
    candles = market()
    pace = Pace(wanted=("kline", "trade"))
    with Simulator(candles, HISTORY, pace=pace) as simulator, store(simulator) as opened:
        after = int(candles.time[HISTORY - 1])
        listener = Listener(opened, opened.start_stream(SYMBOL, INTERVAL, after))
        listener.until(lambda: opened.connection.state == "live")
        listener.until(lambda: len(simulator.streams.heard()) == 3)
        usual = len(simulator.streams.connections)

        async def early() -> None:
            """Give up everything, and six times what is opened instead."""
            exchange_ = opened._exchange
            give_up(list(exchange_.clients.values()), "test")
            left = 6
            while left > 0:
                for client in list(exchange_.clients.values()):
                    if client.connecting and client.connection is None:
                        give_up([client], "test")
                        left -= 1
                await asyncio.sleep(0)

        opened._background_or_new().run(early())
        listener.until(lambda: len(simulator.streams.heard()) == 3)
        listener.until(lambda: len(simulator.streams.connections) <= usual)


class Wire:
    """A socket whose messages are put into it, and its client, which takes them as ccxt does."""

    def __init__(self) -> None:
        self.come: asyncio.Queue[Any] = asyncio.Queue()
        self.closed, self.error, self.connection = False, None, self
        self.heard: list[int] = []
        self.reader = _ReadAhead(self, Outbox(), WarningLog(Redaction({})))

    async def receive(self) -> Any:
        return await self.come.get()

    def handle_message(self, message: Any) -> None:
        self.heard.append(message.data)

    async def take(self) -> None:
        while True:
            self.handle_message(await asyncio.create_task(self.reader.receive()))
            await asyncio.sleep(0)


def test_a_socket_that_says_more_than_another_does_not_fall_behind_it() -> None:
    """The market waits for one of two sockets, of which the other says more."""

    async def both() -> tuple[int, list[int]]:
        wires = Wire(), Wire()
        taking = [asyncio.create_task(wire.take()) for wire in wires]
        for round_ in range(400):
            for wire, count in zip(wires, (5, 4), strict=True):
                for number in range(count):
                    wire.come.put_nowait(WSMessage(WSMsgType.TEXT, round_ * count + number, ""))
            while len(wires[1].heard) < 4 * (round_ - 25):
                await asyncio.sleep(0)
        behind = len(wires[0].reader._messages)
        while len(wires[0].heard) < 2000:
            await asyncio.sleep(0)
        for task in (*taking, *(wire.reader._reading for wire in wires)):
            assert task is not None
            task.cancel()
        return behind, wires[0].heard

    behind, heard = asyncio.run(both())
    assert heard == list(range(2000))
    assert behind < 200
