"""The ledger: a database that a session writes in whole transactions, or not at all."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from peewee import Database, InternalError, OperationalError, PeeweeException, SqliteDatabase

from stoptrail.core.database import (
    SQLITE,
    Address,
    BusyError,
    closed_on_error,
    exists,
    open_database,
    reason_of,
    shown,
    writing,
)
from stoptrail.core.errors import LedgerError, StoreError
from stoptrail.core.retry import backoff, rest
from stoptrail.core.text import revealed
from stoptrail.live.ledger import postgres
from stoptrail.live.ledger.damage import require_tables, told
from stoptrail.live.ledger.lock import MarketLock
from stoptrail.live.ledger.schema import migrate, version_of

log = logging.getLogger("stoptrail.live")

T = TypeVar("T")

_BUSY_SECONDS = 0.5
"""How long SQLite itself waits for a lock before the ledger says that it has to wait; no
signal is heard meanwhile."""
_OPENING_SECONDS = 10.0
"""How long an opening waits for a lock."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_NOT_ALLOWED = "42501"
"""PostgreSQL's code for a right that this user lacks; it may be given again."""


class Ledger:
    """A database with the ledger's tables. Close it when done, or use `with`.

    A transaction that fails is repeated for `patience` seconds; `heard` is told once that
    this has begun, and once that it is over; `stopped` says whether to give up early.
    """

    def __init__(
        self,
        url: Address,
        patience: float = 60.0,
        heard: Callable[[str], None] | None = None,
    ) -> None:
        self.heard = heard or (lambda text: None)
        self.stopped: Callable[[], bool] = lambda: False
        self.fault: Callable[[str, str], None] | None = None
        """Called with ("before", "within" or "after", kind) around every transaction: for
        tests of what a crash leaves behind."""
        self._name = shown(url)
        self._url = url
        self._patience = patience
        self._lock: MarketLock | None = None
        if not revealed(url).startswith(SQLITE):
            postgres.bound_waits(lambda: self.stopped())
        require_writable(url)
        self.database = open_ledger(url)
        self._file = _identity(self.database)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the lock and the connection; again is harmless."""
        if self._lock is not None:
            self._lock.release()
        if not self.database.is_closed():
            self.database.close()
        if not isinstance(self.database, SqliteDatabase):
            postgres.unbound_waits()

    def lock(self, market: str) -> bool:
        """Claim `market` for this process; whether nobody else has it. Again is harmless."""
        if self._lock is None or self._lock.market != market:
            self._lock = MarketLock(self.database, market)
        return self._lock.take()

    def transaction(self, kind: str, work: Callable[[], T]) -> T:
        """The result of `work`, committed as one transaction.

        `work` may run more than once, so it must leave the same rows each time. Raises
        LedgerError where it cannot be stored within the ledger's patience.
        """
        try:
            return self._once(kind, work)
        except (PeeweeException, OSError) as error:
            first = error
        return self._again(kind, work, first)

    def _once(self, kind: str, work: Callable[[], T]) -> T:
        self._check_file()
        self._check_lock()
        self._tell("before", kind)
        with writing(self.database):
            result = work()
            self._tell("within", kind)
        self._tell("after", kind)
        return result

    def _again(self, kind: str, work: Callable[[], T], error: Exception) -> T:
        """Repeat a transaction that failed with `error`."""
        first = self.reason(error)
        if not _may_pass(error):
            raise LedgerError(f"the ledger {self._name} refuses to be written: {first}") from error
        if self.stopped():
            raise self._given_up(error) from error
        self._say(
            f"the ledger {self._name} cannot be written ({first}): trying again for up to "
            f"{self._patience:g} s, nothing is traded meanwhile"
        )
        until, failures = time.monotonic() + self._patience, 0
        while time.monotonic() < until and not self.stopped():
            failures += 1
            pause = backoff(failures, _FIRST_PAUSE, _LONGEST_PAUSE)
            rest(min(pause, until - time.monotonic()), self.stopped)
            try:
                self._reconnect()
                result = self._once(kind, work)
            except (PeeweeException, OSError) as again:
                error = again
                continue
            self._say("the ledger is written again: nothing was lost")
            return result
        raise self._given_up(error) from error

    def reason(self, error: Exception) -> str:
        """The database's complaint on one line, without anything secret."""
        return reason_of(error, self._url)

    def _given_up(self, error: Exception) -> LedgerError:
        return LedgerError(
            f"the ledger {self._name} could not be written: {self.reason(error)}; the "
            "position is kept as last stored, start the session again when the database is back"
        )

    def _reconnect(self) -> None:
        if not self.database.is_closed():
            self.database.close()
        self._check_file()
        self.database.connect()
        self._renew()

    def _check_file(self) -> None:
        """SQLite goes on writing into a file that was deleted: notice that."""
        if self._file is not None and _identity(self.database) != self._file:
            raise FileNotFoundError(None, "the database file is gone or was replaced")

    def _check_lock(self) -> None:
        """A lock of SQLite's is a file, which can be deleted. A server's is asked for where the
        connection is a new one."""
        if self._file is not None:
            self._renew()

    def _renew(self) -> None:
        if self._lock is not None and not self._lock.renew():
            raise LedgerError(f"another session has taken over in {self._name}: this one ends")

    def _tell(self, moment: str, kind: str) -> None:
        if self.fault is not None:
            self.fault(moment, kind)

    def _say(self, text: str) -> None:
        log.error("%s", text)
        self.heard(text)


