"""A copy of a ledger, made while its session runs."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from stoptrail.core.database import SQLITE, Address, shown, write_refused
from stoptrail.core.errors import OutputError, StoreError, UsageError
from stoptrail.core.files import reason_of, written_whole
from stoptrail.core.text import revealed
from stoptrail.live.ledger.database import existing_ledger


def back_up(url: Address, target: Path, force: bool) -> int:
    """Write the ledger at `url`, as it is at one moment, to `target` as one SQLite file;
    its size in bytes.

    A session that writes meanwhile neither waits nor notices: the copy is read through a
    connection of its own. Raises UsageError for a server and for a `target` that exists
    (unless `force`) or is the ledger, StoreError, OutputError.
    """
    if not revealed(url).startswith(SQLITE):
        raise UsageError(
            f"database.url {shown(url)} is a PostgreSQL server: copy it with its own "
            f"pg_dump --format=custom --file {target}, which runs while the session does"
        )
    source = Path(revealed(url).removeprefix(SQLITE))
    with existing_ledger(url):
        """It is there, and a ledger."""
    _require_free(source, target, force)
    with written_whole(target, "name a file elsewhere") as beside:
        _copy(source, beside, shown(url))
    return target.stat().st_size


def _require_free(source: Path, target: Path, force: bool) -> None:
    if target.is_dir():
        raise OutputError(f"{target} is a folder; name a file in it")
    if target.exists() and target.samefile(source):
        raise OutputError(f"{target} is the ledger itself; name another file")
    if target.exists() and not force:
        raise OutputError(f"{target} exists; name another file, or replace it with --force")


def _copy(source: Path, target: Path, name: str) -> None:
    """Copy through SQLite; the copy is on the disk, whole and one file, or this raises:
    OSError where the target cannot be written, StoreError where the source cannot be read."""
    try:
        target.touch()  # with the system's own words where that cannot be
        address = f"file:{quote(str(source.absolute()))}?mode=ro"
        with (
            closing(sqlite3.connect(address, uri=True)) as read,
            closing(sqlite3.connect(target)) as written,
        ):
            written.execute("PRAGMA synchronous=full")
            read.backup(written)
            written.execute("PRAGMA journal_mode=delete")  # or a log would have to go with it
            ((found,), *_) = written.execute("PRAGMA integrity_check").fetchall()
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from None
        if refused := write_refused(target, source.stat().st_size):
            raise refused from None
        raise StoreError(f"database.url {name} cannot be copied ({reason_of(error)})") from None
    if found != "ok":
        raise StoreError(f"database.url {name} is damaged ({found}); no copy was made")
