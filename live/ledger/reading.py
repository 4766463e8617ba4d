"""A ledger for those who look on: their connection cannot write, and nobody waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from peewee import Database, PeeweeException, SqliteDatabase, fn

from stoptrail.config.settings import Settings
from stoptrail.core.database import (
    SQLITE,
    Address,
    closed_on_error,
    exists,
    reason_of,
    server_at,
    shown,
)
from stoptrail.core.errors import StoreError
from stoptrail.core.text import revealed
from stoptrail.live.ledger.damage import told
from stoptrail.live.ledger.records import SessionRow
from stoptrail.live.ledger.schema import MIGRATIONS, version_of
from stoptrail.live.ledger.tables import MARK, StoredCandles
from stoptrail.live.session_settings import goes_by_marks
from stoptrail.rules.margin import Mark

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
        reason = reason_of(error, plain)
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
    options = f"-c default_transaction_read_only=on -c statement_timeout={_ANSWER_MS}"
    return server_at(url, options=options, connect_timeout=_ANSWER_MS // 1000)


def stored_marks(database: Database, session: int) -> dict[int, Mark]:
    """The mark prices of candles that have any, by open time (ms)."""
    table = StoredCandles
    columns = (table.time, *(getattr(table, name) for name in MARK))
    query = table.select(*columns).where(table.session == session, table.mark_open.is_null(False))
    return {time: Mark(*mark) for time, *mark in query.tuples().execute(database)}


def liquidated_by(database: Database, session: SessionRow, settings: Settings) -> str:
    """By which prices a swap has been liquidated (C20), in two words: "mark", with how many
    candles had none and went by their "own", or "own" alone; "" on other markets."""
    if settings.market_type != "swap":
        return ""
    table = StoredCandles
    query = table.select(fn.COUNT(table.mark_open), fn.COUNT(table.time)).where(
        table.session == session.source, table.time >= session.start
    )
    ((marked, count),) = query.tuples().execute(database)
    if session.book or not goes_by_marks(settings) or (count and not marked):
        return "own"
    return f"mark, {count - marked:,} own" if count > marked else "mark"