def require_writable(url: Address) -> None:
    """Raises StoreError where an SQLite file that is there, or the folder that takes its log, is
    not this user's to write: SQLite opens it for reading then, and no waiting helps."""
    file = Path(revealed(url).removeprefix(SQLITE))
    for place in (file, file.parent) if revealed(url).startswith(SQLITE) else ():
        if file.exists() and not os.access(place, os.W_OK):
            raise StoreError(
                f"database.url {shown(url)}: {place} cannot be written by this user; give them the "
                "right to, or name another ledger"
            )


def require_writing(database: Database, url: Address) -> None:
    """Raises StoreError where a server would refuse what is written through `database`."""
    if not isinstance(database, SqliteDatabase) and (reason := postgres.write_refused(database)):
        raise StoreError(
            f"database.url {shown(url)}: {reason}; write to the server that takes it, or as a user "
            "who may"
        )


def open_ledger(url: Address) -> Database:
    """A connection to a ledger whose tables are of the newest version, made where there
    are none; a lock is waited for. Raises StoreError."""
    until = time.monotonic() + _OPENING_SECONDS
    while True:
        try:
            return _opened(url)
        except BusyError:
            if time.monotonic() > until:
                raise


def _opened(url: Address) -> Database:
    database = open_database(url, _BUSY_SECONDS)
    try:
        with closed_on_error(database):
            migrate(database)
            require_tables(database, url)
    except PeeweeException as error:
        reason = reason_of(error, url)
        kind = BusyError if "locked" in reason else StoreError
        raise kind(
            f"database.url {shown(url)}: the ledger's tables cannot be made ({reason})"
        ) from None
    return database


@contextmanager
def existing_ledger(url: Address) -> Iterator[Database]:
    """A ledger that is there, for reading. Raises StoreError, also where what happens inside
    fails because the ledger is damaged."""
    database = open_existing(url)
    try:
        with told(database, url):
            yield database
    finally:
        database.close()


def open_existing(url: Address) -> Database:
    """A connection to a ledger that is there, for reading. Raises StoreError."""
    if not exists(url):
        raise StoreError(
            f"database.url {shown(url)}: there is no such file, so no session has been started"
        )
    database = open_database(url)
    with closed_on_error(database), told(database, url):
        if version_of(database) == 0:
            raise StoreError(f"database.url {shown(url)}: no session has been started here")
        migrate(database)
        require_tables(database, url)
    return database


def _may_pass(error: Exception) -> bool:
    """Whether waiting can help: not where the rows themselves are refused."""
    from peewee import InterfaceError

    passing = (OperationalError, InterfaceError, InternalError, OSError)
    if isinstance(error, passing) or type(error).__name__ == "DatabaseError":
        return True
    return getattr(error.__cause__ or error.__context__, "pgcode", None) == _NOT_ALLOWED


def _identity(database: Database) -> tuple[int, int] | None:
    """What tells an SQLite file from another at the same path; None for a server."""
    if not isinstance(database, SqliteDatabase):
        return None
    try:
        found = Path(database.database).stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino
