"""One running session for one market and database."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import IO, Any

from peewee import Database, PeeweeException, SqliteDatabase


class MarketLock:
    """A lock that the operating system, or the PostgreSQL server, gives up with the
    process that holds it: nothing has to be cleaned up after a kill."""

    def __init__(self, database: Database, market: str) -> None:
        self._database = database
        self._market = market
        self._file: IO[str] | None = None
        self._held = False

        self._sql: Any = database.execute_sql

    def take(self) -> bool:
        """Whether the lock is ours now; again is harmless."""
        if isinstance(self._database, SqliteDatabase):
            return self._take_file(Path(self._database.database))
        return self._take_advisory()

    def renew(self) -> bool:
        """After a new connection to the server: whether the lock is ours again."""
        if isinstance(self._database, SqliteDatabase) or not self._held:
            return True
        return self._take_advisory()

    def release(self) -> None:
        """Give the lock up."""
        if self._file is not None:
            self._file.close()
            self._file = None
        elif self._held and not self._database.is_closed():
            with contextlib.suppress(PeeweeException):  # dropped with the connection
                self._sql("SELECT pg_advisory_unlock(%s)", (self._number(),))
        self._held = False

    def _take_file(self, database: Path) -> bool:
        import fcntl

        if self._file is not None:
            return True
        name = hashlib.sha256(self._market.encode()).hexdigest()[:12]
        file: Any = database.with_name(f"{database.name}.{name}.lock").open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._file, self._held = file, True
        return True

    def _take_advisory(self) -> bool:
        query = "SELECT pg_try_advisory_lock(%s)"
        row = self._sql(query, (self._number(),)).fetchone()
        self._held = bool(row[0])
        return self._held

    def _number(self) -> int:
        digest = hashlib.sha256(f"stoptrail {self._market}".encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)
