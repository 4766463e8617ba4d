"""`ledger backup` and `ledger check`."""

from __future__ import annotations

import resource
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import tomli_w

import runner
from stoptrail.config.settings import as_table
from stoptrail.live.ledger import check
from stoptrail.live.ledger.check import gaps_in
from tests.live.books import books_of
from tests.live.playback import PlaybackStore, play
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows

LOOSEN = (
    "UPDATE stop_moves SET new = old - (SELECT side FROM paper_trades WHERE number = trade) "
    "WHERE old > 0"
)
"""Lets every stop move away from the price."""
TWO_ENTRIES = (
    "UPDATE paper_orders SET status = 'working' WHERE rowid IN "
    "(SELECT rowid FROM paper_orders WHERE kind = 'entry' LIMIT 2)"
)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A ledger with trades, beside settings that name it."""
    file = tmp_path / "ledger.db"
    own = settings(database={"url": f"sqlite:///{file}"})
    (tmp_path / "strategy.toml").write_text(tomli_w.dumps(as_table(own)))
    play(own, PlaybackStore(small_rows(420), WARM_UP, HOUR), f"sqlite:///{file}")
    return file


def asked(ledger: Path, *words: str) -> int:
    return runner.main(["ledger", *words, "--config", str(ledger.parent / "strategy.toml")])


def changed(ledger: Path, statement: str) -> None:
    with closing(sqlite3.connect(ledger)) as database, database:
        assert database.execute(statement).rowcount > 0


def test_the_copy_is_one_file_that_holds_everything(ledger: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert asked(ledger, "backup", str(copy)) == 0
    assert copy.read_bytes()[18:20] == b"\x01\x01"  # no write-ahead log belongs to it
    assert books_of(f"sqlite:///{copy}") == books_of(f"sqlite:///{ledger}")


def test_a_copy_is_made_while_the_session_writes(ledger: Path, tmp_path: Path) -> None:
    """Every copy is of one moment: its last equity is that of its last candle."""
    codes: list[int] = []
    over = threading.Event()

    def copy() -> None:
        while not over.is_set() or not codes:
            codes.append(asked(ledger, "backup", str(tmp_path / f"copy{len(codes)}.db")))

    thread = threading.Thread(target=copy)
    store = PlaybackStore(small_rows(620), WARM_UP, HOUR)
    thread.start()
    play(settings(), store, f"sqlite:///{ledger}")
    over.set()
    thread.join()
    assert set(codes) == {0}
    for number in range(len(codes)):
        books = books_of(f"sqlite:///{tmp_path}/copy{number}.db")
        (session,) = books["Sessions"]
        assert books["StoredCandles"][-1]["time"] == session["candle"]
        assert books["StoredEquity"][-1]["time"] == session["candle"] + HOUR


def test_nothing_is_replaced_unasked_and_never_the_ledger(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy.db"
    copy.write_text("mine")
    assert asked(ledger, "backup", str(copy)) == 2
    assert "--force" in capsys.readouterr().err
    assert copy.read_text() == "mine"
    assert asked(ledger, "backup", str(copy), "--force") == 0
    assert asked(ledger, "backup", str(ledger), "--force") == 2
    (tmp_path / "link.db").symlink_to(ledger)
    assert asked(ledger, "backup", str(tmp_path / "link.db"), "--force") == 2
    assert asked(ledger, "backup", str(tmp_path)) == 2
    assert asked(ledger, "backup", str(tmp_path / "none" / "copy.db")) == 2
    assert not list(tmp_path.glob(".*.part"))
    assert asked(ledger, "check") == 0


def test_a_server_is_copied_by_its_own_program(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "database.url=postgresql://me:hunter2@host/db"
    assert asked(ledger, "backup", "copy.dump", "--set", url) == 2
    said = capsys.readouterr().err
    assert "pg_dump" in said
    assert "hunter2" not in said


def test_a_sound_ledger_is_sound(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(ledger, "check") == 0
    said = capsys.readouterr().out
    assert said.endswith("sound\n")
    assert "schema version" in said
    assert "odd" not in said


def test_a_ledger_without_a_trade_is_sound(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.unlink()
    play(settings(), PlaybackStore(small_rows(WARM_UP + 2), WARM_UP, HOUR), f"sqlite:///{ledger}")
    assert books_of(f"sqlite:///{ledger}")["PaperTrades"] == []
    assert asked(ledger, "check") == 0
    assert capsys.readouterr().out.endswith("sound\n")


def test_a_ledger_that_is_written_meanwhile_is_looked_at_as_it_is_at_one_moment(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trade that is opened between two of its questions has its stop all the same."""
    rows, url = small_rows(420), f"sqlite:///{ledger}"
    entered = books_of(url)["PaperTrades"][2]["entry_time"]
    ledger.unlink()
    before = sum(row[0] < entered for row in rows)
    play(settings(), PlaybackStore(rows[:before], WARM_UP, HOUR), url)
    look = check._trade_problems

    def looked(trades: list[dict[str, Any]]) -> Iterator[str]:
        play(settings(), PlaybackStore(rows[: before + 1], before, HOUR), url)
        yield from look(trades)

    monkeypatch.setattr(check, "_trade_problems", looked)
    assert asked(ledger, "check") == 0
    assert len(books_of(url)["PaperTrades"]) == 3


