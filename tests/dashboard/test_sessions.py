"""A session's candles, curve and story, and orders to it."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stoptrail.core.errors import StoreError, UsageError
from stoptrail.dashboard import detail
from stoptrail.dashboard.ledgers import Ledgers, Place
from stoptrail.live.ledger.database import existing_ledger
from stoptrail.live.ledger.lock import MarketLock
from stoptrail.live.ledger.records import rows
from stoptrail.live.ledger.tables import PaperTrades, StopMoves, StoredCandles, StoredEquity
from tests.dashboard.served import served

PLACE = Place(0, 1)


def of(url: str, read: Callable[..., dict[str, Any]], *given: Any) -> dict[str, Any]:
    with Ledgers([url]).opened(PLACE) as (database, row):
        return read(database, row, *given)


def stored(url: str, table: Any) -> list[dict[str, Any]]:
    with existing_ledger(url) as database:
        return rows(database, table, 1)


def test_candles_come_in_pieces_that_fit_together(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detail, "CANDLES", 100)
    wanted = [row["time"] for row in stored(url, StoredCandles)]
    found: list[int] = []
    before, more = None, True
    while more:
        piece = of(url, detail.candles, before)
        times, more = piece["candles"]["time"], piece["more"]
        found = times + found
        before = times[0]
    assert found == wanted
    assert len(wanted) > 400


def test_every_trade_comes_with_each_level_of_its_stop(url: str) -> None:
    trades = of(url, detail.candles)["trades"]
    moves = stored(url, StopMoves)
    assert [t["number"] for t in trades] == [t["number"] for t in stored(url, PaperTrades)]
    for trade in trades:
        mine = [move for move in moves if move["trade"] == trade["number"]]
        assert trade["stop"] == [move["new"] for move in mine]
        assert trade["stop_time"] == [move["time"] for move in mine]
    assert max(len(trade["stop"]) for trade in trades) > 2


def test_a_long_curve_keeps_its_last_equity_and_its_deepest_fall(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detail, "_POINTS", 20)
    curve = of(url, detail.curve)
    values = np.array([row["equity"] for row in stored(url, StoredEquity)])
    falls = 1.0 - values / np.maximum.accumulate(values)
    assert len(curve["time"]) <= 20 < len(values)
    assert curve["equity"][-1] == values[-1]
    assert max(curve["fall"]) == curve["worst"] == pytest.approx(falls.max())
    assert curve["now"] == pytest.approx(falls[-1])


def test_the_story_has_decisions_with_their_reasons(url: str) -> None:
    story = of(url, detail.story)
    outcomes = {row["outcome"] for row in story["decisions"]}
    assert "filled" in outcomes
    assert outcomes - {"filled", "ordered"}
    assert story["trades"][0]["number"] == max(row["number"] for row in story["trades"])
    assert story["settings"]["stop.trailing_atr_multiplier"] == "0.8"
    assert story["events"] == sorted(story["events"], key=lambda event: -event["time"])


def test_an_order_to_a_session_that_does_not_run_is_written_down(url: str) -> None:
    ledgers = Ledgers([url])
    for verb, paused in (("pause", True), ("resume", False)):
        assert "not running" in ledgers.order(PLACE, verb)
        (card,) = ledgers.look()["sessions"]
        assert card["paused"] == paused
    with pytest.raises(UsageError, match="no order drop"):
        ledgers.order(PLACE, "drop")
    with pytest.raises(StoreError, match="no session 9"):
        ledgers.order(Place(0, 9), "pause")


def test_a_running_session_answers_an_order(url: str, ledger: Path) -> None:
    """One that runs holds its market's lock, and does what is asked between two candles."""
    with existing_ledger(url) as database:
        lock = MarketLock(database, "binance BTC/USDT")
        assert lock.take()
        over = threading.Event()

        def answer() -> None:
            with closing(sqlite3.connect(ledger, timeout=5)) as own:
                while not over.is_set():
                    with own:
                        own.execute("UPDATE commands SET done = 1, result = 'as you wish'")
                    time.sleep(0.05)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            with served(url) as (client, _):
                token = client.ask("/api/hello").value["order_token"]
                told = client.ask(
                    "/api/session/0/1/order/pause", "POST", {}, X_StopTrail_Order=token
                )
        finally:
            over.set()
            thread.join()
            lock.release()
    assert (told.status, told.value) == (200, {"answer": "as you wish"})


def test_what_cannot_be_is_said(url: str) -> None:
    with served(url) as (client, _):
        for path in ("/api/session/0/9/story", "/api/session/4/1/curve"):
            answer = client.ask(path)
            assert answer.status == 409
            assert "there is no" in answer.value["error"]
        assert client.ask("/api/session/0/x/story").status == 404


@pytest.mark.parametrize("text", ["", "x", "0", "-1", "nan", "inf"])
def test_what_is_no_price_is_refused(url: str, text: str) -> None:
    with pytest.raises(UsageError, match="a number above 0"):
        Ledgers([url]).order(PLACE, "close", text)
    with pytest.raises(UsageError, match="pause takes no price"):
        Ledgers([url]).order(PLACE, "pause", "1")


def test_connections_say_how_long_each_lasted(url: str, ledger: Path) -> None:
    with closing(sqlite3.connect(ledger)) as database, database:
        database.execute("DELETE FROM events")
        database.executemany(
            "INSERT INTO events (session, number, time, kind, text) VALUES (1, ?, ?, ?, ?)",
            [
                (1, 1_000, "started", "session 1"),
                (2, 5_000, "connection", "lost: cut"),
                (3, 6_000, "daily", "no trade"),
                (4, 9_000, "connection", "back, and complete"),
            ],
        )
    found = of(url, detail.story)["connections"]
    assert [(c["time"], c["text"], c["lasted"]) for c in found] == [
        (9_000, "back, and complete", None),
        (5_000, "lost: cut", 4_000),
        (1_000, "session 1", 4_000),
    ]


def test_the_page_learns_the_clock_of_the_dashboard_and_of_a_session_elsewhere(
    played: Path, tmp_path: Path
) -> None:
    """A browser's own may be another: it tells how long ago something was."""
    ledger = Path(shutil.copy(played, tmp_path / "ledger.db"))
    over = threading.Event()

    def beat() -> None:
        with closing(sqlite3.connect(ledger, timeout=10)) as own:
            while not over.wait(0.05):
                then = int(time.time() * 1000) - 600_000
                with own:
                    own.execute(
                        "UPDATE presence SET state = 'running', host = 'x', connection = 'live', "
                        "beat = ?",
                        (then,),
                    )

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        with served(f"sqlite:///{ledger}") as (client, _):
            told = client.ask("/api/hello").value["now"]
            assert abs(told - time.time() * 1000) < 30_000
            time.sleep(0.3)
            (card,) = client.ask("/api/sessions").value["sessions"]
    finally:
        over.set()
        thread.join()
    assert card["state"] == "running"
    assert abs(card["clock_lead"] + 600_000) < 10_000
