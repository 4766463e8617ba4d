"""What the dashboard reads, and that it writes nothing and holds nobody up."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stoptrail.core.errors import StoreError
from stoptrail.dashboard.ledgers import Ledgers, Place
from stoptrail.live.ledger.database import existing_ledger
from stoptrail.live.ledger.reading import NoSessionError, reading
from stoptrail.live.ledger.records import all_sessions, rows
from stoptrail.live.ledger.tables import Sessions, StoredEquity
from stoptrail.live.watch.snapshot import snapshot

DAY = 86_400_000


def test_a_reader_cannot_write(url: str, ledger: Path) -> None:
    before = ledger.read_bytes()
    with (
        pytest.raises(StoreError, match=r"cannot be read \(attempt to write a readonly database"),
        reading(url) as database,
    ):
        Sessions.update(paused=True).execute(database)
    assert ledger.read_bytes() == before


def test_a_reader_on_a_server_cannot_write(postgres_url: str, played: Path) -> None:
    from stoptrail.live.ledger.database import open_ledger

    open_ledger(postgres_url).close()
    with pytest.raises(StoreError, match="read-only"), reading(postgres_url) as database:
        Sessions.update(paused=True).execute(database)


def test_a_reader_keeps_no_writer_waiting(url: str, ledger: Path) -> None:
    with reading(url) as database, closing(sqlite3.connect(ledger, timeout=0.0)) as writer:
        held = Sessions.select().tuples().execute(database)
        next(iter(held))  # in the middle of an answer
        with writer:
            writer.execute("UPDATE sessions SET paused = 1")
        with closing(sqlite3.connect(ledger)) as other:
            assert other.execute("SELECT paused FROM sessions").fetchall() == [(1,)]


def test_a_writer_keeps_no_reader_waiting(url: str, ledger: Path) -> None:
    with closing(sqlite3.connect(ledger, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE sessions SET balance = 1.0")
        (card,) = Ledgers([url]).look()["sessions"]
        assert card["equity"] != 1.0
        writer.execute("ROLLBACK")


def test_without_a_session_there_is_nothing_to_read(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/none.db"
    with pytest.raises(NoSessionError, match="no session has been started"), reading(url):
        pass
    assert Ledgers([url]).look() == {
        "ledgers": [{"name": f"{tmp_path}/none.db", "error": None, "empty": True}],
        "sessions": [],
    }
    assert not list(tmp_path.iterdir())


def test_cards_of_the_same_market_in_two_ledgers_say_which(
    url: str, ledger: Path, tmp_path: Path
) -> None:
    (tmp_path / "second").mkdir()
    copy = tmp_path / "second" / "copy.db"
    with closing(sqlite3.connect(ledger)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    (alone,) = Ledgers([url]).look()["sessions"]
    both = Ledgers([url, f"sqlite:///{copy}"]).look()["sessions"]
    assert alone["ledger"] == ""
    assert [card["ledger"] for card in both] == ["/".join(ledger.parts[-2:]), "second/copy.db"]


def test_a_card_says_what_status_says(url: str) -> None:
    with existing_ledger(url) as database:
        found = snapshot(database, all_sessions(database)[0])
    (card,) = Ledgers([url]).look()["sessions"]
    for name in ("equity", "today", "realised", "price", "connection", "state", "trades", "wins"):
        assert card[name] == getattr(found, name)
    assert (card["key"], card["timeframe"], card["health"]) == ("0/1", "1h", "well")
    assert (card["trade"] is None) == (found.trade is None)


def test_a_ledger_that_cannot_be_read_leaves_the_others(url: str, tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"this is no database" * 100)
    look = Ledgers([f"sqlite:///{tmp_path}/broken.db", url]).look()
    assert "broken.db" in look["ledgers"][0]["error"]
    assert look["ledgers"][1]["error"] is None
    assert [card["key"] for card in look["sessions"]] == ["1/1"]


def test_marks_are_the_equity_at_each_midnight_and_now(url: str) -> None:
    with existing_ledger(url) as database:
        stored = {row["time"]: row["equity"] for row in rows(database, StoredEquity, 1)}
    (marks,) = Ledgers([url]).marks().values()
    last = max(stored)
    assert marks["time"] == sorted({*(t for t in stored if t % DAY == 0), last})
    assert marks["equity"] == [stored[time] for time in marks["time"]]


def test_the_result_of_the_day_is_since_midnight(url: str) -> None:
    with existing_ledger(url) as database:
        stored = {row["time"]: row["equity"] for row in rows(database, StoredEquity, 1)}
    (card,) = Ledgers([url]).look()["sessions"]
    midnight = max(time for time in stored if time <= card["price_time"] // DAY * DAY)
    assert card["today"] == pytest.approx(card["equity"] - stored[midnight])
    assert len(stored) > 24


def test_the_result_of_a_day_long_over_is_not_called_that_of_today(ledger: Path, url: str) -> None:
    now = int(time.time() * 1000)
    told = []
    for state, beat in (("stopped", now), ("stopped", now - 2 * DAY), ("running", now - 2 * DAY)):
        with closing(sqlite3.connect(ledger)) as database, database:
            database.execute("UPDATE presence SET state = ?, beat = ?", (state, beat))
        (card,) = Ledgers([url]).look()["sessions"]
        told.append((card["state"], card["day"]))
    assert told == [("stopped", "today"), ("stopped", "last day"), ("gone", "last day")]


def test_a_session_that_is_not_there_is_said(url: str) -> None:
    ledgers = Ledgers([url])
    with pytest.raises(StoreError, match="no session 7"), ledgers.opened(Place(0, 7)):
        pass
    with pytest.raises(StoreError, match="no ledger number 3"), ledgers.opened(Place(3, 1)):
        pass


def test_looking_needs_no_compiler_and_no_backtrader(url: str) -> None:
    script = (
        "import sys; from stoptrail.dashboard.app import make_dashboard; "
        "from stoptrail.dashboard.ledgers import Ledgers; import stoptrail.dashboard.server; "
        f"assert Ledgers([{url!r}]).look()['sessions']; "
        "heavy = {'numba', 'backtrader', 'pandas', 'ccxt', 'matplotlib'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    command: list[Any] = [sys.executable, "-W", "ignore", "-c", script]
    root = Path(__file__).parents[2]
    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert (found.stdout.strip(), found.stderr) == ("[]", "")
