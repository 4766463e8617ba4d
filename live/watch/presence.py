"""What a running session says of itself in its ledger, from its start to its end."""

from __future__ import annotations

import json
import logging
import math
import os
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from peewee import Database

from stoptrail.core.errors import LedgerError, StoreError
from stoptrail.core.time import iso_time
from stoptrail.live.ledger.database import Ledger
from stoptrail.live.ledger.records import session_of
from stoptrail.live.ledger.spoken import Presence
from stoptrail.live.watch.event_log import EventLog

if TYPE_CHECKING:
    from stoptrail.live.watch.watched import Watched

log = logging.getLogger("stoptrail.live")

SILENT_MS = 15_000
"""Age of a session's last sign after which it counts as gone."""
_BEFORE = {
    "running": "was last heard of",
    "starting": "was starting",
    "stopped": "was stopped",
    "failed": "failed",
}
"""What a restart says of the life before."""


class Attendance:
    """The presence of one market's session; `say(kind, text)` gets its first and last word,
    `restarts` counts how often a process has taken it up again; `events` are written with it.
    One that the ledger does not have yet writes nothing."""

    def __init__(
        self,
        ledger: Ledger,
        exchange: str,
        symbol: str,
        say: Callable[[str, str], None],
        events: EventLog,
    ) -> None:
        self.restarts = 0
        self._events = events
        self._ledger = ledger
        self._market = (exchange, symbol)
        self._say = say
        self._arrived = False
        self._before: dict[str, Any] | None = None
        self._began = False

    def claim(self) -> None:
        """Take the market for this session; StoreError where another one runs."""
        market = " ".join(self._market)
        if not self._ledger.lock(market):
            who = whereabouts(self._ledger, *self._market)
            raise StoreError(
                f"a session of {market} runs in this database already{who}: stop it first, or "
                "give this one another [database] url"
            )

    @property
    def last_beat(self) -> int | None:
        """When the life before was last heard of, ms; None where there was none."""
        return None if self._before is None else int(self._before["beat"])

    def starting(self, text: str) -> None:
        """Say that the session begins, and what it waits for. Raises LedgerError."""
        session = self._session()
        if session is None:
            return
        if not self._began:
            self._before = presence_of(self._ledger.database, session)
            self._began = True
        self._write(session, "starting", {"connection": f"starting: {text}"})

    def arrived(self, session: int) -> None:
        """Say how the session begins: anew, or again after what. Raises LedgerError."""
        exchange, symbol = self._market
        text = f"session {session} of {exchange} {symbol}"
        before, self._arrived = self._before, True
        if before is not None:
            self.restarts = int(before["restarts"]) + 1
            query = Presence.update(restarts=self.restarts).where(Presence.session == session)
            self._ledger.transaction("restart", lambda: query.execute(self._ledger.database))
            how = _BEFORE.get(before["state"], before["state"])
            text += f", again: it {how} at {iso_time(before['beat'])}"
        self._say("started", text)

    def beat(self, session: Watched, state: str) -> None:
        """Say that the session is there, and what it sees. Raises LedgerError."""
        time_, price = session.market.price or (None, None)
        forecast = session.forecast
        seen = {"price": price, "price_time": time_, "reading": json.dumps(session.reading)}
        seen["forecast_rate"] = None if forecast is None else forecast.rate
        seen["forecast_time"] = None if forecast is None else forecast.time
        self._write(session.number, state, {"connection": session.market.connection, **seen})

    def over(self, stopped: str, trouble: str, reachable: bool) -> None:
        """Leave word that the session has ended, and why: `stopped` in order, or failed by
        `trouble`; in the ledger too where it is `reachable`, but not at any price."""
        if self._arrived:
            self._say("stopped", f"{stopped or 'it failed'}; the position is kept")
        elif stopped:
            self._say("stopped", f"{stopped} before it began; the ledger is as it was")
        if not reachable:
            return
        state, why = ("stopped", stopped) if stopped else ("failed", trouble or "it failed")
        try:
            session = self._session()
            if session is not None:
                self._write(session, state, {"connection": f"closed: {why}"})
        except LedgerError as error:
            log.error("%s", error)

    def _session(self) -> int | None:
        row = self._ledger.transaction(
            "session", lambda: session_of(self._ledger.database, *self._market)
        )
        return None if row is None else row.id

    def _write(self, session: int, state: str, seen: dict[str, Any]) -> None:
        database = self._ledger.database

        def write() -> None:
            values = {
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "beat": int(time.time() * 1000),  # of this try: there may have been many before
                "state": state,
                **seen,
            }
            query = Presence.insert(session=session, **{"reading": "{}", **values})
            update = {getattr(Presence, name): value for name, value in values.items()}
            put = query.on_conflict(conflict_target=[Presence.session], update=update)
            put.execute(database)
            self._events.write(database, session)

        self._ledger.transaction(f"presence {state}", write)
        self._events.written()


def presence_of(database: Database, session: int) -> dict[str, Any] | None:
    """What a session last said of itself."""
    found = list(Presence.select().where(Presence.session == session).dicts().execute(database))
    return found[0] if found else None


def whereabouts(ledger: Ledger, exchange: str, symbol: str) -> str:
    """Who runs the session of a market, as far as it is known."""
    row = session_of(ledger.database, exchange, symbol)
    found = row and presence_of(ledger.database, row.id)
    return f" (process {found['pid']} on {found['host']})" if found else ""


def reading_of(engine: Any) -> dict[str, float]:
    """What the indicators of an engine or a sleeve say at the last close, by name, as far
    as they tell."""
    if engine is None or engine.strategy is None:
        return {}
    strategy = engine.strategy
    shown = {"atr": strategy.atr[0], "zone": strategy.zone[0], **strategy.signal.reading}
    return {name: value for name, value in shown.items() if math.isfinite(value)}
