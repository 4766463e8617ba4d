"""A paper session on candles equals a backtest of its candles, exactly (C14)."""

from __future__ import annotations

import pytest

from tests.live.books import backtest_of, books_of, told_trades, trades_of
from tests.live.playback import PlaybackStore, play
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows

PROTECTED = {"protections": {"daily_loss": 0.01, "drawdown": 0.04, "losses": 2, "candles": 9}}


def compare(url: str, least: int) -> None:
    books = books_of(url)
    candles, _, record = backtest_of(url)
    told, expected = told_trades(books), trades_of(candles, record)
    assert len(told) >= least
    assert told == expected
    levels = [(row["trade"] - 1, row["new"]) for row in books["StopMoves"]]
    assert levels == list(zip(record.stops.trade, record.stops.level, strict=True))
    times = [row["time"] for row in books["StopMoves"]]
    first = [int(candles.time[k]) for k in record.stops.candle if k < len(candles.time)]
    assert [t for t in times if t <= candles.time[-1]] == pytest.approx(first, abs=6 * HOUR)
    ignored = [row for row in books["Decisions"] if row["outcome"] not in ("filled", "ordered")]
    assert len(ignored) == record.ignored.sum()


@pytest.mark.parametrize("seed", [3, 8])
def test_a_session_equals_a_backtest_of_its_candles(seed: int, database_url: str) -> None:
    rows = small_rows(1900, seed)
    play(settings(), PlaybackStore(rows, WARM_UP, HOUR), database_url)
    compare(database_url, 50)


def test_protections_hold_in_a_session_as_in_a_backtest(tmp_path: object) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    play(settings(**PROTECTED), PlaybackStore(small_rows(1500, 8), WARM_UP, HOUR), url)
    books = books_of(url)
    assert "protection" in {row["outcome"] for row in books["Decisions"]}
    compare(url, 10)


def test_a_session_without_volumes_trades_where_they_are_said_to_be_unknown(
    tmp_path: object,
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    rows = [(*row[:5], 0.0) for row in small_rows(900, 8)]
    play(settings(data={"volume": "unknown"}), PlaybackStore(rows, WARM_UP, HOUR), url)
    compare(url, 10)


def test_equity_is_kept_at_every_close(tmp_path: object) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    rows = small_rows(600)
    play(settings(), PlaybackStore(rows, WARM_UP, HOUR), url)
    books = books_of(url)
    assert [row["time"] for row in books["StoredEquity"]] == [
        row[0] + HOUR for row in rows[WARM_UP:]
    ]
    closed = sum(row["pnl"] or 0.0 for row in books["PaperTrades"])
    if books["PaperTrades"][-1]["exit_time"] is not None:
        assert books["StoredEquity"][-1]["equity"] == pytest.approx(100_000.0 + closed)
    assert books["Sessions"][0]["balance"] == pytest.approx(100_000.0 + closed)
