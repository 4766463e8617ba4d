"""What the session of a book writes into its ledger, transaction by transaction."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from peewee import Database

from stoptrail.exchange.rows import Row
from stoptrail.live.ledger.database import Ledger
from stoptrail.live.ledger.records import SessionRow, SettingsRow, session_of, sleeves_of
from stoptrail.live.ledger.row_writer import Rows
from stoptrail.live.ledger.session_ledger import (
    add_settings,
    insert_candles,
    insert_session,
    kind_of,
)
from stoptrail.live.ledger.tables import Sessions, StoredEquity
from stoptrail.live.ledger.writer import StepWriter
from stoptrail.live.step import BookStep

PREFIX = "book "
"""Before the markets in the name of a book."""


class NewSleeve(NamedTuple):
    """A sleeve as a session begins."""

    symbol: str
    share: float
    content: dict[str, Any]
    """Tables of strategy.toml that decide its trades."""
    candles: Sequence[Row]
    """Of its market, warm-up."""


def book_name(symbols: Sequence[str]) -> str:
    """What a book on these markets is called."""
    return PREFIX + ",".join(dict.fromkeys(symbols))


class BookLedger:
    """The session of one book; `open` it before anything else."""

    def __init__(self, ledger: Ledger, exchange: str, name: str, interval: int) -> None:
        self._ledger = ledger
        self.database = ledger.database
        self._key = (exchange, name)
        self._interval = interval
        self.book: SessionRow
        self.sleeves: list[SessionRow]
        self._writer: BookWriter

    def open(
        self, content: dict[str, Any], new: Sequence[NewSleeve]
    ) -> tuple[SessionRow, list[SessionRow]]:
        """The rows of the book and of its sleeves; made from `new`, with warm-ups and settings,
        where there are none."""
        found = session_of(self.database, *self._key)
        if found is None:
            found = self._ledger.transaction("session", lambda: self._make(content, new))
        self.book, self.sleeves = found, sleeves_of(self.database, found.id)
        self._writer = BookWriter(self.database, found, self.sleeves)
        return self.book, self.sleeves

    def _make(self, content: dict[str, Any], new: Sequence[NewSleeve]) -> SessionRow:
        database = self.database
        made = session_of(database, *self._key)
        if made is not None:  # a commit whose answer was lost
            return made
        exchange, name = self._key
        cash, kept = content["account"]["cash"], {sleeve.symbol: sleeve.candles for sleeve in new}
        newest = max(kept.values(), key=lambda candles: candles[-1][0])
        book = insert_session(
            database, exchange, name, self._interval, newest, cash, sleeves=len(new)
        )
        add_settings(database, book, SettingsRow(1, 0, content), 0)
        sources: dict[str, int] = {}
        for number, (symbol, share, own, candles) in enumerate(new, 1):
            place = {"book": book, "sleeve": number, "market": sources.get(symbol, 0)}
            session = insert_session(
                database, exchange, symbol, self._interval, candles, share * cash, **place
            )
            if symbol not in sources:
                sources[symbol] = session
                insert_candles(database, session, candles)
            add_settings(database, session, SettingsRow(1, 0, own), 0)
        made = session_of(database, *self._key)
        assert made is not None
        return made

    def commit(
        self, steps: Sequence[BookStep], kind: str = "", also: Callable[[], None] | None = None
    ) -> None:
        """Store `steps` and do `also` (of this `kind`), all or none."""
        parts = [part.step for step in steps for part in step.sleeves]
        self._ledger.transaction(kind_of(parts, kind), lambda: self._write(steps, also))

    def _write(self, steps: Sequence[BookStep], also: Callable[[], None] | None) -> None:
        self._writer.write_all(steps)
        if also is not None:
            also()


class BookWriter(Rows):
    """Writes the steps of a book; the caller holds the transaction."""

    def __init__(self, database: Database, book: SessionRow, sleeves: Sequence[SessionRow]) -> None:
        super().__init__(database, book.id, book.interval)
        self._sleeves = {row.sleeve: row.id for row in sleeves}
        self._writers = {
            row.sleeve: StepWriter(
                database, row.id, row.interval, of_book=True, keeps_candles=row.source == row.id
            )
            for row in sleeves
        }

    def write(self, step: BookStep) -> None:
        """All rows of `step`."""
        self.write_all([step])

    def write_all(self, steps: Sequence[BookStep]) -> None:
        """All rows of `steps`, which follow each other."""
        for number, writer in self._writers.items():
            own = [part for step in steps for part in step.sleeves if part.number == number]
            writer.write_all([part.step for part in own])
            if own:
                most, margin = own[-1].allowed
                left = {"most": most if most < math.inf else None, "margin": margin}
                self._session_changes(self._sleeves[number], left)
        for step in steps:
            if step.marks:
                values = {"equity": step.account.equity, "cash": step.account.cash}
                self.put(StoredEquity, time=step.account.closes, **values)
        if steps:
            self._session_changes(self._session, _account(steps[-1], self._interval))
        self._statements.send()

    def _session_changes(self, session: int, values: dict[str, Any]) -> None:
        self._statements.change(Sessions, values, {"id": session})


def _account(step: BookStep, interval: int) -> dict[str, Any]:
    account, guard = step.account, step.account.guard
    free = account.free if account.free is not None and account.free < math.inf else None
    return {
        "candle": account.closes - interval,
        "ticks": account.moments,
        "steps": account.steps,
        "balance": account.balance,
        "free": free,
        "day_start": guard.day_start,
        "peak": guard.peak,
        "peak_before": account.peak_before,
        "losses": guard.losses,
        "guarded_until": guard.until,
    }
