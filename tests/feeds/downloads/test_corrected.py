"""Candles that their exchange corrects after a download: the next one takes them, and says so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import ccxt
import pytest

from stoptrail.core.time import iso
from stoptrail.feeds.downloads.cache import Cached
from stoptrail.feeds.downloads.download import download_candles
from tests.exchange.dialects import DIALECTS, QUARTER, Dialect, RefusedError, Row
from tests.exchange.other_dialects import OTHERS
from tests.exchange.standin import StandIn

BEGIN = 1_790_000_000_000 // QUARTER * QUARTER
COUNT, DAY = 300, 96
KINDS = DIALECTS | OTHERS


def market() -> list[Row]:
    """With a hole of an hour within the last day of the first download."""
    times = [BEGIN + k * QUARTER for k in range(COUNT + DAY) if not 270 <= k < 274]
    return [(at, 100.0 + k, 110.0 + k, 90.0 + k, 105.0 + k, 9.0) for k, at in enumerate(times)]


@pytest.fixture
def alive(monkeypatch: pytest.MonkeyPatch) -> list[Dialect]:
    """ccxt lives at the time of the last of these."""
    lived: list[Dialect] = []
    monkeypatch.setattr("stoptrail.exchange.client.time.sleep", lambda _: None)
    for name, unit in (("milliseconds", 1.0), ("seconds", 1000.0), ("microseconds", 0.001)):
        now = staticmethod(lambda unit=unit: int(lived[-1].now / unit))
        monkeypatch.setattr(ccxt.Exchange, name, now)
    return lived


def opened(name: str, alive: list[Dialect]) -> Dialect:
    alive.append(KINDS[name](market(), BEGIN + COUNT * QUARTER + 60_000))
    return alive[-1]


def download(server: StandIn, folder: Path, told: list[str], start: int = BEGIN) -> Cached:
    dialect = server.dialect
    span = (dialect.symbol, QUARTER, start, BEGIN + (COUNT + DAY) * QUARTER, folder)
    return download_candles(dialect.id, server.ccxt_options(), *span, on_notice=told.append)


def struck_off(row: Row) -> Row:
    """A trade at the highest price was none."""
    return (*row[:2], row[4], *row[3:5], row[5] / 2)  # type: ignore[return-value]


def others(told: list[str]) -> list[str]:
    return [line for line in told if "other values now" in line]


@pytest.mark.parametrize("name", ["binance", "bitget", "bitbank", "gate", "kraken", "upbit"])
def test_they_are_taken_and_said_though_less_was_traded(
    name: str, alive: list[Dialect], tmp_path: Path
) -> None:
    """Not the last one alone; and those before the last day stay as they are."""
    dialect, told = opened(name, alive), list[str]()
    with StandIn(dialect) as server:
        download(server, tmp_path, told)
        assert others(told) == []
        for place in (COUNT - 110, COUNT - 7, COUNT - 14):
            dialect.rows[place] = struck_off(dialect.rows[place])
        dialect.now += DAY * QUARTER // 4
        cached = download(server, tmp_path, told)
        dialect.now += DAY * QUARTER // 4
        download(server, tmp_path, told)
    found = list(zip(*(column.tolist() for column in cached.columns), strict=True))
    truth = [row for row in dialect.rows if row[0] in {each[0] for each in found}]
    old = dialect.rows[COUNT - 110]
    assert [row for row in found if row[0] != old[0]] == [row for row in truth if row != old]
    first = iso(dialect.rows[COUNT - 14][0])
    assert others(told) == [
        f"{name} gives 2 candles of the cache with other values now, the first of {first}: they "
        "were corrected, and are taken"
    ]


@pytest.mark.parametrize("name", ["binance", "bitget", "bitbank", "gate", "kraken", "upbit"])
def test_candles_that_come_late_into_a_hole_are_taken_and_said(
    name: str, alive: list[Dialect], tmp_path: Path
) -> None:
    dialect, told = opened(name, alive), list[str]()
    whole = list(dialect.rows)
    late = [COUNT - 12, COUNT - 11, COUNT - 20]
    dialect.rows = [row for k, row in enumerate(whole) if k not in late]
    with StandIn(dialect) as server:
        download(server, tmp_path, told)
        dialect.rows = whole
        dialect.now += DAY * QUARTER // 2
        cached = download(server, tmp_path, told)
    closed = [row for row in whole if row[0] + QUARTER <= dialect.now]
    missing = {row[0] for row in closed} - set(cached.columns.time.tolist())
    assert missing <= {closed[-1][0]}  # upbit and bitbank have no clock
    said = f"{name} gives 3 candles where it had none, the first of {iso(whole[COUNT - 20][0])}"
    assert [line for line in told if "had none" in line] == [f"{said}: they are taken"]


def test_where_most_are_others_the_exchange_counts_otherwise_and_they_stay(
    alive: list[Dialect], tmp_path: Path
) -> None:
    dialect, told = opened("binance", alive), list[str]()
    with StandIn(dialect) as server:
        before = download(server, tmp_path, told)
        dialect.rows = [(*row[:5], row[5] * 1000) for row in dialect.rows]
        dialect.now += DAY * QUARTER // 2
        cached = download(server, tmp_path, told)
    kept = len(before.columns.time) - 1  # of the last one the copy with more volume
    assert cached.columns.volume[:kept].tolist() == before.columns.volume[:kept].tolist()
    (said,) = others(told)
    assert re.search(r"market is another; they stay; delete \S+BTC-USDT_15m.parquet to load", said)


def test_nothing_is_asked_again_where_nothing_is_missing(
    alive: list[Dialect], tmp_path: Path
) -> None:
    dialect = opened("binance", alive)
    with StandIn(dialect) as server:
        download(server, tmp_path, [])
        asked = dialect.asked
        download_candles(
            "binance",
            server.ccxt_options(),
            "BTC/USDT",
            QUARTER,
            BEGIN + 100 * QUARTER,
            BEGIN + 200 * QUARTER,
            tmp_path,
        )
    assert dialect.asked == asked


def test_an_exchange_that_refuses_to_say_them_again_loses_nothing(
    alive: list[Dialect], tmp_path: Path
) -> None:
    dialect, told = opened("binance", alive), list[str]()
    answers = dialect.candles

    def refusing(query: dict[str, Any]) -> Any:
        if int(query["startTime"]) < BEGIN + (COUNT - 1) * QUARTER:
            raise RefusedError(400, {"code": -1130, "msg": "too old"})
        return answers(query)

    with StandIn(dialect) as server:
        download(server, tmp_path, told)
        dialect.candles = refusing  # type: ignore[method-assign]
        dialect.now += DAY * QUARTER // 2
        cached = download(server, tmp_path, told)
    expected = [row[0] for row in dialect.rows if row[0] + QUARTER <= dialect.now]
    assert cached.columns.time.tolist() == expected
