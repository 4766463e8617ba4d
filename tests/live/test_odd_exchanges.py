"""Exchanges that answer in their own way, and what makes no sense: the same candles."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from ccxt.base import errors

from stoptrail.config.market import Filters
from stoptrail.rules.candles import Candles
from tests.exchange.player import Pace, Player
from tests.exchange.script import Disconnect, Fault
from tests.exchange.simulator import Simulator
from tests.live.scenario import (
    HISTORY,
    INTERVAL,
    START,
    SYMBOL,
    Listener,
    closed,
    exchange,
    market,
    store,
)

Row = list[Any]
Answer = Callable[[list[Row], int | None, Simulator], list[Row]]
ODD = START + 30 * INTERVAL
"""Open time of the candle of which the record makes no sense."""


def play(
    change: Callable[[Any, Simulator], None], *faults: Fault, candles: Candles | None = None
) -> Listener:
    """What the store tells where `change` has made the exchange odd."""
    candles = market() if candles is None else candles
    pace = Pace(wanted=("kline", "trade"))
    with exchange(candles, pace=pace) as simulator, store(simulator) as opened:
        change(opened._open(SYMBOL)[0], simulator)
        simulator.script(*faults)
        after = int(candles.time[HISTORY - 1])
        listener = Listener(opened, opened.start_stream(SYMBOL, candles.interval, after))
        listener.until(lambda: opened.connection.state == "live")
        playing = simulator.play()
        last = int(candles.time[-2])
        listener.until(lambda: bool(listener.candles) and listener.candles[-1][0] == last)
        playing.result(timeout=10)
        return listener


def answering(answer: Answer, most: int | None = None) -> Callable[[Any, Simulator], None]:
    """Let the record's rows go through `answer`; `most` are given at once."""

    def change(ccxt: Any, simulator: Simulator) -> None:
        original = ccxt.fetch_ohlcv

        async def fetch(
            symbol: str, timeframe: str, since: int | None = None, limit: int | None = None
        ) -> list[Row]:
            limit = limit if most is None else min(limit or most, most)
            return answer(await original(symbol, timeframe, since, limit), since, simulator)

        ccxt.fetch_ohlcv = fetch

    return change


def unfinished_left_out(found: list[Row], since: int | None, simulator: Simulator) -> list[Row]:
    return [row for row in found if row[0] + INTERVAL <= simulator.now]


def unaligned_added(found: list[Row], since: int | None, simulator: Simulator) -> list[Row]:
    return [each for row in found for each in (row, [row[0] + 1000, *row[1:]])]


WAYS: dict[str, Callable[[Any, Simulator], None]] = {
    "newest first": answering(lambda found, since, _: found[::-1]),
    "few at once": answering(lambda found, since, _: found, most=7),
    "later than since": answering(
        lambda found, since, _: [row for row in found if since is None or row[0] > since]
    ),
    "closed candles alone": answering(unfinished_left_out),
    "no prices before the close": answering(
        lambda found, since, _: [*found[:-1], [found[-1][0], None, None, None, None, None]]
    ),
    "rows off the grid": answering(unaligned_added),
}


@pytest.mark.parametrize("name", WAYS)
def test_the_candles_are_the_same_however_an_exchange_answers(name: str) -> None:
    heard = play(WAYS[name], Disconnect(40, away=9))
    assert heard.candles == closed(market())


@pytest.mark.parametrize("name", [name for name in WAYS if name != "closed candles alone"])
def test_so_is_the_history(name: str) -> None:
    candles = market()
    with exchange(candles) as simulator, store(simulator) as opened:
        WAYS[name](opened._open(SYMBOL)[0], simulator)
        found = opened.fetch_candles(SYMBOL, INTERVAL, int(candles.time[0]))
        assert [tuple(row) for row in found] == closed(candles, 0)[:HISTORY]


NONSENSE: dict[str, Callable[[Row], Row]] = {
    "empty": lambda row: [row[0], None, None, None, None, None],
    "not a number": lambda row: [row[0], math.nan, *row[2:]],
    "negative": lambda row: [row[0], -row[1], *row[2:]],
    "zero": lambda row: [row[0], 0, 0, 0, 0, 0],
    "short": lambda row: row[:2],
    "absurd": lambda row: [row[0], row[1], 1e300, *row[3:]],
    "high below low": lambda row: [row[0], row[1], row[3], row[2], *row[4:]],
    "words": lambda row: [row[0], "x", *row[2:]],
    "no volume": lambda row: [*row[:5], None],
}


