"""Mark prices as exchanges show them: late, unfinished, never."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import ccxt
import pytest

from stoptrail.live.market.mark_reader import MarkReader
from stoptrail.live.market.reader import Reader
from stoptrail.live.market.warnings import Redaction, WarningLog
from stoptrail.rules.funding import FundingRow
from stoptrail.rules.margin import Mark
from tests.live.scenario import QUICK

HOUR = 3_600_000
T = 1_735_725_600_000


def candle(k: int) -> list[float]:
    return [T + k * HOUR, 100.0 + k, 102.0 + k, 99.0 + k, 101.0 + k]


def mark(k: int) -> Mark:
    return Mark(*candle(k)[1:])


class Exchange:
    """Shows up to `most` candles from `since`; each answer of `first` comes before those."""

    id = "made"

    def __init__(self, shown: list[int], first: list[Any] | None = None, most: int = 100) -> None:
        self.shown, self.first, self.most = shown, first or [], most
        self.asked = 0

    async def fetch_ohlcv(
        self, symbol: str, timeframe: str, since: int, limit: int, params: dict[str, Any]
    ) -> list[list[float]]:
        assert (symbol, timeframe, params) == ("BTC/USDT:USDT", "1h", {"price": "mark"})
        self.asked += 1
        shown = self.first.pop(0) if self.first else self.shown
        if isinstance(shown, Exception):
            raise shown
        rows = [candle(k) for k in shown if since <= T + k * HOUR]
        return rows[: min(limit, self.most)]


def reader_of(exchange: Any, said: list[str] | None = None) -> MarkReader:
    log = WarningLog(
        Redaction({}), lambda notice: None if said is None else said.append(notice.text)
    )
    return MarkReader(exchange, Reader(exchange, 1, QUICK, log), "BTC/USDT:USDT", HOUR, QUICK)


def read(exchange: Any, wanted: list[int], said: list[str] | None = None) -> dict[int, Mark]:
    found = asyncio.run(reader_of(exchange, said).read([T + k * HOUR for k in wanted]))
    return {(time - T) // HOUR: each for time, each in found.items()}


def test_a_mark_counts_once_a_later_one_is_shown() -> None:
    """The first answers hold it unfinished, as the last one."""
    exchange = Exchange([0, 1, 2], [[], [0], [0, 1]])
    assert read(exchange, [0, 1]) == {0: mark(0), 1: mark(1)}


def test_many_are_read_page_by_page() -> None:
    exchange = Exchange(list(range(251)), most=40)
    assert read(exchange, list(range(250))) == {k: mark(k) for k in range(250)}
    assert exchange.asked <= 8


def test_one_that_the_exchange_leaves_out_is_not_waited_for() -> None:
    said: list[str] = []
    exchange = Exchange([0, 1, 3, 4])
    assert read(exchange, [0, 1, 2, 3], said) == {0: mark(0), 1: mark(1), 3: mark(3)}
    assert exchange.asked == 1
    assert "2025-01-01 12:00" in said[0].replace("T", " ")


@pytest.mark.parametrize(
    "trouble", [[], [0], ccxt.NetworkError("down"), ccxt.BadRequest("no"), ccxt.BadSymbol("no")]
)
def test_what_does_not_come_is_given_up_and_said(trouble: Any) -> None:
    said: list[str] = []
    assert read(Exchange([], [trouble] * 10_000), [0], said) == {}
    assert any("shows no mark prices of 2025-01-01" in text for text in said)


def test_what_is_known_is_not_asked_for_again() -> None:
    exchange = Exchange([0, 1, 2])

    async def twice(reader: MarkReader) -> None:
        for _ in range(2):
            assert list(await reader.read([T, T + HOUR])) == [T, T + HOUR]

    asyncio.run(twice(reader_of(exchange)))
    assert exchange.asked == 1


def test_funding_has_the_open_of_the_mark_candle_of_its_time() -> None:
    """It may be unfinished. A price of its own stays; an accruing row, and one within a candle,
    have none."""
    rows = [
        FundingRow(T, 0.1, math.nan, 0.0),
        FundingRow(T + HOUR, 0.1, 7.0, 0.0),
        FundingRow(T + HOUR, 0.1, math.nan, 1.0),
        FundingRow(T + HOUR // 2, 0.1, math.nan, 0.0),
    ]
    priced = asyncio.run(reader_of(Exchange([0])).price(rows))
    assert [row.price for row in priced[:2]] == [100.0, 7.0]
    assert all(math.isnan(row.price) for row in priced[2:])
    (unpriced,) = asyncio.run(reader_of(Exchange([1])).price(rows[:1]))
    assert math.isnan(unpriced.price)