def test_what_is_missing_is_told_with_its_longest_hole() -> None:
    times = [hour * HOUR for hour in (0, 1, 3, 4, 8, 9)]
    told = "candles missing: 4, gaps: 2, the longest 3 from 1970-01-01T05:00:00Z to "
    assert gaps_in(times, HOUR) == told + "1970-01-01T08:00:00Z"
    assert gaps_in(times[:2], HOUR) == ""


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("UPDATE paper_trades SET number = 99 WHERE number = 2", "not numbered"),
        ("UPDATE paper_trades SET exit_time = entry_time - 1 WHERE number = 2", "before it begins"),
        ("UPDATE paper_trades SET exit_time = NULL WHERE number = 1", "is open though"),
        (LOOSEN, "loosened"),
        ("UPDATE paper_orders SET status = 'working' WHERE kind = 'stop'", "do not match"),
        (TWO_ENTRIES, "more than one entry"),
        ("DELETE FROM candles WHERE time > 1610000000000", "last candle"),
        ("UPDATE settings_history SET applied = NULL", "no settings"),
        ("UPDATE equity SET equity = 'much'", "equity.equity holds"),
    ],
)
def test_what_does_not_fit_together_is_said(
    statement: str, word: str, ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed(ledger, statement)
    assert asked(ledger, "check") == 1
    assert word in capsys.readouterr().out


@pytest.mark.parametrize(("reason", "count"), [("trail", 1), ("manual_price", 0)])
def test_a_trade_may_end_after_the_next_by_the_clock_of_a_machine_alone(
    reason: str, count: int
) -> None:
    """`close --at` where no process runs the session has no other; that clock may be ahead."""
    trades = [
        {"number": 1, "entry_time": 5, "exit_time": 99, "reason": reason},
        {"number": 2, "entry_time": 9, "exit_time": None, "reason": None},
    ]
    assert len(list(check._trade_problems(trades))) == count


def test_a_trade_may_end_in_the_candle_in_which_it_began() -> None:
    trade = {"number": 1, "entry_time": 5, "exit_time": 5, "reason": "initial"}
    assert list(check._trade_problems([trade])) == []


def test_where_there_is_no_ledger_nothing_is_made(ledger: Path, tmp_path: Path) -> None:
    none = f"database.url=sqlite:///{tmp_path}/none.db"
    assert asked(ledger, "check", "--set", none) == 2
    assert asked(ledger, "backup", str(tmp_path / "copy.db"), "--set", none) == 2
    assert not (tmp_path / "none.db").exists()
    assert not (tmp_path / "copy.db").exists()


def test_a_full_place_of_the_copy_is_told_with_the_copys_name(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy.db"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ledger.stat().st_size - 1, limits[1]))
    try:
        assert asked(ledger, "backup", str(copy)) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    said = capsys.readouterr().err
    assert said == f"error: {copy} cannot be written (File too large); name a file elsewhere\n"
    assert not copy.exists()
    assert not list(tmp_path.glob(".*.part"))
