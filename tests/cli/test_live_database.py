"""`live --paper` while its database is locked, full, read-only, gone or silent."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from stoptrail.live.ledger.database import open_existing
from stoptrail.live.ledger.records import stored_candles
from tests.cli.process import Running, exchange, live, write_config
from tests.exchange.simulator import Simulator
from tests.live.books import candles_in, with_replay

MORE = 5
"""Candles that have to be stored after a recovery."""
TRIES = "trying again for up to"


def replays(url: str) -> None:
    """What is stored is whole: replayed, nothing differs, and no candle is missing."""
    assert with_replay(url).differences == []


@contextmanager
def trading(
    folder: Path, url: str, seconds: float = 600.0, answer: float = 10.0
) -> Iterator[tuple[Running, Path]]:
    """A session that trades; its database is tried again for so many seconds, and its server has
    `answer` seconds for each answer."""
    with exchange() as simulator:
        config = write_config(folder, simulator, url, live={"database_retry_seconds": seconds})
        with live(config, answer=answer) as running:
            running.until("kind=state")
            simulator.play()
            running.until("kind=entry")
            yield running, config
            recovers(config, url, simulator)


def recovers(config: Path, url: str, simulator: Simulator) -> None:
    """A start after all of it goes on and catches up."""
    known = candles_in(url)
    with live(config, name="later") as later:
        later.until(lambda: candles_in(url) > known + MORE)
        assert later.stop() == 0
    expected = simulator.market.times[: candles_in(url)]
    database = open_existing(url)
    assert [row[0] for row in stored_candles(database, 1)] == list(expected)
    database.close()
    replays(url)


def goes_on(running: Running, url: str) -> None:
    """It says that it writes again, and does."""
    running.until("the ledger is written again: nothing was lost")
    known = candles_in(url)
    running.until(lambda: candles_in(url) > known + MORE)
    assert running.stop() == 0


def gives_up(running: Running) -> None:
    """It ends in order after its patience: one line, no traceback, exit code 1."""
    assert running.end() == 1
    assert TRIES in running.said
    assert "the position is kept as last stored" in running.said.splitlines()[-1]
    assert "Traceback" not in running.said


@contextmanager
def locked(file: Path) -> Iterator[None]:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("PRAGMA busy_timeout = 10000")
        other.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def full(running: Running, file: Path) -> Iterator[None]:
    """Not one byte more for any file of the session's process."""
    log = file.with_name(f"{file.name}-wal")
    size = min(file.stat().st_size, log.stat().st_size)
    limits = resource.prlimit(running.pid, resource.RLIMIT_FSIZE)
    said = running.said  # its output is a file too, and must not grow beyond the limit
    assert len(said) < size
    resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):  # it may have ended meanwhile
            resource.prlimit(running.pid, resource.RLIMIT_FSIZE, limits)


@contextmanager
def away(file: Path) -> Iterator[None]:
    """The file is somewhere else for a while."""
    elsewhere = file.with_name("elsewhere")
    file.rename(elsewhere)
    yield
    elsewhere.rename(file)


def trouble(kind: str, running: Running, file: Path) -> Any:
    return {"locked": locked, "gone": away}[kind](file) if kind != "full" else full(running, file)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("locked", "database is locked"),
        ("full", "File too large"),
        ("gone", "gone or was replaced"),
    ],
)
def test_an_sqlite_file_in_trouble_is_waited_for(kind: str, words: str, tmp_path: Path) -> None:
    file, url = tmp_path / "ledger.db", f"sqlite:///{tmp_path}/ledger.db"
    with trading(tmp_path, url) as (running, _):
        with trouble(kind, running, file):
            running.until(TRIES)
            assert words in running.said
        goes_on(running, url)


@pytest.mark.parametrize("kind", ["locked", "full", "gone"])
def test_an_sqlite_file_that_stays_in_trouble_ends_the_session(kind: str, tmp_path: Path) -> None:
    file, url = tmp_path / "ledger.db", f"sqlite:///{tmp_path}/ledger.db"
    with trading(tmp_path, url, seconds=1.0) as (running, _), trouble(kind, running, file):
        gives_up(running)


