"""A book on paper, on candles, equals its backtest on the candles that it has stored (C14, C22)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.book_market import (
    PlaybackBook,
    book_settings,
    play_book,
    three_markets,
    told_and_tested,
)
from tests.live.small_market import WARM_UP

PROTECTED = {"protections": {"daily_loss": 0.01, "drawdown": 0.06, "losses": 3, "candles": 9}}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/ledger.db"


def live_at() -> int:
    return int(three_markets()["BTC/USDT"][WARM_UP][0])


@pytest.mark.parametrize("changes", [{}, PROTECTED], ids=["caps", "protections"])
def test_a_book_equals_its_backtest(changes: dict[str, dict[str, float]], url: str) -> None:
    markets = three_markets()
    play_book(book_settings(**changes), PlaybackBook(markets, live_at()), url)
    found = told_and_tested(url)
    assert sum(len(told) for told, _ in found) >= 100
    for told, tested in found:
        assert told == tested
