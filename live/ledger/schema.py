"""The ledger's schema: its version, and how an older one becomes today's."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

from peewee import Database, IntegerField, Model, SqliteDatabase

from stoptrail.core.database import make_tables, making_tables
from stoptrail.core.errors import StoreError
from stoptrail.live.ledger.spoken import Events
from stoptrail.live.ledger.tables import TABLES, PaperFills, StoredFunding
from stoptrail.rules.stops import REASONS, Stop, beyond_its_price

Migration = Callable[[Database], None]


class LedgerSchema(Model):
    """One row for each version that the database has reached."""

    version = IntegerField(primary_key=True)

    class Meta:  # noqa: D106  # peewee's
        table_name = "ledger_schema"


def _first(database: Database) -> None:
    with database.bind_ctx(TABLES):
        database.create_tables(TABLES)


def _quotes(database: Database) -> None:
    """The age of a tick's quote, and by which rule it counted."""
    _add(database, "ticks", "quote_age", "DOUBLE PRECISION")
    _add(database, "ticks", "quote_rule", "VARCHAR(255)")


def _restarts(database: Database) -> None:
    """How often a session was taken up again."""
    _add(database, "presence", "restarts", "INTEGER NOT NULL DEFAULT 0")


def _prices(database: Database) -> None:
    """The price that a person names for an exit."""
    _add(database, "commands", "price", "DOUBLE PRECISION")


def _fills(database: Database) -> None:
    """Fills of a trade, of which there may be several."""
    with database.bind_ctx([PaperFills]):
        database.create_tables([PaperFills])


def _funding(database: Database) -> None:
    """Published funding, what trades have of it, and what a session told people."""
    with database.bind_ctx([StoredFunding, Events]):
        database.create_tables([StoredFunding, Events])
    _add(database, "sessions", "peak_before", "DOUBLE PRECISION")
    _add(database, "presence", "forecast_rate", "DOUBLE PRECISION")
    _add(database, "presence", "forecast_time", "BIGINT")
    _add(database, "paper_trades", "funding", "DOUBLE PRECISION NOT NULL DEFAULT 0")
    execute: Any = database.execute_sql
    booked: dict[tuple[int, int], float] = {}
    fills = "SELECT session, trade, funding FROM paper_fills ORDER BY session, trade, number"
    for session, trade, funding in execute(fills).fetchall():
        booked[session, trade] = booked.get((session, trade), 0.0) + funding
    mark = "?" if isinstance(database, SqliteDatabase) else "%s"
    change = f"UPDATE paper_trades SET funding = {mark} WHERE session = {mark} AND number = {mark}"
    for (session, trade), funding in booked.items():
        execute(change, (funding, session, trade))


def _shortfall(database: Database) -> None:
    """What a trade lost beyond the account (C20)."""
    _add(database, "paper_trades", "shortfall", "DOUBLE PRECISION NOT NULL DEFAULT 0")


def _books(database: Database) -> None:
    """Several sleeves on one account: a row for the book, one for each sleeve."""
    for name in ("sleeves", "book", "sleeve", "market"):
        _add(database, "sessions", name, "INTEGER NOT NULL DEFAULT 0")
    _add(database, "sessions", "most", "DOUBLE PRECISION")
    _add(database, "sessions", "margin", "DOUBLE PRECISION NOT NULL DEFAULT 0")
    _add(database, "candles", "step", "BIGINT")
    execute: Any = database.execute_sql
    execute("DROP INDEX IF EXISTS sessions_exchange_symbol")
    execute(
        "CREATE UNIQUE INDEX IF NOT EXISTS sessions_exchange_symbol_book_sleeve "
        "ON sessions (exchange, symbol, book, sleeve)"
    )


def _ticks_of_books(database: Database) -> None:
    """Books whose stops move by tick: their moments are more than their steps."""
    _add(database, "sessions", "steps", "BIGINT NOT NULL DEFAULT 0")
    _add(database, "sessions", "free", "DOUBLE PRECISION")
    execute: Any = database.execute_sql
    execute("UPDATE sessions SET steps = ticks WHERE sleeves > 0")


def _marks(database: Database) -> None:
    """Mark prices of candles (C20)."""
    for name in ("open", "high", "low", "close"):
        _add(database, "candles", f"mark_{name}", "DOUBLE PRECISION")


def _passed(database: Database) -> None:
    """Whether a level lay beyond the price that set it (C7): that of the first tick of its
    moment, else of the close before."""
    _add(database, "stop_moves", "passed", "BOOLEAN NOT NULL DEFAULT FALSE")
    execute: Any = database.execute_sql
    mark = "?" if isinstance(database, SqliteDatabase) else "%s"
    key = " AND ".join(f"{name} = {mark}" for name in ("session", "trade", "number"))
    for session, source in execute("SELECT id, market FROM sessions").fetchall():
        for move in _beyond(execute, session, source or session):
            execute(f"UPDATE stop_moves SET passed = TRUE WHERE {key}", (session, *move))


def _beyond(execute: Any, session: int, source: int) -> list[tuple[int, int]]:
    """Trade and number of the moves of `session`, on the candles of `source`, that were set
    beyond their price."""
    ticks = execute(f"SELECT time, price FROM ticks WHERE session = {session} ORDER BY number DESC")
    by = dict(ticks.fetchall())
    closes = f"SELECT time, close FROM candles WHERE session = {source} ORDER BY time"
    candles = execute(closes).fetchall()
    opened = [time for time, _ in candles]
    moves = execute(
        "SELECT t.side, m.trade, m.number, m.time, m.new, m.reason FROM stop_moves m "
        "JOIN paper_trades t ON t.session = m.session AND t.number = m.trade "
        f"WHERE m.session = {session} AND m.number > 0"
    )
    found = []
    for side, trade, number, time, level, reason in moves.fetchall():
        price = by[time] if time in by else candles[bisect_left(opened, time) - 1][1]
        if beyond_its_price(side, Stop(level, level, REASONS.index(reason)), price):
            found.append((trade, number))
    return found


def _paid_until(database: Database) -> None:
    """Before which moment rows of funding are a fill's (C19): at the open of a candle a tick is
    not told from what the candle fills, which is there by far more often."""
    _add(database, "paper_fills", "paid_until", "BIGINT")
    execute: Any = database.execute_sql
    for session, interval in execute('SELECT id, "interval" FROM sessions').fetchall():
        execute(
            "UPDATE paper_fills SET paid_until = time + "
            f"CASE WHEN time / {interval} * {interval} = time THEN {interval} ELSE 1 END "
            f"WHERE number > 0 AND session = {session}"
        )


def _add(database: Database, table: str, name: str, kind: str) -> None:
    """Add a column, unless the tables were made with it."""
    if name not in {column.name for column in database.get_columns(table)}:
        database.execute_sql(  # type: ignore[no-untyped-call]
            f"ALTER TABLE {table} ADD COLUMN {name} {kind}"
        )


MIGRATIONS: tuple[Migration, ...] = (
    _first,
    _quotes,
    _restarts,
    _prices,
    _fills,
    _funding,
    _shortfall,
    _books,
    _ticks_of_books,
    _marks,
    _passed,
    _paid_until,
)
"""Step n leads from version n to version n + 1; a step is never changed once released."""


def migrate(database: Database, steps: Sequence[Migration] = MIGRATIONS) -> int:
    """Bring the ledger's tables to the newest version, each step a transaction; the
    version. Raises StoreError where a newer program wrote them."""
    with database.bind_ctx([LedgerSchema]):
        make_tables(database, [LedgerSchema])
    found = version_of(database)
    if found > len(steps) and not _is_ledger(database):
        raise StoreError(
            "database.url: the database is no ledger of this program (its ledger_schema says "
            f"version {found}, and there are no sessions); name another one"
        )
    if found > len(steps):
        raise StoreError(
            f"the ledger has schema version {found}, this program knows {len(steps)}: "
            "use the newer program that wrote it"
        )
    for number in range(found, len(steps)):
        with making_tables(database):
            if version_of(database) == number:  # or another process has been quicker
                steps[number](database)
                LedgerSchema.insert(version=number + 1).execute(database)
    return len(steps)


def _is_ledger(database: Database) -> bool:
    return all(database.table_exists(table) for table in TABLES)


def version_of(database: Database) -> int:
    """The version of the ledger's tables; 0 where there are none. Raises StoreError where
    another program's table has that name."""
    with database.bind_ctx([LedgerSchema]):
        if not database.table_exists(LedgerSchema):
            return 0
        if {column.name for column in database.get_columns("ledger_schema")} != {"version"}:
            raise StoreError(
                "database.url: the database is no ledger of this program (its ledger_schema has "
                "other columns); name another one"
            )
        versions = LedgerSchema.select(LedgerSchema.version).tuples().execute(database)
        try:
            return max((int(version) for (version,) in versions), default=0)
        except (TypeError, ValueError):
            raise StoreError(
                "database.url: the database is no ledger of this program (its ledger_schema "
                "holds no version); name another one"
            ) from None
