"""A database from its URL, opened or refused in one clear line."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from peewee import Database, OperationalError, PeeweeException, SqliteDatabase

from stoptrail.core.errors import StoreError

SQLITE = "sqlite:///"
BUSY_SECONDS = 10.0
"""How long SQLite waits for another process's transaction."""


class BusyError(StoreError):
    """Another process's transaction holds the database for too long."""


def open_database(url: str, busy: float = BUSY_SECONDS) -> Database:
    """Connect to `url`, making the folder of an SQLite file.

    SQLite runs with a write-ahead log and full synchronous writes: what was committed
    survives a crash of the machine; it waits `busy` seconds for another process's
    transaction. Raises StoreError where it cannot be opened, BusyError where that wait was
    too short; the message never holds the URL's password.
    """
    try:
        database = _sqlite(url, busy) if url.startswith(SQLITE) else _postgresql(url)
        database.connect()
        if url.startswith(SQLITE):
            database.execute_sql("PRAGMA schema_version")  # type: ignore[no-untyped-call]
    except (OSError, PeeweeException, ImportError) as error:
        first = (str(error).splitlines() or [""])[0]
        kind = BusyError if "locked" in first else StoreError
        raise kind(
            f"database.url {shown(url)} cannot be opened ({first}); "
            "check the path or server and its rights"
        ) from None
    return database


def shown(url: str) -> str:
    """The URL without user and password."""
    parts = urlsplit(url)
    if not parts.hostname:
        return url
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"


def _sqlite(url: str, busy: float) -> Database:
    path = Path(url.removeprefix(SQLITE))
    if path.is_dir():
        raise OperationalError("it is a folder, not a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    pragmas: dict[str, Any] = {"journal_mode": "wal", "synchronous": "full", "foreign_keys": 1}
    return SqliteDatabase(str(path), pragmas=pragmas, timeout=busy)


def _postgresql(url: str) -> Database:
    from playhouse.db_url import connect

    database: Database = connect(url)
    return database