@pytest.mark.parametrize("name", NONSENSE)
def test_a_row_that_never_makes_sense_is_left_out_and_said_once(name: str) -> None:
    def answer(found: list[Row], since: int | None, _: Simulator) -> list[Row]:
        return [NONSENSE[name](row) if row[0] == ODD else row for row in found]

    heard = play(answering(answer))
    assert heard.candles == [row for row in closed(market()) if row[0] != ODD]
    assert heard.notices.count("malformed candle") == 1


def test_a_row_that_makes_sense_later_is_waited_for() -> None:
    readings = [0]

    def answer(found: list[Row], since: int | None, _: Simulator) -> list[Row]:
        readings[0] += any(row[0] == ODD for row in found[:-1])
        nonsense = NONSENSE["empty"] if readings[0] < 3 else list
        return [nonsense(row) if row[0] == ODD else row for row in found]

    assert play(answering(answer)).candles == closed(market())


@dataclass(frozen=True)
class Says(Fault):
    """Sends texts on every socket."""

    texts: tuple[str, ...] = ()

    async def begin(self, player: Player) -> None:
        for text in self.texts:
            await player.streams.send_everywhere(text)


def trade(number: int, price: object) -> str:
    """A message of a trade within candle 30."""
    told = {"e": "trade", "E": ODD + 5, "s": "BTCUSDT", "t": number, "q": "1", "T": ODD + 5}
    return json.dumps({**told, "p": price, "m": False, "M": True})


def test_trades_at_absurd_prices_move_no_stop() -> None:
    odd = ("1e308", "3000000000", "0.01", "-1", "0", "NaN", None, "x")
    texts = tuple(trade(10**9 + k, price) for k, price in enumerate(odd))
    heard = play(lambda ccxt, _: None, Says(30, texts))
    assert heard.candles == closed(market())
    prices = [tick.price for tick in heard.ticks]
    assert 29_000 < min(prices) <= max(prices) < 31_000
    assert heard.notices.count("malformed message") == 1


def test_updates_that_ccxt_would_tell_again_are_told_once() -> None:
    candles = market()
    config = {"newUpdates": False}
    with exchange(candles) as simulator, store(simulator, config=config) as opened:
        assert opened._open(SYMBOL)[0].newUpdates is True


@pytest.mark.parametrize("interval", [60_000, 300_000, 3_600_000])
def test_other_timeframes_and_tiny_prices(interval: int) -> None:
    made = market()
    times = START + interval * np.arange(len(made.time), dtype=np.int64)
    open_, high, low, close = (np.round(column * 1e-9, 8) for column in made[1:5])
    candles = Candles(times, open_, high, low, close, made.volume, interval)
    heard = play(lambda ccxt, _: None, Disconnect(40, away=3), candles=candles)
    assert heard.candles == closed(candles)


def test_a_step_in_significant_digits_is_left_to_the_candles() -> None:
    with exchange(market()) as simulator, store(simulator) as opened:
        ccxt, _ = opened._open(SYMBOL)
        ccxt.precisionMode = 3
        assert opened.market(SYMBOL) == Filters(None, None, 0.00001, 5.0)


def without(*names: str, error: str = "NotSupported") -> Callable[[Any, Simulator], None]:
    """Let ccxt's table say that there is such a thing, and the thing raise `error`."""

    def change(ccxt: Any, _: Simulator) -> None:
        async def absent(*_: Any, **__: Any) -> Any:
            raise getattr(errors, error)("there is none")

        for name in names:
            setattr(ccxt, name, absent)

    return change


SOCKETS = ("watch_ohlcv", "watch_trades", "watch_bids_asks")


def polled(change: Callable[[Any, Simulator], None]) -> Listener:
    candles = market()
    pace = Pace(polls=True)
    with exchange(candles, pace=pace) as simulator, store(simulator) as opened:
        change(opened._open(SYMBOL)[0], simulator)
        after = int(candles.time[HISTORY - 1])
        listener = Listener(opened, opened.start_stream(SYMBOL, candles.interval, after))
        listener.until(lambda: opened.connection.state == "polling")
        playing = simulator.play()
        listener.candles_until(len(closed(candles)))
        playing.result(timeout=10)
        listener.drain()
        return listener


def test_a_socket_that_does_not_exist_is_no_broken_one_data_is_polled() -> None:
    heard = polled(without(*SOCKETS))
    assert heard.candles == closed(market())
    assert "no socket" in heard.notices
    assert "socket" not in heard.notices


def test_trades_that_want_a_key_are_left_out() -> None:
    def change(ccxt: Any, simulator: Simulator) -> None:
        without(*SOCKETS)(ccxt, simulator)
        without("fetch_trades", error="ArgumentsRequired")(ccxt, simulator)

    heard = polled(change)
    assert heard.candles == closed(market())
    assert heard.ticks == []
    assert heard.notices.count("no trades") == 1
