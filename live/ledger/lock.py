"""One running session for one market and database."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from peewee import Database, OperationalError, PeeweeException, SqliteDatabase

_NOTICE_SECONDS = 2.0
"""How long a server may take to notice that a session was killed."""


class MarketLock:
    """A lock that the operating system, or the PostgreSQL server, gives up with the
    process that holds it: nothing has to be cleaned up after a kill."""

    def __init__(self, database: Database, market: str) -> None:
        self._database = database
        self.market = market
        self._file: IO[str] | None = None
        self._held = False
        self._server_process = 0
        """PostgreSQL's process that holds the lock for us."""
        self._sql: Any = database.execute_sql

    def take(self) -> bool:
        """Whether the lock is ours now; again is harmless."""
        if isinstance(self._database, SqliteDatabase):
            return self._take_file()
        until = time.monotonic() + _NOTICE_SECONDS
        while not (self._held or self._take_advisory()):
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True

    def renew(self) -> bool:
        """Whether the lock is ours, or ours again: after a new connection to the server, or
        where its file was deleted, as by somebody who took it for what a crash had left."""
        if not self._held:
            return True
        if self._file is not None:
            return self._is_in_place(self._file) or self._lock_anew()
        former = self._server_process
        if self._take_advisory():
            return True
        if self._holder() != former:
            return False
        # The server has not noticed yet that the connection before this one is gone.
        self._sql("SELECT pg_terminate_backend(%s)", (former,))
        self._held = True
        raise OperationalError("the server still has the former connection")

    def release(self) -> None:
        """Give the lock up."""
        if self._file is not None:
            self._file.close()
            self._file = None
        elif self._held and not self._database.is_closed():
            with contextlib.suppress(PeeweeException):  # dropped with the connection
                self._sql("SELECT pg_advisory_unlock(%s)", (self._number(),))
        self._held = False

    def _take_file(self) -> bool:
        import fcntl

        if self._file is not None:
            return True
        file: Any = self._path.open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._file, self._held = file, True
        return True

    @cached_property
    def _path(self) -> Path:
        """The file that is locked, beside the one that SQLite writes: it follows a link, so that
        all names of a ledger have one lock."""
        database = Path(self._database.database).resolve()
        name = hashlib.sha256(self.market.encode()).hexdigest()[:12]
        return database.with_name(f"{database.name}.{name}.lock")

    def _is_in_place(self, file: IO[str]) -> bool:
        try:
            return os.path.samestat(os.fstat(file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False

    def _lock_anew(self) -> bool:
        self.release()
        return self._take_file()

    def _take_advisory(self) -> bool:
        query = "SELECT pg_try_advisory_lock(%s), pg_backend_pid()"
        held, process = self._sql(query, (self._number(),)).fetchone()
        self._held = bool(held)
        if self._held:
            self._server_process = process
        return self._held

    def _holder(self) -> int:
        """PostgreSQL's process that has the lock now; 0 where none has."""
        row = self._sql(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
            "AND ((classid::bigint << 32) | objid::bigint) = %s",
            (self._number(),),
        ).fetchone()
        return int(row[0]) if row else 0

    def _number(self) -> int:
        digest = hashlib.sha256(f"stoptrail {self.market}".encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)
