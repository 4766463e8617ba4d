"""Whether a database is a ledger of ours, and where one is damaged."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from peewee import (
    AutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    Database,
    DoubleField,
    Field,
    IntegerField,
    OperationalError,
    PeeweeException,
    SqliteDatabase,
    TextField,
)

from stoptrail.core.database import Address, reason_of, shown
from stoptrail.core.errors import StoreError
from stoptrail.core.text import plain
from stoptrail.live.ledger.tables import TABLES, SettingsHistory

_STORED: tuple[tuple[type[Field], tuple[str, ...]], ...] = (
    (BooleanField, ("integer",)),
    (AutoField, ("integer",)),
    (IntegerField, ("integer",)),
    (BigIntegerField, ("integer",)),
    (DoubleField, ("real", "integer")),
    (CharField, ("text",)),
    (TextField, ("text",)),
    (BlobField, ("blob",)),
)
"""What SQLite, which lets any cell hold anything, has to hold in each kind of column."""
_DAMAGED = ValueError, TypeError, LookupError, ArithmeticError, AssertionError, AttributeError
"""What comes of reading rows that do not fit together."""
_PASSING = OperationalError, sqlite3.OperationalError
"""What comes of a lock, a full disk or a lost server; and of a table that is missing."""
_REFUSED = "read-only", "readonly", "permission denied"
"""What a database says to who may not read it, or not write it where its tables are older."""
_NOT_OURS = "is no ledger of this program, or a damaged one"


def require_tables(database: Database, url: Address) -> None:
    """Raise StoreError where the database lacks a table or a column of the ledger."""
    for table in TABLES:
        name = table._meta.table_name
        if not database.table_exists(name):
            raise StoreError(f"database.url {shown(url)} {_NOT_OURS}: it has no table {name}")
        have = {column.name for column in database.get_columns(name)}
        missing = [field.column_name for field in table._meta.sorted_fields]
        missing = [column for column in missing if column not in have]
        if missing:
            raise StoreError(
                f"database.url {shown(url)} {_NOT_OURS}: its table {name} has no column "
                f"{missing[0]}; name another database, or restore a copy"
            )


@contextmanager
def told(database: Database, url: Address) -> Iterator[None]:
    """Say where the ledger is damaged, if reading it fails. Raises StoreError."""
    try:
        yield
    except (PeeweeException, sqlite3.Error) as error:  # peewee leaves fetching to the driver
        reason = reason_of(error, url)
        passes = isinstance(error, _PASSING) and "no such" not in reason
        remedy = "try again" if passes else "restore a copy"
        if any(words in reason for words in _REFUSED):
            remedy = "give this user the right to"
        raise StoreError(
            f"database.url {shown(url)}: the ledger cannot be read ({reason}); {remedy}"
        ) from error
    except _DAMAGED as error:
        place = damaged_cell(database) or f"its rows do not fit together: {plain(error)[:100]}"
        raise StoreError(
            f"database.url {shown(url)}: the ledger is damaged ({place}); restore a copy"
        ) from error


def damaged_cell(database: Database) -> str:
    """The first cell that holds what its column cannot, "" where there is none."""
    if not isinstance(database, SqliteDatabase):
        return ""
    try:
        return _looked_for(database)
    except (PeeweeException, sqlite3.Error) as error:
        return reason_of(error)


def _looked_for(database: Database) -> str:
    for table in TABLES:
        for field in table._meta.sorted_fields:
            kinds = next(kinds for kind, kinds in _STORED if isinstance(field, kind))
            allowed = (*kinds, "null") if field.null else kinds
            cell = _first_other(database, table._meta.table_name, field.column_name, allowed)
            if cell is not None:
                return f"{table._meta.table_name}.{field.column_name} holds {cell}"
    return _damaged_settings(database)


def _first_other(database: Database, table: str, column: str, kinds: tuple[str, ...]) -> str | None:
    places = ", ".join("?" for _ in kinds)
    odd = f"""typeof("{column}") NOT IN ({places}) OR abs("{column}") = 9e999"""  # infinite
    query = f'SELECT "{column}" FROM "{table}" WHERE {odd} LIMIT 1'
    found: Any = database.execute_sql(query, kinds).fetchone()  # type: ignore[no-untyped-call]
    return None if found is None else plain(repr(found[0]))[:60]


def _damaged_settings(database: Database) -> str:
    for (content,) in SettingsHistory.select(SettingsHistory.content).tuples().execute(database):
        try:
            json.loads(content)
        except (ValueError, RecursionError):
            return "settings_history.content is no JSON"
    return ""
