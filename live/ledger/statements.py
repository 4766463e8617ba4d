"""peewee's SQL, made once for each shape of statement: a step writes the same few rows
thousands of times, and building their text anew would cost more than writing them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from peewee import Database, PostgresqlDatabase, Value


class Statements:
    """Upserts and updates of single rows on one database; `send` them before a commit.

    To a server they travel together: one round trip for a transaction, not one for a row.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[tuple[Any, ...], tuple[str, list[str]]] = {}
        self._waiting: list[tuple[str, list[Any]]] = []

    def put(self, table: Any, values: Mapping[str, Any]) -> None:
        """Insert a row, or bring the row of the same key up to date."""
        shape = (table, "put", *values)
        if shape not in self._known:
            self._known[shape] = self._template(_upsert(table, list(values)))
        self._run(table, shape, values)

    def change(self, table: Any, values: Mapping[str, Any], key: Mapping[str, Any]) -> None:
        """Set `values` in the rows that `key` describes (None: where it is empty)."""
        shape = (table, *values, "where", *((name, key[name] is None) for name in key))
        if shape not in self._known:
            query = table.update({getattr(table, name): _marker(name) for name in values})
            for name, wanted in key.items():
                field = getattr(table, name)
                matches = field.is_null() if wanted is None else field == _marker(f"where {name}")
                query = query.where(matches)
            self._known[shape] = self._template(query)
        self._run(table, shape, {**values, **{f"where {name}": v for name, v in key.items()}})

    def send(self) -> None:
        """Let the database have every statement since the last call, in order."""
        waiting, self._waiting = self._waiting, []
        if len(waiting) > 1 and self._takes_several():
            together = [value for _, values in waiting for value in values]
            waiting = [("; ".join(text for text, _ in waiting), together)]
        execute: Any = self._database.execute_sql
        for text, values in waiting:
            execute(text, values)

    def forget(self) -> None:
        """Drop what a failed transaction left unsent."""
        self._waiting.clear()

    def _takes_several(self) -> bool:
        """Whether the driver sends several statements at once: psycopg2 puts the values
        into the text itself; psycopg 3 does not, and SQLite has nowhere to send them."""
        if not isinstance(self._database, PostgresqlDatabase):
            return False
        database: Any = self._database
        return type(database.connection()).__module__.startswith("psycopg2")

    def _template(self, query: Any) -> tuple[str, list[str]]:
        """The text of `query`, and whose values its parameters are."""
        text, markers = query.bind(self._database).sql()
        return text, list(markers)

    def _run(self, table: Any, shape: tuple[Any, ...], values: Mapping[str, Any]) -> None:
        text, names = self._known[shape]
        fields = table._meta.fields
        parameters = [fields[name.split()[-1]].db_value(values[name]) for name in names]
        self._waiting.append((text, parameters))


def _upsert(table: Any, names: list[str]) -> Any:
    key = table._meta.get_primary_keys()
    own = {field.name for field in key}  # fields cannot be compared: == makes SQL of them
    kept = [getattr(table, name) for name in names if name not in own]
    query = table.insert({getattr(table, name): _marker(name) for name in names})
    return query.on_conflict(conflict_target=key, preserve=kept)


def _marker(name: str) -> Any:
    return Value(name, converter=False)
