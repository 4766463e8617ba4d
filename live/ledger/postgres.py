"""A PostgreSQL server: waits that end, whether it answers or not, and whether it lets us write."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from peewee import Database

_ANSWER_SECONDS = 10.0
"""Longest wait for one answer; the connection is then given up."""
_LAST_SECONDS = 1.0
"""The same once the session is to end."""
_SLICE_SECONDS = 0.1


def bound_waits(stopped: Callable[[], bool]) -> None:
    """Let psycopg2 raise OperationalError in this process where a server does not answer.

    Left alone it would wait in C, for ever and deaf to signals. `stopped` says whether
    the session is to end.
    """
    try:
        from psycopg2 import extensions
    except ImportError:  # which the opening will say
        return
    extensions.set_wait_callback(lambda connection: _wait(connection, stopped))


def unbound_waits() -> None:
    """Let psycopg2 wait as it is used to."""
    try:
        from psycopg2 import extensions
    except ImportError:
        return
    extensions.set_wait_callback(None)


@contextmanager
def answered_in_time() -> Iterator[None]:
    """The same while a command looks at a ledger once: it is not to hang where its server does.
    Where a session runs in this process, its own bounds hold."""
    try:
        from psycopg2 import extensions
    except ImportError:
        yield
        return
    if extensions.get_wait_callback() is not None:
        yield
        return
    bound_waits(lambda: False)
    try:
        yield
    finally:
        unbound_waits()


def _wait(connection: Any, stopped: Callable[[], bool]) -> None:
    from psycopg2 import OperationalError, extensions

    began, until = time.monotonic(), time.monotonic() + _ANSWER_SECONDS
    while (state := connection.poll()) != extensions.POLL_OK:
        reading = [connection] if state == extensions.POLL_READ else []
        writing = [connection] if state == extensions.POLL_WRITE else []
        select.select(reading, writing, [], _SLICE_SECONDS)
        now = time.monotonic()
        if stopped():
            until = min(until, now + _LAST_SECONDS)
        if now > until:
            raise OperationalError(f"the server has not answered for {now - began:.0f} s")


def write_refused(database: Database) -> str:
    """Why the server would not let this user write into the ledger now, in words; "" where it
    would."""
    sql: Any = database.execute_sql
    (read_only,) = sql("SHOW transaction_read_only").fetchone()
    if read_only == "on":  # a standby too
        return "the server lets nobody write now (transaction_read_only)"
    tables = ("sessions", "commands")
    may = " AND ".join(f"has_table_privilege('{name}', 'INSERT, UPDATE')" for name in tables)
    (allowed,) = sql(f"SELECT {may}").fetchone()
    return "" if allowed else "this user may not write its tables"
