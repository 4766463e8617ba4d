"""`data download --funding`: rates beside the candles, from where the cache ends (C19)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stoptrail.core.errors import ConfigError
from stoptrail.exchange.funding import FundingRow
from stoptrail.feeds import funding_download as module
from stoptrail.feeds.funding import funding_path, read_funding

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


def test_a_spot_market_pays_no_funding(
    tmp_path: Path, asked: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "load_markets", lambda *_: {"symbol": "X/USDT", "swap": False})
    with pytest.raises(ConfigError, match="no swap"):
        fetch(tmp_path, START, START + HOUR)
    assert asked == []
