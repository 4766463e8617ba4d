"""Where a running session hears commands and says that it is there."""

from __future__ import annotations

import json
import math
import os
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from peewee import Database

from stoptrail.live.ledger.database import Ledger
from stoptrail.live.ledger.records import open_trade, session_of
from stoptrail.live.ledger.tables import Commands, Presence, Sessions

if TYPE_CHECKING:
    from stoptrail.live.engine import Engine
    from stoptrail.live.gate import Gate
    from stoptrail.live.watch.watched import Watched

VERBS = ("pause", "resume", "close")
PAUSED, RESUMED = "no new entries", "entries again"


class SessionControl:
    """The commands and the presence of one session.

    `store(kind, work)` commits `work` in one transaction with the steps that wait to be
    stored: a command and what it brought about are stored together or not at all.
    """

    def __init__(
        self, ledger: Ledger, session: int, store: Callable[[str, Callable[[], None]], None]
    ) -> None:
        self.session = session
        self.ledger = ledger
        self._store = store
        self.wants_to_leave: int | None = None
        """Number of a command to leave at the next close (candle mode)."""

    @staticmethod
    def whereabouts(ledger: Ledger, exchange: str, symbol: str) -> str:
        """Who runs the session of a market, as far as it is known."""
        row = session_of(ledger.database, exchange, symbol)
        found = row and presence_of(ledger.database, row.id)
        return f" (process {found['pid']} on {found['host']})" if found else ""

    def beat(self, session: Watched, state: str) -> None:
        """Say that the session is there, and what it sees."""
        time_, price = session.market.price or (None, None)
        values = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "beat": int(time.time() * 1000),
            "state": state,
            "connection": session.market.connection,
            "price": price,
            "price_time": time_,
            "reading": json.dumps({**reading_of(session.engine), "warm_from": session.warm_from}),
        }
        self.ledger.transaction(f"presence {state}", lambda: self._write(values))

    def _write(self, values: dict[str, Any]) -> None:
        query = Presence.insert(session=self.session, **values)
        update = {getattr(Presence, name): value for name, value in values.items()}
        query.on_conflict(conflict_target=[Presence.session], update=update).execute(
            self.ledger.database
        )

    def obey(self, engine: Engine, gate: Gate, at_once: bool) -> list[str]:
        """Do what was asked since; what was done, in words.

        An order to leave is sent `at_once`, or at the next close.
        """
        asked = (
            Commands.select()
            .where(Commands.session == self.session, Commands.done.is_null())
            .order_by(Commands.id)
        )
        found = self.ledger.transaction(
            "commands", lambda: list(asked.dicts().execute(self.ledger.database))
        )
        return [
            text
            for row in found
            if row["id"] != self.wants_to_leave
            for text in self._do(row, engine, gate, at_once)
        ]

    def _do(self, row: dict[str, Any], engine: Engine, gate: Gate, at_once: bool) -> list[str]:
        if row["verb"] == "close":
            if at_once or engine.broker.open is None:
                return [self._leave(row["id"], engine)]
            self.wants_to_leave = row["id"]
            result = "the position is left at the open after the next close"
            self._store("command close", lambda: self._noted(row["id"], result))
            return [f"close: {result}"]
        gate.paused = row["verb"] == "pause"
        result = PAUSED if gate.paused else RESUMED
        self._store(
            f"command {row['verb']}", lambda: self._done(row["id"], result, paused=gate.paused)
        )
        return [f"{row['verb']}: {result}"]

    def leave(self, engine: Engine) -> None:
        """Send the order to leave that waited for the close, if one did (candle mode)."""
        number, self.wants_to_leave = self.wants_to_leave, None
        if number is not None:
            self._leave(number, engine)

    def _leave(self, number: int, engine: Engine) -> str:
        sent = engine.leave_at_market()
        result = "order sent" if sent else "there is no position"
        self._store("command close", lambda: self._done(number, result))
        return f"close: {result}"

    def _noted(self, number: int, result: str) -> None:
        query = Commands.update(result=result).where(Commands.id == number)
        query.execute(self.ledger.database)

    def _done(self, number: int, result: str, paused: bool | None = None) -> None:
        database = self.ledger.database
        done = {"done": int(time.time() * 1000), "result": result}
        Commands.update(**done).where(Commands.id == number).execute(database)
        if paused is not None:
            Sessions.update(paused=paused).where(Sessions.id == self.session).execute(database)


def ask(database: Database, session: int, verb: str) -> int:
    """Leave a command for a session; its number."""
    now = int(time.time() * 1000)
    return int(Commands.insert(session=session, verb=verb, asked=now).execute(database))


def set_aside(database: Database, session: int, verb: str) -> str:
    """Carry a command out for a session that no process runs, or leave it for its next
    start; the answer. The caller holds the market's lock."""
    if verb == "close":
        if open_trade(database, session) is None:
            return "there is no position"
        ask(database, session, verb)
        return "the position is left when it starts again; until then its stop does not work"
    paused = verb == "pause"
    result = PAUSED if paused else RESUMED
    now = int(time.time() * 1000)
    with database.atomic():
        Commands.insert(session=session, verb=verb, asked=now, done=now, result=result).execute(
            database
        )
        Sessions.update(paused=paused).where(Sessions.id == session).execute(database)
    return result


def answer_of(database: Database, number: int) -> str | None:
    """What a session did or will do about a command; None while it has not seen it."""
    row = Commands.select().where(Commands.id == number).dicts().execute(database)[0]
    return None if row["result"] is None else str(row["result"])


def withdraw(database: Database, number: int) -> bool:
    """Take back a command that nobody answers; False where a session has it in hand."""
    query = Commands.update(done=int(time.time() * 1000), result="withdrawn").where(
        Commands.id == number, Commands.result.is_null()
    )
    return bool(query.execute(database))


def presence_of(database: Database, session: int) -> dict[str, Any] | None:
    """What a session last said of itself."""
    found = list(Presence.select().where(Presence.session == session).dicts().execute(database))
    return found[0] if found else None


def restarted(ledger: Ledger, session: int, before: int) -> int:
    """Count a restart of the session, which had `before` of them; their number now."""
    query = Presence.update(restarts=before + 1).where(Presence.session == session)
    ledger.transaction("restart", lambda: query.execute(ledger.database))
    return before + 1


def reading_of(engine: Engine | None) -> dict[str, float]:
    """What the signal's indicators say at the last close, by name, as far as they tell."""
    if engine is None or engine.strategy is None:
        return {}
    strategy = engine.strategy
    shown = {"atr": strategy.atr[0], "zone": strategy.zone[0], **strategy.signal.reading}
    return {name: value for name, value in shown.items() if math.isfinite(value)}
