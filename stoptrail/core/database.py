"""A database from its URL, opened or refused in one clear line."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from peewee import Database, Model, OperationalError, PeeweeException, SqliteDatabase
from pydantic import SecretStr

from stoptrail.core.errors import StoreError
from stoptrail.core.files import partial_path
from stoptrail.core.files import reason_of as _first_line
from stoptrail.core.text import public_url, revealed, without_secrets

SQLITE = "sqlite:///"
BUSY_SECONDS = 10.0
"""How long SQLite waits for another process's transaction."""
_AGAIN_SECONDS = 0.05
"""Between two tries to open what is locked."""
_TABLES = 0x53_74_6F_70
"""By this number processes know that one of them changes tables on a PostgreSQL server."""
_UNNAMED = "disk I/O error"
_WORDS = ("user", "password", "host", "dbname", "sslpassword", "passfile")
"""Parameters of a server's URL that are text, though they may look like a number."""
_PROBED = 16_384
"""Bytes, four pages: a write of the log and its heads."""


Address = str | SecretStr
"""A database's URL; it may hold a password."""


class BusyError(StoreError):
    """Another process's transaction holds the database for too long."""


def open_database(url: Address, busy: float = BUSY_SECONDS) -> Database:
    """Connect to `url`, making the folder of an SQLite file.

    SQLite runs with a write-ahead log and full synchronous writes: what was committed
    survives a crash of the machine; it waits `busy` seconds for another process's
    transaction. Raises StoreError where it cannot be opened, BusyError where that wait was
    too short; the message never holds anything secret of the URL.
    """
    until = time.monotonic() + busy
    while True:
        try:
            return _opened(revealed(url), busy)
        except BusyError:
            # SQLite waits for a lock, but not for the one that another process holds while it
            # makes the file's first tables, before its log is there.
            if time.monotonic() > until:
                raise
        time.sleep(_AGAIN_SECONDS)


def _opened(url: str, busy: float) -> Database:
    try:
        database = _sqlite(url, busy) if url.startswith(SQLITE) else server_at(url)
        with closed_on_error(database):
            database.connect()
            if url.startswith(SQLITE):
                database.execute_sql("PRAGMA schema_version")  # type: ignore[no-untyped-call]
    except ValueError:  # of the address; what it says may quote the password
        raise StoreError(
            f"database.url {shown(url)} is not an address; in user and password write %40 for @, "
            "%2F for /, %3A for :, %3F for ?, %23 for #"
        ) from None
    except (OSError, PeeweeException, ImportError, TypeError, RuntimeError) as error:
        reason = reason_of(error, url)
        kind = BusyError if "locked" in reason else StoreError
        raise kind(
            f"database.url {shown(url)} cannot be opened ({reason}); "
            "check the path or server and its rights"
        ) from None
    return database


def writing(database: Database) -> AbstractContextManager[Any]:
    """A transaction that writes from its beginning. One of SQLite's that becomes a writer after
    it has read is refused at once, however long it would wait, where another process has
    written meanwhile."""
    lock = ("IMMEDIATE",) if isinstance(database, SqliteDatabase) else ()
    transaction: AbstractContextManager[Any] = database.atomic(*lock)
    return transaction


@contextmanager
def making_tables(database: Database) -> Iterator[None]:
    """A transaction beside which no other process makes or changes tables."""
    with writing(database):
        if not isinstance(database, SqliteDatabase):
            database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (_TABLES,))  # type: ignore[no-untyped-call]
        yield


def make_tables(database: Database, models: Sequence[type[Model]]) -> None:
    """Make those tables of `models`, which are bound to `database`, that are not there."""
    if not all(database.table_exists(model) for model in models):
        with making_tables(database):
            database.create_tables(models)


@contextmanager
def closed_on_error(database: Database) -> Iterator[None]:
    """Close `database` where what is done inside fails: nobody else would."""
    try:
        yield
    except BaseException:
        database.close()
        raise


def exists(url: Address) -> bool:
    """Whether there is an SQLite file at `url`; True for a server, which only opening tells."""
    url = revealed(url)
    return not url.startswith(SQLITE) or Path(url.removeprefix(SQLITE)).is_file()


def shown(url: Address) -> str:
    """The URL as it may be shown: without user, password and parameters."""
    return public_url(revealed(url))


def place_of(url: Address) -> str:
    """Where the database is, whole: an SQLite file's absolute path, a server's `shown` URL."""
    url = revealed(url)
    return str(Path(url.removeprefix(SQLITE)).absolute()) if url.startswith(SQLITE) else shown(url)


def reason_of(error: BaseException, url: Address = "") -> str:
    """A database's complaint on one line: the first of those that followed each other,
    as a full disk is followed by a rollback that finds nothing to roll back. What SQLite
    calls "disk I/O error" is told in the system's words where `url` says where it was; what
    is secret of `url` is left out."""
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, PeeweeException | OSError):
            error = chain
        chain = chain.__context__
    reason = _first_line(error)
    url = revealed(url)
    if reason == _UNNAMED and url.startswith(SQLITE):
        refused = write_refused(Path(url.removeprefix(SQLITE)))
        return _first_line(refused) if refused else reason
    return without_secrets(reason, url) if url else reason


def write_refused(path: Path, size: int = 0) -> OSError | None:
    """What the system says of a file beside the database `path` that grows as its log would,
    or to `size` bytes: a quota and a limit of `ulimit -f` are neither a full disk nor a broken
    one."""
    sizes = [size]
    for file in (path, Path(f"{path}-wal"), Path(f"{path}-journal")):
        with suppress(OSError):
            sizes.append(file.stat().st_size)
    probe = partial_path(path)
    try:
        with probe.open("wb") as grown:
            grown.seek(max(sizes))
            grown.write(bytes(_PROBED))
            grown.flush()
            os.fsync(grown.fileno())
    except OSError as error:
        return error
    finally:
        with suppress(OSError):
            probe.unlink()
    return None


def _sqlite(url: str, busy: float) -> Database:
    path = Path(url.removeprefix(SQLITE))
    if path.is_dir():
        raise OperationalError("it is a folder, not a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    pragmas: dict[str, Any] = {"journal_mode": "wal", "synchronous": "full", "foreign_keys": 1}
    return SqliteDatabase(str(path), pragmas=pragmas, timeout=busy)


def server_at(url: str, **more: Any) -> Database:
    """The database of a server's URL, not connected yet, with `more` parameters of the driver's.
    User, password, host and name may be percent-encoded, as libpq has it. Raises ValueError and
    RuntimeError for what is no such URL."""
    from playhouse.db_url import connect

    parts = urlsplit(url)
    words: dict[str, Any] = {k: v for k, v in parse_qsl(parts.query) if k in _WORDS}
    host = parts.netloc.rpartition("@")[2].partition(":")[0]
    if "%" in host:  # the folder of a socket
        words.setdefault("host", unquote(host))
    if "%" in parts.path:
        words["database"] = unquote(parts.path[1:])
    words |= more
    database: Database = connect(url, unquote_password=True, unquote_user=True, **words)
    return database
