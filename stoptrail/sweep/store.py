"""Trials in the database as they finish, so that a sweep that was stopped goes on.

A sweep's work is cut into numbered units; the outcome of each is one row of bytes,
written in the transaction of its batch. What is there is done; what is not is done
again, with the same result.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from peewee import (
    BigIntegerField,
    BlobField,
    CharField,
    CompositeKey,
    Database,
    ForeignKeyField,
    Model,
    PeeweeException,
    TextField,
)

from stoptrail.core.database import (
    Address,
    closed_on_error,
    exists,
    make_tables,
    open_database,
    reason_of,
    shown,
    writing,
)
from stoptrail.core.errors import LedgerError, StoreError, UsageError

_SEAL_BYTES = 8
_FAILURES = PeeweeException, sqlite3.Error
"""What a database's trouble is raised as: peewee leaves fetching to the driver."""
VERSION = 2
"""Of the form in which outcomes are stored."""


class SweepRun(Model):
    """One sweep."""

    key = CharField(primary_key=True, max_length=32)
    identity = CharField(max_length=64)
    """Digest of candles, settings, grid and code: equal identity, equal results."""
    version = BigIntegerField()
    created = BigIntegerField()
    """Milliseconds since the epoch."""

    class Meta:
        """Table name."""

        table_name = "sweep_runs"


class SweepUnit(Model):
    """The outcome of one unit of work."""

    run = ForeignKeyField(SweepRun, on_delete="CASCADE")
    stage = CharField(max_length=32)
    unit = BigIntegerField()
    outcome = BlobField()

    class Meta:
        """Table name and key."""

        table_name = "sweep_trials"
        primary_key = CompositeKey("run", "stage", "unit")


class SweepSettings(Model):
    """What a sweep was started with, without secrets: its folder may be somebody else's."""

    key = CharField(primary_key=True, max_length=32)
    content = TextField()

    class Meta:
        """Table name."""

        table_name = "sweep_settings"


def recall(url: Address, key: str) -> str | None:
    """What was remembered of the sweep `key`; None where the database does not know it, or
    is not there. Raises StoreError where it cannot be read."""
    if not exists(url):
        return None
    database = open_database(url)
    try:
        with database.bind_ctx([SweepSettings]):
            if not database.table_exists(SweepSettings):
                return None
            found = SweepSettings.get_or_none(SweepSettings.key == key)
            return None if found is None else str(found.content)
    except _FAILURES as error:
        raise _unusable(error, url) from None
    finally:
        database.close()


def remember(url: Address, content: str) -> str:
    """Keep what a sweep over several markets is started with; its key. Raises StoreError."""
    database = open_database(url)
    try:
        return _remembered(database, uuid.uuid4().hex, content)
    except _FAILURES as error:
        raise _unusable(error, url) from None
    finally:
        database.close()


def _remembered(database: Database, key: str, content: str) -> str:
    with database.bind_ctx([SweepSettings]):
        make_tables(database, [SweepSettings])
        SweepSettings.insert(key=key, content=content).on_conflict_ignore().execute()
    return key


class TrialStore:
    """The trials of one sweep."""

    def __init__(self, url: Address, identity: str, key: str | None = None) -> None:
        """Open the database and go on with the sweep `key`, or begin a new one.

        Raises StoreError where the database cannot be used, UsageError where `key` is
        not in it or belongs to other candles, settings or code.
        """
        self._url = url
        self._database: Database = open_database(url)
        self._models = (SweepRun, SweepUnit)
        try:
            with closed_on_error(self._database), self._bound():
                make_tables(self._database, self._models)
                self.key = self._begin(identity) if key is None else self._go_on(identity, key)
        except _FAILURES as error:
            raise _unusable(error, url) from None

    def _begin(self, identity: str) -> str:
        key = uuid.uuid4().hex
        now = int(time.time() * 1000)
        SweepRun.create(key=key, identity=identity, version=VERSION, created=now)
        return key

    def _go_on(self, identity: str, key: str) -> str:
        run = SweepRun.get_or_none(SweepRun.key == key)
        if run is None:
            raise UsageError(f"--resume: the database holds no trials of the sweep {key}")
        if run.version != VERSION:
            raise UsageError(
                f"--resume: the trials are stored in form {run.version}, this program reads form "
                f"{VERSION}; start the sweep anew without --resume"
            )
        if run.identity != identity:
            raise UsageError(
                "--resume: candles, settings or program differ from those of the stopped "
                "sweep; start it anew without --resume"
            )
        return key

    def remember(self, content: str) -> None:
        """Keep what the sweep was started with. Raises StoreError."""
        try:
            _remembered(self._database, self.key, content)
        except _FAILURES as error:
            raise _unusable(error, self._url) from None

    def save(self, stage: str, units: Iterable[tuple[int, bytes]]) -> None:
        """Store outcomes in one transaction; a unit that is there already stays."""
        rows = [
            {
                "run": self.key,
                "stage": stage,
                "unit": unit,
                "outcome": _sealed(stage, unit, outcome),
            }
            for unit, outcome in units
        ]
        try:
            with self._bound(), writing(self._database):
                for row in rows:
                    SweepUnit.insert(row).on_conflict_ignore().execute()
        except (*_FAILURES, OSError) as error:
            raise _full(error, self._url) from None

    def load(self, stage: str) -> Iterator[tuple[int, bytes]]:
        """Outcomes of `stage` that are stored, by unit; one that is damaged is taken away, so
        that its unit is done again. Raises StoreError."""
        damaged = []
        try:
            with self._bound():
                mine = (SweepUnit.run == self.key) & (SweepUnit.stage == stage)
                query = SweepUnit.select(SweepUnit.unit, SweepUnit.outcome).where(mine)
                for unit, kept in query.order_by(SweepUnit.unit).tuples().iterator():
                    outcome = _opened(stage, unit, kept)
                    if outcome is not None:
                        yield unit, outcome
                    elif isinstance(unit, int):  # another key is in nobody's way
                        damaged.append(unit)
                if damaged:
                    SweepUnit.delete().where(mine & SweepUnit.unit.in_(damaged)).execute()
        except _FAILURES as error:
            raise _unusable(error, self._url) from None

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def _bound(self) -> Any:
        return self._database.bind_ctx(self._models)


def _seal(stage: str, unit: int, outcome: bytes) -> bytes:
    said = f"{stage} {unit} ".encode() + outcome
    return hashlib.blake2b(said, digest_size=_SEAL_BYTES).digest()


def _sealed(stage: str, unit: int, outcome: bytes) -> bytes:
    """What is stored of an outcome: before it what tells whether it is as it was written."""
    return _seal(stage, unit, outcome) + outcome


def _opened(stage: str, unit: Any, kept: Any) -> bytes | None:
    """The outcome; None where the row is not as it was written."""
    if not isinstance(unit, int) or not isinstance(kept, bytes | memoryview):
        return None
    seal, outcome = bytes(kept[:_SEAL_BYTES]), bytes(kept[_SEAL_BYTES:])
    return outcome if seal == _seal(stage, unit, outcome) else None


def _unusable(error: Exception, url: Address) -> StoreError:
    reason = reason_of(error, url)
    return StoreError(f"database.url {shown(url)}: trials cannot be stored ({reason})")


def _full(error: Exception, url: Address) -> LedgerError:
    return LedgerError(
        f"database.url {shown(url)}: trials can no longer be stored ({reason_of(error, url)}); "
        "mend it and go on with --resume"
    )
