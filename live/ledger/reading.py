"""A ledger for those who look on: their connection cannot write, and nobody waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from peewee import Database, PeeweeException, SqliteDatabase

from stoptrail.core.database import SQLITE, Address, closed_on_error, exists, reason_of, shown
from stoptrail.core.errors import StoreError
from stoptrail.core.text import revealed, without_secrets
from stoptrail.live.ledger.damage import told
from stoptrail.live.ledger.schema import MIGRATIONS, version_of

_BUSY_SECONDS = 1.0
"""Longest wait for an SQLite lock, which a reader of a write-ahead log hardly meets."""
_ANSWER_MS = 5000
"""Longest that a server works on one question."""


class NoSessionError(StoreError):
    """There is no ledger yet, or none of this version."""


@contextmanager
def reading(url: Address) -> Iterator[Database]:
    """A ledger that is there, through a connection of its own that cannot write.

    Raises NoSessionError where no session has been started, or by an older program only;
    StoreError where it cannot be read.
    """
    if not exists(url):
        raise NoSessionError(f"database.url {shown(url)}: no session has been started yet")
    database = _connected(url)
    try:
        with told(database, url):
            if version_of(database) < len(MIGRATIONS):
                raise NoSessionError(
                    f"database.url {shown(url)}: no session of this version has been started yet"
                )
            yield database
    finally:
        database.close()


def _connected(url: Address) -> Database:
    plain = revealed(url)
    try:
        database = _sqlite(plain) if plain.startswith(SQLITE) else _server(plain)
        with closed_on_error(database):
            database.connect()
    except (OSError, PeeweeException, ImportError, TypeError, ValueError, RuntimeError) as error:
        reason = without_secrets(reason_of(error), plain)
        raise StoreError(f"database.url {shown(url)} cannot be opened ({reason})") from None
    return database


def _sqlite(url: str) -> Database:
    path = Path(url.removeprefix(SQLITE)).absolute()
    return SqliteDatabase(
        f"file:{quote(str(path))}?mode=ro",
        uri=True,
        pragmas={"query_only": 1},
        timeout=_BUSY_SECONDS,
    )


def _server(url: str) -> Database:
    from playhouse.db_url import connect

    options: Any = f"-c default_transaction_read_only=on -c statement_timeout={_ANSWER_MS}"
    database: Database = connect(url, options=options, connect_timeout=_ANSWER_MS // 1000)
    return database
