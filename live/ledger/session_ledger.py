"""What one session writes into its ledger, transaction by transaction."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from peewee import Database

from stoptrail.exchange.rows import Row
from stoptrail.live.ledger.database import Ledger
from stoptrail.live.ledger.records import (
    CANDLE,
    SessionRow,
    SettingsRow,
    checkpoint_of,
    open_trade,
    rows,
    session_of,
    settings_rows,
)
from stoptrail.live.ledger.tables import (
    Sessions,
    SettingsHistory,
    StoredCandles,
    Ticks,
)
from stoptrail.live.ledger.writer import StepWriter, untouched
from stoptrail.live.session_settings import changed
from stoptrail.live.step import Step

_ROWS = 500
"""Candles of one statement; SQLite limits the values in it."""


class SessionLedger:
    """The session of one market; `open` it before anything else."""

    def __init__(self, ledger: Ledger, exchange: str, symbol: str, interval: int) -> None:
        self._ledger = ledger
        self.database = ledger.database
        self._market = (exchange, symbol)
        self._interval = interval
        self._session = 0
        self._writer: StepWriter
        self._waiting: int | None = None
        self.switched = False
        """Whether new settings have come to apply since this was last looked at."""

    def open(
        self, found: SessionRow | None, candles: Sequence[Row], content: dict[str, Any]
    ) -> SessionRow:
        """The session's row; made, with its warm-up and settings, where there is none."""
        if found is None:
            found = self._ledger.transaction("session", lambda: self._make(candles, content))
        self._session = found.id
        self._writer = StepWriter(self.database, found.id, self._interval)
        return found

    def _make(self, candles: Sequence[Row], content: dict[str, Any]) -> SessionRow:
        database = self.database
        made = session_of(database, *self._market)
        if made is not None:  # a commit whose answer was lost
            return made
        session = insert_session(
            database, *self._market, self._interval, candles, content["account"]["cash"]
        )
        insert_candles(database, session, candles)
        last = candles[-1][0]
        add_settings(database, session, SettingsRow(1, last, content), last)
        made = session_of(database, *self._market)
        assert made is not None
        return made

    def settings(
        self, row: SessionRow, content: dict[str, Any]
    ) -> tuple[SettingsRow, SettingsRow | None]:
        """Settings to run on, and those that wait for the position to end, if any.

        New ones go into the history; they apply at once where nothing is open and no tick
        has changed anything since the last close, else at the close that finds it so.
        """
        return self._ledger.transaction("settings", lambda: self._choose(row, content))

    def _choose(
        self, row: SessionRow, content: dict[str, Any]
    ) -> tuple[SettingsRow, SettingsRow | None]:
        database = self.database
        known = settings_rows(database, row.id)
        active = [entry for entry in known if entry.applied is not None][-1]
        self._waiting = None
        if not changed(active.content, content):
            return active, None
        newest = known[-1]
        if newest is active or changed(newest.content, content):
            newest = SettingsRow(newest.number + 1, None, content)
            add_settings(database, row.id, newest, row.candle)
        if not self._busy(row):
            self._apply(row.id, newest.number, row.candle)
            return newest._replace(applied=row.candle), None
        self._waiting = newest.number
        return active, newest

    def _busy(self, row: SessionRow) -> bool:
        """Whether new settings have to wait: they apply between two candles, so that what
        the old ones did within a candle is theirs alone, in a replay too."""
        database = self.database
        return bool(
            open_trade(database, row.id)
            or checkpoint_of(database, row.id).entry_order
            or rows(database, Ticks, row.id, after=row.candle)
        )

    def switch(self, after: int) -> None:
        """The waiting settings apply to what comes after the candle that opened at `after`;
        part of that candle's transaction."""
        assert self._waiting is not None
        self._apply(self._session, self._waiting, after)
        self.switched = True

    def _apply(self, session: int, number: int, after: int) -> None:
        query = SettingsHistory.update(applied=after).where(
            SettingsHistory.session == session, SettingsHistory.number == number
        )
        query.execute(self.database)

    def commit(
        self, steps: Sequence[Step], kind: str = "", also: Callable[[], None] | None = None
    ) -> None:
        """Store `steps` and do `also` (of this `kind`), all or none."""
        self._ledger.transaction(kind_of(steps, kind), lambda: self._write(steps, also))

    def _write(self, steps: Sequence[Step], also: Callable[[], None] | None) -> None:
        self._writer.write_all(steps)
        if also is not None:
            also()


def insert_session(
    database: Database,
    exchange: str,
    symbol: str,
    interval: int,
    candles: Sequence[Row],
    cash: float,
    **more: int,
) -> int:
    """The number of a new session that begins after `candles` with `cash`; part of a
    transaction."""
    last = candles[-1][0]
    made = Sessions.insert(
        exchange=exchange,
        symbol=symbol,
        interval=interval,
        began=int(time.time() * 1000),
        warm_up_from=candles[0][0],
        start=last + interval,
        candle=last,
        **untouched(cash),
        **more,
    )
    return int(made.execute(database))


def insert_candles(database: Database, session: int, candles: Sequence[Row]) -> None:
    """Keep the warm-up of a session; part of a transaction."""
    for at in range(0, len(candles), _ROWS):
        batch = [
            {"session": session, "caught_up": True, **dict(zip(CANDLE, row, strict=True))}
            for row in candles[at : at + _ROWS]
        ]
        StoredCandles.insert_many(batch).execute(database)


def add_settings(database: Database, session: int, row: SettingsRow, seen: int) -> None:
    """Add to the settings that a session has had, first `seen` after the candle that opened
    then; part of a transaction."""
    SettingsHistory.insert(
        session=session,
        number=row.number,
        seen=seen,
        applied=row.applied,
        content=json.dumps(row.content, sort_keys=True),
    ).on_conflict_ignore().execute(database)


def kind_of(steps: Sequence[Step], kind: str) -> str:
    """What a transaction holds, in words: "tick moved", "candle left ordered"."""
    words = [kind] if kind else []
    for step in steps:
        words += ["candle"] * (step.candle is not None) + ["tick"] * (step.tick is not None)
        words += [type(event).__name__.lower() for event in step.events]
    return " ".join(dict.fromkeys(words))
