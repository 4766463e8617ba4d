"""Rows of one session, by what they are about, and the statements that they become.

Writing a row again leaves the same row. peewee's SQL is made once for each shape of statement: a
step writes the same few rows thousands of times, and building their text anew would cost more than
writing them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from peewee import Database, PostgresqlDatabase, Value

from stoptrail.brokers.settlement import Amendment
from stoptrail.live.journal import Funded
from stoptrail.live.ledger.tables import (
    PaperFills,
    PaperOrders,
    PaperTrades,
    StopMoves,
    StoredFunding,
    Ticks,
)
from stoptrail.live.step import Step, StoredTick
from stoptrail.rules.stops import REASONS as STOP_REASONS
from stoptrail.rules.stops import Stop
from stoptrail.rules.trade import Fill


class Statements:
    """Upserts and updates of single rows on one database, sent at the end of `together`.

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

    @contextmanager
    def together(self) -> Iterator[None]:
        """Let the database have every statement of the block at its end; none where it fails."""
        try:
            yield
            self.send()
        finally:
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


WORKING, FILLED, CANCELLED = "working", "filled", "cancelled"


class Rows:
    """The rows of one session; the caller holds the transaction."""

    def __init__(self, database: Database, session: int, interval: int) -> None:
        self._database = database
        self._session = session
        self._interval = interval
        self._statements = Statements(database)

    def put(self, table: Any, **values: Any) -> None:
        """Insert a row, or bring the row of the same key up to date."""
        self._statements.put(table, {"session": self._session, **values})

    def change(self, table: Any, values: dict[str, Any], **key: Any) -> None:
        """Change the rows of the session that `key` describes."""
        self._statements.change(table, values, {"session": self._session, **key})

    def _tick(self, tick: StoredTick) -> None:
        values = tick._asdict()
        quotes = {name: _known(values.pop(name)) for name in ("bid", "ask", "quote_age")}
        quotes["quote_rule"] = values.pop("quote_rule") or None
        self.put(Ticks, **values, **quotes)

    def _order(
        self,
        step: Step,
        kind: str,
        signal: int,
        side: int,
        units: float,
        price: float | None,
        latest: int | None = None,
        reason: str | None = None,
    ) -> None:
        self.put(
            PaperOrders,
            kind=kind,
            signal=signal,
            side=side,
            units=units,
            price=price,
            status=WORKING,
            reason=reason,
            latest=latest,
            sent_after=step.after,
            sent_tick=step.ticks,
            done=None,
            fill=None,
            fee=None,
            caught_up=step.caught_up,
        )

    def _fill(
        self,
        trade: int,
        number: int,
        time: int,
        side: int,
        fill: Fill,
        until: int | None,
        left: float,
        reason: str,
        step: Step,
    ) -> None:
        self.put(
            PaperFills,
            trade=trade,
            number=number,
            time=time,
            side=side,
            **fill._asdict(),
            paid_until=until,
            left=left,
            reason=reason,
            caught_up=step.caught_up,
        )

    def _move(
        self,
        trade: int,
        number: int,
        time: int,
        old: float | None,
        stop: Stop,
        step: Step,
        *,
        passed: bool = False,
    ) -> None:
        self.put(
            StopMoves,
            trade=trade,
            number=number,
            time=time,
            old=old,
            new=stop.level,
            reason=STOP_REASONS[stop.reason],
            passed=passed,
            caught_up=step.caught_up,
        )

    def _funded(self, event: Funded) -> None:
        row = event.row
        self.put(
            StoredFunding,
            time=row.time,
            rate=row.rate,
            price=_known(row.price),
            hours=row.hours,
            after=event.after,
            tick=event.ticks,
            seen=int(time.time() * 1000),
        )

    def _amended(self, amendment: Amendment) -> None:
        if amendment.fill:
            funding = {"funding": amendment.funding}
            self.change(PaperFills, funding, trade=amendment.trade, number=amendment.fill)
        if amendment.pnl is not None:
            settled = {"pnl": amendment.pnl, "shortfall": amendment.shortfall}
            settled |= {"funding": amendment.booked} if amendment.fill else {}
            self.change(PaperTrades, settled, number=amendment.trade)


def _known(value: float) -> float | None:
    return value if value == value else None
