"""The ledger under trouble: locked, full, read-only, gone, and of other versions."""

from __future__ import annotations

import itertools
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from peewee import IntegrityError, OperationalError, ProgrammingError

import runner
from stoptrail.core.database import open_database
from stoptrail.core.errors import LedgerError, StoreError
from stoptrail.exchange.rows import Row
from stoptrail.live.ledger.damage import told
from stoptrail.live.ledger.database import Ledger, open_existing, open_ledger
from stoptrail.live.ledger.schema import (
    MIGRATIONS,
    LedgerSchema,
    migrate,
    version_of,
)
from stoptrail.live.ledger.tables import Sessions
from stoptrail.live.session import Session
from stoptrail.live.watch.remote_control import answered
from tests.forked import context
from tests.live.books import Books, books_of
from tests.live.playback import PlaybackStore
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows

Fault = Callable[[Ledger], None]


@pytest.fixture(scope="module")
def market() -> list[Row]:
    return small_rows(420)


@pytest.fixture(scope="module")
def undisturbed(market: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Books:
    url = f"sqlite:///{tmp_path_factory.mktemp('undisturbed')}/ledger.db"
    run(url, market)
    return books_of(url)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def run(
    url: str, market: list[Row], fault: Fault | None = None, patience: float = 5.0, at: int = 60
) -> list[str]:
    """A session in which `fault` is called before each transaction from the `at`-th candle
    on; what it said of the ledger."""
    said: list[str] = []
    with Ledger(url, patience) as ledger:
        seen = [0]

        def around(moment: str, kind: str) -> None:
            if moment == "before" and kind == "candle":
                seen[0] += 1
                if fault is not None and seen[0] >= at:
                    fault(ledger)

        ledger.fault = around
        session = Session(settings(), lambda: PlaybackStore(market, WARM_UP, HOUR), ledger)
        ledger.heard = said.append
        session.run()
    return said


def once(fault: Fault) -> Fault:
    """Only the first time."""
    done: list[bool] = []

    def act(ledger: Ledger) -> None:
        if not done:
            done.append(True)
            fault(ledger)

    return act


def test_a_locked_database_is_waited_for(file: Path, market: list[Row], undisturbed: Books) -> None:
    def lock(ledger: Ledger) -> None:
        other = sqlite3.connect(file, check_same_thread=False)
        other.execute("BEGIN EXCLUSIVE")
        threading.Timer(1.5, other.close).start()

    said = run(f"sqlite:///{file}", market, once(lock))
    assert "cannot be written (database is locked)" in said[0]
    assert "written again" in said[-1]
    assert books_of(f"sqlite:///{file}") == undisturbed


@pytest.mark.parametrize("part", ["file", "folder"])
def test_what_this_user_may_not_write_is_said_at_once(
    part: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite would open it for reading, and a session wait for a minute; root may write anything,
    so that the system's answer is given by hand."""
    url = f"sqlite:///{file}"
    open_ledger(url).close()
    place = file if part == "file" else file.parent
    monkeypatch.setattr(os, "access", lambda path, mode: path != place)
    words = f"{place} cannot be written by this user"
    with pytest.raises(StoreError, match=words):
        Ledger(url)
    with pytest.raises(StoreError, match=words):
        answered(url, "1", "pause")


READER = "reader"


@pytest.fixture
def reading_url(request: pytest.FixtureRequest, postgres_url: str, market: list[Row]) -> Any:
    """A ledger with a session on a server that lets nobody write, or not this user."""
    import psycopg2

    run(postgres_url, market[: WARM_UP + 5])
    address = urlsplit(postgres_url)
    name = address.path.removeprefix("/")
    with closing(psycopg2.connect(postgres_url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        if request.param == "a server that is read-only":
            cursor.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
            yield postgres_url
            return
        cursor.execute(f"CREATE ROLE {READER} LOGIN")
        cursor.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {READER}")
        yield postgres_url.replace(f"//{address.username}:", f"//{READER}:")
        cursor.execute(f"DROP OWNED BY {READER}")
        cursor.execute(f"DROP ROLE {READER}")


@pytest.mark.parametrize(
    ("reading_url", "words"),
    [
        ("a server that is read-only", "the server lets nobody write now"),
        ("a user who may only read", "this user may not write its tables"),
    ],
    indirect=["reading_url"],
)
def test_a_server_that_refuses_is_said_at_once_and_read_all_the_same(
    reading_url: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    own = ["--set", f"database.url={reading_url}"]
    assert runner.main(["status", "--brief", *own]) == 0
    assert runner.main(["ledger", "check", *own]) == 0
    said = capsys.readouterr()
    assert "BTC/USDT: well" in said.out
    assert said.out.splitlines()[-1] == "sound"
    assert said.err == ""
    for command in (["pause", "1"], ["resume", "1"], ["close", "1"], ["close", "1", "--at", "9"]):
        assert runner.main([*command, *own]) == 2
        said = capsys.readouterr()
        assert said.err.count("\n") == 1
        assert words in said.err
        assert said.out == ""


@pytest.mark.parametrize(
    ("pragma", "words"),
    [("query_only = 1", "readonly"), ("max_page_count = 1", "full")],
    ids=["read-only", "full"],
)
def test_a_database_that_stays_unwritable_ends_the_session_in_order(
    pragma: str, words: str, file: Path, market: list[Row], undisturbed: Books
) -> None:
    times = itertools.count()

    def spoil(ledger: Ledger) -> None:
        execute: Any = ledger.database.execute_sql
        execute(f"PRAGMA {pragma}")
        if "page" in pragma:  # with no free page left, the next row needs one
            execute("PRAGMA cache_size = 1")
            names = "session, time, open, high, low, close, volume, caught_up"
            while True:
                try:
                    values = f"9, {next(times)}{', 0.5' * 5}, 0"
                    execute(f"INSERT INTO candles ({names}) VALUES ({values})")
                except OperationalError:
                    break

    url = f"sqlite:///{file}"
    with pytest.raises(LedgerError, match=words) as error:
        run(url, market, spoil, patience=0.3)
    assert "\n" not in str(error.value)
    assert "position is kept as last stored" in str(error.value)
    assert len(books_of(url)["StoredCandles"]) < len(market)
    run(url, market)
    assert books_of(url) == undisturbed


def test_a_file_that_is_gone_is_noticed_and_waited_for(
    file: Path, market: list[Row], undisturbed: Books
) -> None:
    aside = file.with_name("aside")

    def take_away(ledger: Ledger) -> None:
        file.rename(aside)
        threading.Timer(0.5, lambda: aside.rename(file)).start()
        time.sleep(0.05)
        raise OperationalError("disk I/O error")

    said = run(f"sqlite:///{file}", market, once(take_away))
    assert "cannot be written" in said[0]
    assert "written again" in said[-1]
    assert books_of(f"sqlite:///{file}") == undisturbed


def test_a_file_that_stays_gone_ends_the_session(file: Path, market: list[Row]) -> None:
    with pytest.raises(LedgerError, match="gone or was replaced"):
        run(
            f"sqlite:///{file}",
            market,
            once(lambda ledger: file.unlink()),
            patience=0.3,
        )
    assert not file.exists()


def test_a_server_that_drops_the_connection_is_connected_to_again(
    postgres_url: str, market: list[Row], undisturbed: Books
) -> None:
    def cut(ledger: Ledger) -> None:
        import psycopg2

        execute: Any = ledger.database.execute_sql
        (number,) = execute("SELECT pg_backend_pid()").fetchone()
        other = psycopg2.connect(postgres_url)
        other.autocommit = True
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", (number,))
        other.close()

    said = run(postgres_url, market, once(cut))
    assert "cannot be written" in said[0]
    assert "written again" in said[-1]
    assert books_of(postgres_url) == undisturbed


class NotAllowedError(Exception):
    """What PostgreSQL's driver raises where a right is missing."""

    pgcode = "42501"


def test_rights_that_are_taken_away_are_waited_for(
    file: Path, market: list[Row], undisturbed: Books
) -> None:
    def refuse(ledger: Ledger) -> None:
        raise ProgrammingError("permission denied for table presence") from NotAllowedError()

    url = f"sqlite:///{file}"
    said = run(url, market, once(refuse))
    assert "cannot be written (permission denied for table presence)" in said[0]
    assert "written again" in said[-1]
    assert books_of(url) == undisturbed


def test_an_ending_for_want_of_a_server_shows_nothing_of_its_address(
    file: Path, market: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(ledger: Ledger) -> None:
        monkeypatch.setattr(ledger, "_url", "postgresql://trader:pa%40ss@/db?host=/run/secret")
        raise OperationalError('connection to "/run/secret/.s.PGSQL" failed for "trader", pa@ss')

    with pytest.raises(LedgerError, match="could not be written") as error:
        run(f"sqlite:///{file}", market, lose, patience=0.2)
    for secret in ("secret", "pa@ss", "trader"):
        assert secret not in str(error.value)


def test_a_lock_taken_over_by_another_session_ends_this_one(
    postgres_url: str, market: list[Row]
) -> None:
    rival = Ledger(postgres_url)

    def take_over(ledger: Ledger) -> None:
        ledger.database.close()
        assert rival.lock("binance BTC/USDT")
        ledger.database.connect()
        raise OperationalError("server closed the connection")

    with pytest.raises(LedgerError, match="another session has taken over"):
        run(postgres_url, market, once(take_over))
    rival.close()


def test_a_ledger_has_one_lock_by_whatever_name_it_is_opened(tmp_path: Path) -> None:
    linked = tmp_path / "elsewhere" / "linked.db"
    linked.parent.mkdir()
    linked.symlink_to(tmp_path / "ledger.db")
    with Ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        assert ledger.lock("binance BTC/USDT")
        with Ledger(f"sqlite:///{linked}") as rival:
            assert not rival.lock("binance BTC/USDT")
            assert rival.lock("binance ETH/USDT")


def locks_of(file: Path) -> list[Path]:
    return sorted(file.parent.glob(f"{file.name}.*.lock"))


def test_a_lock_that_was_deleted_is_locked_again(
    file: Path, market: list[Row], undisturbed: Books
) -> None:
    def delete(ledger: Ledger) -> None:
        (lock,) = locks_of(file)
        lock.unlink()

    run(f"sqlite:///{file}", market, once(delete))
    assert len(locks_of(file)) == 1
    assert books_of(f"sqlite:///{file}") == undisturbed


def test_of_two_sessions_by_a_deleted_lock_one_ends(
    file: Path, market: list[Row], undisturbed: Books
) -> None:
    """Somebody takes the lock of a running session for what a crash has left."""
    url = f"sqlite:///{file}"
    with Ledger(url) as rival:

        def take_over(ledger: Ledger) -> None:
            (lock,) = locks_of(file)
            lock.unlink()
            assert rival.lock("binance BTC/USDT")

        with pytest.raises(LedgerError, match="another session has taken over"):
            run(url, market, once(take_over))
    run(url, market)
    assert books_of(url) == undisturbed


def test_a_commit_whose_answer_was_lost_is_not_doubled(
    file: Path, market: list[Row], undisturbed: Books
) -> None:
    """The transaction is in the database, but the session was told that it failed."""
    url = f"sqlite:///{file}"
    lost: list[str] = []

    def lose(moment: str, kind: str) -> None:
        if moment == "after" and kind not in lost:
            lost.append(kind)
            raise OperationalError("the connection was lost")

    with Ledger(url, 5.0) as ledger:
        ledger.fault = lose
        Session(settings(), lambda: PlaybackStore(market, WARM_UP, HOUR), ledger).run()
    assert {"session", "settings", "candle"} <= set(lost)
    assert books_of(url) == undisturbed


def test_rows_that_are_refused_are_not_tried_again(file: Path) -> None:
    with Ledger(f"sqlite:///{file}", 60.0) as ledger:
        execute: Any = ledger.database.execute_sql
        with pytest.raises(LedgerError, match="refuses"):
            ledger.transaction("test", lambda: execute("INSERT INTO sessions (id) VALUES (1)"))


def test_a_new_ledger_has_the_newest_version(database_url: str) -> None:
    database = open_ledger(database_url)
    assert version_of(database) == len(MIGRATIONS)
    database.close()
    open_existing(database_url).close()


def test_an_older_ledger_is_brought_up_to_date_and_keeps_its_rows(
    database_url: str, market: list[Row]
) -> None:
    run(database_url, market)
    before = books_of(database_url)

    def add_a_column(database: Any) -> None:
        database.execute_sql("ALTER TABLE paper_trades ADD COLUMN note TEXT")

    database = open_ledger(database_url)
    assert migrate(database, (*MIGRATIONS, add_a_column)) == len(MIGRATIONS) + 1
    assert migrate(database, (*MIGRATIONS, add_a_column)) == len(MIGRATIONS) + 1
    execute: Any = database.execute_sql
    assert execute("SELECT note FROM paper_trades").fetchone() == (None,)
    LedgerSchema.delete().where(LedgerSchema.version > len(MIGRATIONS)).execute(database)
    database.close()
    assert books_of(database_url) == before


def test_a_migration_that_fails_leaves_the_version_as_it_was(database_url: str) -> None:
    def fail(database: Any) -> None:
        database.execute_sql("ALTER TABLE paper_trades ADD COLUMN note TEXT")
        raise OperationalError("power cut")

    database = open_ledger(database_url)
    with pytest.raises(OperationalError):
        migrate(database, (*MIGRATIONS, fail))
    assert version_of(database) == len(MIGRATIONS)
    assert "note" not in {column.name for column in database.get_columns("paper_trades")}
    database.close()


def test_a_newer_ledger_is_refused(database_url: str) -> None:
    database = open_ledger(database_url)
    LedgerSchema.insert(version=len(MIGRATIONS) + 1).execute(database)
    database.close()
    with pytest.raises(StoreError, match="newer program"):
        open_ledger(database_url)


def test_reading_makes_no_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/none.db"
    with pytest.raises(StoreError, match="no session has been started"):
        open_existing(url)
    assert not list(tmp_path.iterdir())


def test_sqlite_is_written_ahead_and_fully_synchronous(file: Path) -> None:
    database = open_ledger(f"sqlite:///{file}")
    execute: Any = database.execute_sql
    assert execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert execute("PRAGMA synchronous").fetchone() == (2,)
    database.close()


def test_a_ledger_without_funding_is_brought_up_to_date(file: Path, market: list[Row]) -> None:
    """As version 5 made it: what fills had of funding is told of their trades."""
    url = f"sqlite:///{file}"
    run(url, market)
    database = open_ledger(url)
    execute: Any = database.execute_sql
    for table in ("funding", "events"):
        execute(f"DROP TABLE {table}")
    lost = ("sessions.peak_before", "presence.forecast_rate", "presence.forecast_time")
    for column in (*lost, "paper_trades.funding"):
        table, _, name = column.partition(".")
        execute(f"ALTER TABLE {table} DROP COLUMN {name}")
    execute("UPDATE paper_fills SET funding = -0.25 WHERE trade = 2 AND number > 0")
    LedgerSchema.delete().where(LedgerSchema.version > 5).execute(database)
    assert version_of(database) == 5
    database.close()
    database = open_existing(url)
    assert version_of(database) == len(MIGRATIONS)
    found = execute_on(database, "SELECT number, funding FROM paper_trades ORDER BY number")
    assert found[1] == (2, -0.25)
    assert {funding for number, funding in found if number != 2} == {0.0}
    database.close()
    run(url, market)  # and a session goes on with it


def test_a_ledger_without_books_is_brought_up_to_date(file: Path, market: list[Row]) -> None:
    """As version 7 made it: one session for a market, without a place in a book."""
    url = f"sqlite:///{file}"
    run(url, market[:400])
    database = open_ledger(url)
    execute: Any = database.execute_sql
    execute("DROP INDEX sessions_exchange_symbol_book_sleeve")
    for name in ("sleeves", "book", "sleeve", "market", "most", "margin", "steps", "free"):
        execute(f"ALTER TABLE sessions DROP COLUMN {name}")
    execute("ALTER TABLE candles DROP COLUMN step")
    execute("CREATE UNIQUE INDEX sessions_exchange_symbol ON sessions (exchange, symbol)")
    LedgerSchema.delete().where(LedgerSchema.version > 7).execute(database)
    database.close()
    run(url, market)  # a session goes on with it
    whole = f"sqlite:///{file.parent}/whole.db"
    run(whole, market)
    assert books_of(url) == books_of(whole)
    database = open_existing(url)
    assert version_of(database) == len(MIGRATIONS)
    copy = "INSERT INTO sessions SELECT 2, {} FROM sessions WHERE id = 1"
    names = [field.column_name for field in Sessions._meta.sorted_fields if field.name != "id"]
    sleeve = ", ".join({"book": "3", "sleeve": "1"}.get(name, name) for name in names)
    with pytest.raises(IntegrityError):
        execute_on(database, copy.format(", ".join(names)))
    database.execute_sql(copy.format(sleeve))  # a sleeve on the same market is no rival
    database.close()


def execute_on(database: Any, query: str) -> list[Any]:
    return list(database.execute_sql(query).fetchall())


@pytest.mark.parametrize("version", [0, 4])
def test_processes_that_open_an_old_ledger_at_once_bring_it_up_to_date_together(
    version: int, database_url: str
) -> None:
    """As a session, a dashboard and `status` may after a new program is installed. Each has
    found the old version before the first of them has changed it."""
    if version:
        with closing(open_database(database_url)) as database:
            migrate(database, MIGRATIONS[:version])
    met, found = context().Barrier(4), context().SimpleQueue()
    ask = (database_url, met, found)
    processes = [context().Process(target=_bring_up, args=ask) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [found.get() for _ in processes] == [len(MIGRATIONS)] * 4
    with closing(open_ledger(database_url)) as database:
        rows = LedgerSchema.select(LedgerSchema.version).tuples().execute(database)
        assert sorted(number for (number,) in rows) == list(range(1, len(MIGRATIONS) + 1))


def _bring_up(url: str, met: Any, found: Any) -> None:
    with closing(open_database(url)) as database:
        version_of(database)
        met.wait(60)
        try:
            found.put(migrate(database))
        except Exception as error:
            found.put(str(error))


def test_a_ledger_that_another_process_holds_is_not_called_damaged(file: Path) -> None:
    url = f"sqlite:///{file}"
    open_ledger(url).close()
    with (
        pytest.raises(StoreError, match=r"the ledger cannot be read \(database is locked\); try"),
        closing(open_database(url)) as database,
        told(database, url),
    ):
        raise OperationalError("database is locked")
    with (
        pytest.raises(StoreError, match=r"no such table: x\); restore a copy"),
        closing(open_database(url)) as database,
        told(database, url),
    ):
        execute_on(database, "SELECT * FROM x")
