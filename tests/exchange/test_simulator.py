from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.exchange.market import RecordedMarket
from tests.exchange.simulator import Simulator
from tests.exchange.trouble import rate_limit
from tests.live.scenario import HISTORY, INTERVAL, exchange, market


def get(simulator: Simulator, path: str) -> Any:
    url = f"http://127.0.0.1:{simulator.port}/api/v3/{path}"
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def test_the_tape_adds_up_to_its_candles() -> None:
    candles = market()
    recorded = RecordedMarket(candles, ticks=7)
    for at in range(len(recorded)):
        prices = [trade.price for trade in recorded.trades(at)]
        volume = sum(trade.quantity for trade in recorded.trades(at))
        assert (prices[0], max(prices), min(prices), prices[-1]) == (
            candles.open[at],
            candles.high[at],
            candles.low[at],
            candles.close[at],
        )
        assert volume == pytest.approx(candles.volume[at])


def test_the_newest_kline_is_unfinished_and_time_is_the_market_s() -> None:
    candles = market()
    with exchange(candles) as simulator:
        simulator.player.now = int(candles.time[HISTORY]) + INTERVAL // 2
        rows = get(simulator, "klines?symbol=BTCUSDT&interval=15m&limit=2")
        assert [row[0] for row in rows] == candles.time[HISTORY - 1 : HISTORY + 1].tolist()
        assert float(rows[0][5]) == candles.volume[HISTORY - 1]
        assert float(rows[1][5]) == candles.volume[HISTORY] / 2
        assert get(simulator, "time")["serverTime"] == simulator.now


def test_klines_take_start_end_and_limit() -> None:
    candles = market()
    with exchange(candles) as simulator:
        start, end = int(candles.time[3]), int(candles.time[9])
        query = f"klines?symbol=BTCUSDT&interval=15m&startTime={start}&endTime={end}"
        assert [row[0] for row in get(simulator, query)] == candles.time[3:10].tolist()
        assert [row[0] for row in get(simulator, query + "&limit=2")] == candles.time[3:5].tolist()


def test_an_hour_is_made_of_its_quarters() -> None:
    candles = market()
    with exchange(candles) as simulator:
        first = get(simulator, "klines?symbol=BTCUSDT&interval=1h&startTime=0")[0]
        assert float(first[2]) == max(candles.high[:4])
        assert float(first[4]) == candles.close[3]


def test_an_unknown_symbol_is_refused_as_binance_does() -> None:
    with exchange(market()) as simulator, pytest.raises(urllib.error.HTTPError) as refused:
        get(simulator, "klines?symbol=XYZ&interval=15m")
    with refused.value as answer:
        assert json.load(answer)["code"] == -1121


def test_requests_during_a_ban_are_refused_and_counted() -> None:
    with exchange(market()) as simulator:
        simulator.trouble(rate_limit(30, 418))
        for _ in range(3):
            with pytest.raises(urllib.error.HTTPError) as refused:
                get(simulator, "ping")
            assert refused.value.code == 418
            assert refused.value.headers["Retry-After"] == "30"
            refused.value.close()
        assert simulator.warning_log.early == 2
