"""Downloads through the real ccxt client from the exchange simulator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stoptrail.core.errors import ConfigError, ExchangeError
from stoptrail.feeds import download as module
from stoptrail.feeds.cache import (
    Cached,
    cache_path,
    candles_of,
    read_cache,
)
from stoptrail.feeds.columns import columns_of, rows_of
from stoptrail.feeds.download import download_candles
from stoptrail.rules.candles import Candles
from tests.exchange.simulator import Simulator
from tests.exchange.trouble import malformed_answer, rate_limit, region_refusal, server_error
from tests.feeds.tables import QUARTER, START, candles, same

RECORDED = candles(2600, missing=range(1200, 1210))
CLOSED = len(RECORDED.time) - 1
"""The last candle of the recording is under way and must not be taken."""
END = START + 3000 * QUARTER


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    monkeypatch.setattr("stoptrail.exchange.client.time.sleep", lambda _: None)
    with Simulator(RECORDED, start=CLOSED) as simulator:
        yield simulator


def fetch(
    exchange: Simulator, folder: Path, start: int = START, end: int = END, **more: Any
) -> Cached:
    options = exchange.ccxt_options()
    return download_candles("binance", options, "BTC/USDT", QUARTER, start, end, folder, **more)


def recorded(first: int = 0, last: int = CLOSED) -> Candles:
    return Candles(*rows_of(columns_of(RECORDED), slice(first, last)), QUARTER)


def stored(folder: Path) -> Candles:
    path = cache_path(folder, "binance", "BTC/USDT", "15m")
    return candles_of(read_cache(path, QUARTER), QUARTER)


def test_every_closed_candle_arrives_and_the_unfinished_one_does_not(
    exchange: Simulator, tmp_path: Path
) -> None:
    cached = fetch(exchange, tmp_path)
    assert same(candles_of(cached, QUARTER), recorded())
    assert same(stored(tmp_path), recorded())


def test_trouble_on_the_way_ends_with_the_same_candles(exchange: Simulator, tmp_path: Path) -> None:
    klines = "/api/v3/klines"
    exchange.trouble(rate_limit(0, path=klines), server_error(2, path=klines), malformed_answer(1))
    told: list[str] = []
    fetch(exchange, tmp_path, on_notice=told.append)
    assert same(stored(tmp_path), recorded())
    assert len([line for line in told if line.startswith("waiting")]) == 4


def test_a_second_download_asks_for_nothing_that_is_there(
    exchange: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = START + 2000 * QUARTER
    fetch(exchange, tmp_path, end=end)

    def refuse(*_: object) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr(module._Pages, "_page", refuse)
    fetch(exchange, tmp_path, end=end)


def test_a_download_that_broke_off_goes_on_where_it_stopped(
    exchange: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = module._Pages._page
    asked: list[int] = []

    def breaking(pages: Any, since: int) -> Any:
        asked.append(since)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return whole(pages, since)

    monkeypatch.setattr(module._Pages, "_page", breaking)
    with pytest.raises(KeyboardInterrupt):
        fetch(exchange, tmp_path)
    assert same(stored(tmp_path), recorded(0, 1000))
    fetch(exchange, tmp_path)
    assert asked[2] == asked[1] == RECORDED.time[1000]
    assert same(stored(tmp_path), recorded())


def test_earlier_and_later_candles_are_added_around_what_is_there(
    exchange: Simulator, tmp_path: Path
) -> None:
    fetch(exchange, tmp_path, START + 500 * QUARTER, START + 600 * QUARTER)
    fetch(exchange, tmp_path, START + 900 * QUARTER, START + 950 * QUARTER)
    assert len(stored(tmp_path).time) == 150
    fetch(exchange, tmp_path)
    assert same(stored(tmp_path), recorded())


def test_progress_ends_at_the_whole(exchange: Simulator, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    fetch(exchange, tmp_path, on_progress=lambda done, total: seen.append((done, total)))
    expected = (int(RECORDED.time[-1]) - START) // QUARTER
    assert seen[-1] == (expected, expected)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_a_market_younger_than_asked_for_is_said(exchange: Simulator, tmp_path: Path) -> None:
    told: list[str] = []
    fetch(exchange, tmp_path, START - 2000 * QUARTER, on_notice=told.append)
    assert same(stored(tmp_path), recorded())
    assert any("binance serves begin at 2021-06-22T00:00:00Z" in line for line in told)


def test_small_pages_and_empty_stretches_lose_nothing(tmp_path: Path) -> None:
    """An exchange that gives at most 100 candles, and nothing where it has none."""
    data = candles(1500, missing=range(300, 900))

    class Small:
        def fetch_ohlcv(self, _: str, __: str, since: int, limit: int) -> list[list[float]]:
            inside = (data.time >= since) & (data.time < since + 100 * QUARTER)
            return [list(row) for row in zip(*(c[inside].tolist() for c in data[:6]), strict=True)]

    pages = module._Pages(Small(), "BTC/USDT", "15m", QUARTER, None)
    times = [page.time for page, _ in pages.between(START, START + 1500 * QUARTER)]
    assert np.array_equal(np.concatenate(times), data.time)


def test_an_impossible_candle_is_left_out_and_said() -> None:
    told: list[str] = []
    rows = [[START, 1.0, 2.0, 0.5, 1.0, 3.0], [START + QUARTER, 1.0, 0.5, 2.0, 1.0, 3.0]]

    class Wrong:
        def fetch_ohlcv(self, *_: object) -> list[list[float]]:
            return rows

    pages = module._Pages(Wrong(), "BTC/USDT", "15m", QUARTER, told.append)
    ((page, span),) = pages.between(START, START + 2 * QUARTER)
    assert page.time.tolist() == [START]
    assert told == ["left out the impossible candle of 2021-06-22T00:15:00Z"]
    assert span == (START, START + 2 * QUARTER)


def test_a_refused_region_names_other_exchanges(exchange: Simulator, tmp_path: Path) -> None:
    exchange.trouble(region_refusal())
    with pytest.raises(ExchangeError, match=r"HTTP 451.*try another exchange, such as kraken"):
        fetch(exchange, tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_unknown_symbol_names_the_closest(exchange: Simulator, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean BTC/USDT"):
        download_candles(
            "binance", exchange.ccxt_options(), "BTC/USD", QUARTER, START, END, tmp_path
        )
