"""`data download --funding`: rates beside the candles, from where the cache ends (C19)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stoptrail.core.errors import ConfigError
from stoptrail.exchange.funding import FundingRow
from stoptrail.feeds.funding import download as module
from stoptrail.feeds.funding.rates import funding_path, read_funding, write_funding

HOUR = 3_600_000
START = 1_704_067_200_000


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []

    def between(exchange: Any, symbol: str, start: int, end: int, notice: Any) -> list[FundingRow]:
        spans.append((start, end))
        first = -(-start // (8 * HOUR)) * 8 * HOUR
        return [FundingRow(t, 0.0001, 100.0, 0.0) for t in range(first, end + 1, 8 * HOUR)]

    monkeypatch.setattr(module, "open_exchange", lambda name, options: name)
    monkeypatch.setattr(module, "load_markets", lambda *_: {"symbol": "X/USDT:USDT", "swap": True})
    monkeypatch.setattr(module, "server_time", lambda _: START + 1000 * HOUR)
    monkeypatch.setattr(module, "funding_between", between)
    return spans


def fetch(folder: Path, start: int, end: int) -> Any:
    return module.download_funding(
        "binance", {}, "X/USDT:USDT", HOUR, start, end, folder, lambda _: None
    )


def test_the_next_download_goes_on_from_the_last_row(
    tmp_path: Path, asked: list[tuple[int, int]]
) -> None:
    path, rows = fetch(tmp_path, START, START + 48 * HOUR)
    assert path == funding_path(tmp_path, "binance", "X/USDT:USDT")
    assert len(rows.time) == 7
    _, rows = fetch(tmp_path, START, START + 96 * HOUR)
    assert asked == [
        (START, START + 48 * HOUR),
        (START + 48 * HOUR + 1, START + 96 * HOUR),
    ]
    assert len(rows.time) == 13
    assert read_funding(path).price.tolist() == [100.0] * 13


def test_an_earlier_start_is_asked_for_and_nothing_after_now(
    tmp_path: Path, asked: list[tuple[int, int]]
) -> None:
    fetch(tmp_path, START + 48 * HOUR, START + 96 * HOUR)
    _, rows = fetch(tmp_path, START, START + 5000 * HOUR)
    assert asked[-1] == (START, START + 1000 * HOUR)
    assert len(rows.time) == 126


def test_holes_are_asked_for_again_and_rows_that_are_late_are_none(
    tmp_path: Path, asked: list[tuple[int, int]]
) -> None:
    path, rows = fetch(tmp_path, START, START + 96 * HOUR)
    late = rows._replace(time=rows.time + 18)
    write_funding(path, late._replace(**{n: getattr(late, n)[:-1] for n in late._fields}), {})
    fetch(tmp_path, START, START + 96 * HOUR)
    assert asked[-1] == (START + 88 * HOUR + 1, START + 96 * HOUR)
    holed = rows._replace(**{n: np.delete(getattr(rows, n), [4, 5, 9]) for n in rows._fields})
    write_funding(path, holed, {})
    _, filled = fetch(tmp_path, START, START + 96 * HOUR)
    assert asked[-1] == (START + 24 * HOUR + 1, START + 96 * HOUR)
    assert filled.time.tolist() == rows.time.tolist()
    write_funding(path, holed, {})
    fetch(tmp_path, START + 50 * HOUR, START + 96 * HOUR)  # the first hole is before that
    assert asked[-1] == (START + 64 * HOUR + 1, START + 96 * HOUR)


def test_hourly_rates_of_eight_hours_that_an_older_version_kept_are_asked_for_again(
    tmp_path: Path, asked: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, rows = fetch(tmp_path, START, START + 48 * HOUR)
    for name, end in (("coinbaseinternational", 48), ("binance", 96)):
        path = funding_path(tmp_path, name, "X/USDT:USDT")
        write_funding(path, rows, {})
        module.download_funding(name, {}, "X/USDT:USDT", HOUR, START, START + end * HOUR, tmp_path)
    assert asked[1:] == [
        (START, START + 48 * HOUR),
        (START + 48 * HOUR + 1, START + 96 * HOUR),
    ]


def test_a_spot_market_pays_no_funding(
    tmp_path: Path, asked: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "load_markets", lambda *_: {"symbol": "X/USDT", "swap": False})
    with pytest.raises(ConfigError, match="no swap"):
        fetch(tmp_path, START, START + HOUR)
    assert asked == []
