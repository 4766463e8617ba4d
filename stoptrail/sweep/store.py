"""Trials in the database as they finish, so that a sweep that was stopped goes on.

A sweep's work is cut into numbered units; the outcome of each is one row of bytes,
written in the transaction of its batch. What is there is done; what is not is done
again, with the same result.
"""

from __future__ import annotations

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
    DatabaseError,
    ForeignKeyField,
    Model,
)

from stoptrail.core.database import open_database
from stoptrail.core.errors import LedgerError, StoreError, UsageError

VERSION = 1


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


class TrialStore:
    """The trials of one sweep."""

    def __init__(self, url: str, identity: str, key: str | None = None) -> None:
        """Open the database and go on with the sweep `key`, or begin a new one.

        Raises StoreError where the database cannot be used, UsageError where `key` is
        not in it or belongs to other candles, settings or code.
        """
        self._database: Database = open_database(url)
        self._models = (SweepRun, SweepUnit)
        try:
            with self._bound():
                self._database.create_tables(self._models)
                self.key = self._begin(identity) if key is None else self._go_on(identity, key)
        except DatabaseError as error:
            raise _unusable(error) from None

    def _begin(self, identity: str) -> str:
        key = uuid.uuid4().hex
        now = int(time.time() * 1000)
        SweepRun.create(key=key, identity=identity, version=VERSION, created=now)
        return key

    def _go_on(self, identity: str, key: str) -> str:
        run = SweepRun.get_or_none(SweepRun.key == key)
        if run is None:
            raise UsageError(f"--resume: the database holds no trials of the sweep {key}")
        if run.identity != identity:
            raise UsageError(
                "--resume: candles, settings or program differ from those of the stopped "
                "sweep; start it anew without --resume"
            )
        return key

    def save(self, stage: str, units: Iterable[tuple[int, bytes]]) -> None:
        """Store outcomes in one transaction; a unit that is there already stays."""
        rows = [
            {"run": self.key, "stage": stage, "unit": unit, "outcome": outcome}
            for unit, outcome in units
        ]
        try:
            with self._bound(), self._database.atomic():
                for row in rows:
                    SweepUnit.insert(row).on_conflict_ignore().execute()
        except DatabaseError as error:
            first = (str(error).splitlines() or [""])[0]
            raise LedgerError(
                f"database.url: trials can no longer be stored ({first}); mend it and go on "
                "with --resume"
            ) from None

    def load(self, stage: str) -> Iterator[tuple[int, bytes]]:
        """Outcomes of `stage` that are stored, by unit."""
        with self._bound():
            query = SweepUnit.select(SweepUnit.unit, SweepUnit.outcome).where(
                (SweepUnit.run == self.key) & (SweepUnit.stage == stage)
            )
            for unit, outcome in query.order_by(SweepUnit.unit).tuples().iterator():
                yield int(unit), bytes(outcome)

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def _bound(self) -> Any:
        return self._database.bind_ctx(self._models)


def _unusable(error: Exception) -> StoreError:
    first = (str(error).splitlines() or [""])[0]
    return StoreError(f"database.url: trials cannot be stored ({first})")
