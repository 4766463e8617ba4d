"""The newest candle of exchanges that count trades late is taken once it is whole."""

from __future__ import annotations

from pathlib import Path

import ccxt
import pytest

from stoptrail.core.time import iso
from stoptrail.feeds.downloads.cache import Cached
from stoptrail.feeds.downloads.download import download_candles
from stoptrail.feeds.downloads.newest import SETTLES_MS
from tests.exchange.dialects import QUARTER, Binance, Bitstamp, Dialect, Row
from tests.exchange.standin import StandIn

BEGIN = 1_790_000_000_000 // QUARTER * QUARTER
LAG = 4000
END = BEGIN + 60 * QUARTER
"""A candle ends, and its successor begins."""


def market(step: int = 1) -> list[Row]:
    times = range(BEGIN, BEGIN + 80 * QUARTER, step * QUARTER)
    return [(at, 100.0 + k, 110.0 + k, 90.0 + k, 105.0 + k, 9.0) for k, at in enumerate(times)]


def as_known(row: Row, now: int, flat: bool) -> Row | None:
    """`row` of what was traded until LAG before `now`; `flat`: it is there as soon as it begins."""
    at, open_, high, low, close, volume = row
    part = (now - LAG - at) / QUARTER
    if part >= 1:
        return row
    if part > 0:
        return at, open_, (open_ + high) / 2, (open_ + low) / 2, (open_ + close) / 2, volume * part
    return (at, open_, open_, open_, open_, 0.0) if flat and at <= now else None


def lagging(kind: type[Dialect], now: int, flat: bool = False, step: int = 1) -> Dialect:
    made = kind(market(step), now)

    def begun() -> list[Row]:
        return [row for row in (as_known(each, made.now, flat) for each in made.rows) if row]

    made.begun = begun  # type: ignore[method-assign]
    return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[Dialect]:
    """ccxt lives at the time of the last of these."""
    lived: list[Dialect] = []
    for name, unit in (("milliseconds", 1.0), ("seconds", 1000.0), ("microseconds", 0.001)):
        now = staticmethod(lambda unit=unit: int(lived[-1].now / unit))
        monkeypatch.setattr(ccxt.Exchange, name, now)
    return lived


def download(dialect: Dialect, folder: Path, told: list[str], end: int = END + QUARTER) -> Cached:
    with StandIn(dialect) as server:
        options = server.ccxt_options()
        span = (dialect.symbol, QUARTER, BEGIN, end, folder)
        return download_candles(dialect.id, options, *span, on_notice=told.append)


def rows(cached: Cached) -> list[Row]:
    return list(zip(*(column.tolist() for column in cached.columns), strict=True))


@pytest.mark.parametrize("kind", [Binance, Bitstamp])
@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("after", [0, 1, 2000, 3999, 4000, 4500, 9999, 10_000, 60_000])
def test_no_part_of_a_candle_is_taken_however_soon_after_its_end(
    kind: type[Dialect], flat: bool, after: int, clock: list[Dialect], tmp_path: Path
) -> None:
    told: list[str] = []
    dialect = lagging(kind, END + after, flat)
    clock.append(dialect)
    cached = download(dialect, tmp_path, told)
    assert set(rows(cached)) <= set(market())
    last = int(cached.columns.time[-1])
    assert last >= END - 2 * QUARTER
    if after > LAG:  # a later one has been traded
        assert last == END - QUARTER
    assert cached.covered == ((BEGIN, last + QUARTER),)
    dialect.now = END + QUARTER + 60_000
    assert rows(download(dialect, tmp_path, told))[:61] == market()[:61]
    assert not any("different values" in line for line in told)


def test_a_candle_that_may_lack_trades_is_named(clock: list[Dialect], tmp_path: Path) -> None:
    told: list[str] = []
    clock.append(dialect := lagging(Binance, END + 2000))
    cached = download(dialect, tmp_path, told)
    assert cached.covered == ((BEGIN, END - QUARTER),)
    assert told == [
        f"binance: the candle of {iso(END - QUARTER)} ended 2 s ago and may lack its last trades: "
        "left out, the next download asks for it"
    ]


def test_what_ended_longer_ago_is_neither_left_out_nor_said(
    clock: list[Dialect], tmp_path: Path
) -> None:
    told: list[str] = []
    clock.append(dialect := lagging(Binance, END + 2000))
    cached = download(dialect, tmp_path, told, END - QUARTER)
    assert cached.covered == ((BEGIN, END - QUARTER),)
    assert told == []


def test_a_time_without_trades_is_believed_after_a_while(
    clock: list[Dialect], tmp_path: Path
) -> None:
    """Every third candle was traded: nothing follows the last one for long."""
    told: list[str] = []
    dialect = lagging(Binance, END + QUARTER + SETTLES_MS, step=3)
    clock.append(dialect)
    cached = download(dialect, tmp_path, told, END + QUARTER)
    assert rows(cached) == market(3)[:21]
    assert not any("left out" in line for line in told)