def test_a_file_that_was_replaced_is_not_written(tmp_path: Path) -> None:
    """By an older copy of itself, say: two truths would be none."""
    file, url = tmp_path / "ledger.db", f"sqlite:///{tmp_path}/ledger.db"
    with trading(tmp_path, url, seconds=1.0) as (running, _):
        copy = tmp_path / "copy"
        shutil.copy(file, copy)
        original = tmp_path / "original"
        file.rename(original)
        copy.rename(file)
        before = file.read_bytes()
        gives_up(running)
        assert file.read_bytes() == before
        original.rename(file)


def test_a_file_that_may_only_be_read_ends_the_session(tmp_path: Path) -> None:
    """SQLite takes a database whose header asks for a newer writer as read-only."""
    file, url = tmp_path / "ledger.db", f"sqlite:///{tmp_path}/ledger.db"
    with trading(tmp_path, url, seconds=1.0) as (running, config):
        assert running.stop() == 0
        with closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        write_version(file, 9)
        with live(config, name="read-only") as again:
            gives_up(again)
            assert "readonly" in again.said
        write_version(file, 2)


def write_version(file: Path, version: int) -> None:
    with file.open("r+b") as raw:
        raw.seek(18)
        raw.write(bytes([version]))


# PostgreSQL


def ask(url: str, query: str, *values: Any) -> list[Any]:
    import psycopg2

    options = "-c default_transaction_read_only=off"
    with closing(psycopg2.connect(url, options=options)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall() if cursor.description else []


def process_of(url: str) -> int:
    """The server's process that serves the session: the one that has the claim."""
    ((pid,),) = ask(
        url,
        "SELECT l.pid FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
        "WHERE l.locktype = 'advisory' AND a.datname = current_database()",
    )
    return int(pid)


def freeze(process: int) -> None:
    """Stop a process, and wait until it has: a busy machine takes its time."""
    os.kill(process, signal.SIGSTOP)
    stat = Path(f"/proc/{process}/stat")
    while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "T":
        time.sleep(0.01)


def read_only(url: str, on: bool) -> None:
    """New connections may only read; the session gets a new one."""
    ((name,),) = ask(url, "SELECT current_database()")
    ask(url, f"ALTER DATABASE {name} SET default_transaction_read_only = {'on' if on else 'off'}")
    ask(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


def test_a_server_that_lets_nobody_write_is_waited_for(postgres_url: str, tmp_path: Path) -> None:
    with trading(tmp_path, postgres_url) as (running, _):
        read_only(postgres_url, True)
        running.until(TRIES)
        running.until(lambda: readers(postgres_url))
        read_only(postgres_url, False)
        goes_on(running, postgres_url)


def readers(url: str) -> bool:
    """Whether the session has connected to the server again."""
    query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"
    import psycopg2

    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(query, (connection.get_backend_pid(),))
        return bool(cursor.fetchall())


def test_a_server_that_never_lets_write_again_ends_the_session(
    postgres_url: str, tmp_path: Path
) -> None:
    with trading(tmp_path, postgres_url, seconds=1.0) as (running, _):
        read_only(postgres_url, True)
        gives_up(running)
        assert "read-only" in running.said
        read_only(postgres_url, False)


def test_a_table_that_another_holds_is_waited_for(postgres_url: str, tmp_path: Path) -> None:
    """And a stop is heard meanwhile."""
    import psycopg2

    with (
        trading(tmp_path, postgres_url) as (running, _),
        closing(psycopg2.connect(postgres_url)) as other,
        other.cursor() as cursor,
    ):
        cursor.execute("LOCK TABLE presence, candles IN ACCESS EXCLUSIVE MODE")
        running.until(lambda: waits(postgres_url))
        assert running.stop() == 1
        assert "Traceback" not in running.said


def waits(url: str) -> bool:
    return bool(ask(url, "SELECT 1 FROM pg_locks WHERE NOT granted"))


def test_a_server_that_falls_silent_is_left_and_connected_to_again(
    postgres_url: str, tmp_path: Path
) -> None:
    with trading(tmp_path, postgres_url, answer=2.0) as (running, _):
        frozen = process_of(postgres_url)
        freeze(frozen)
        try:
            running.until("has not answered for")
        finally:
            os.kill(frozen, signal.SIGCONT)
        goes_on(running, postgres_url)


def test_a_stop_is_heard_while_the_server_is_silent(postgres_url: str, tmp_path: Path) -> None:
    with trading(tmp_path, postgres_url) as (running, _):
        frozen = process_of(postgres_url)
        freeze(frozen)
        try:
            assert running.stop() == 1
            assert "Traceback" not in running.said
        finally:
            os.kill(frozen, signal.SIGCONT)
