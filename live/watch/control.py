"""Where a session hears commands, running or not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from peewee import Database

from stoptrail.core.database import writing
from stoptrail.live.ledger.database import Ledger
from stoptrail.live.ledger.records import SessionRow, open_trade
from stoptrail.live.ledger.spoken import Commands
from stoptrail.live.ledger.tables import Sessions
from stoptrail.live.watch.messages import number

if TYPE_CHECKING:
    from stoptrail.live.engine import Engine
    from stoptrail.live.gate import Gate

PAUSED, RESUMED = "no new entries", "entries again"


class SessionControl:
    """The commands of one session.

    `store(kind, work)` commits `work` in one transaction with the steps that wait to be
    stored: a command and what it brought about are stored together or not at all. `now`
    tells the market's time in ms.
    """

    def __init__(
        self,
        ledger: Ledger,
        session: int,
        store: Callable[[str, Callable[[], None]], None],
        now: Callable[[], int],
    ) -> None:
        self.session = session
        self.ledger = ledger
        self._store = store
        self._now = now
        self.wants_to_leave: int | None = None
        """Number of a command to leave at the next close (candle mode)."""

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
        if row["price"] is not None:
            result = left_at(row["price"], engine.leave_at(row["price"], self._now()))
            self._store("command close", lambda: self._done(row["id"], result))
            return [f"close: {result}"]
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


def left_at(price: float, fill: float | None) -> str:
    """The answer to a wish to leave at `price`, which brought about `fill`."""
    if fill is None:
        return "there is no position"
    tick = "" if fill == price else f" ({number(price)} on the market's tick)"
    return f"left at {number(fill)}, the price that was named{tick}"


def ask(database: Database, session: int, verb: str, price: float | None = None) -> int:
    """Leave a command for a session; its number. `price`: at which "close" leaves."""
    now = int(time.time() * 1000)
    query = Commands.insert(session=session, verb=verb, asked=now, price=price)
    return int(query.execute(database))


def set_aside(database: Database, row: SessionRow, verb: str, price: float | None = None) -> str:
    """Carry a command out for a session that no process runs, or leave it for its next
    start; the answer. The caller holds the market's lock."""
    if verb == "close" and price is None:
        if open_trade(database, row.id) is None:
            return "there is no position"
        ask(database, row.id, verb)
        return "the position is left when it starts again; until then its stop does not work"
    from stoptrail.live.without_market import leave_at

    now = int(time.time() * 1000)
    with writing(database):
        if price is not None:
            result = left_at(price, leave_at(database, row, price, now))
        else:
            paused = verb == "pause"
            result = PAUSED if paused else RESUMED
            Sessions.update(paused=paused).where(Sessions.id == row.id).execute(database)
        number_ = ask(database, row.id, verb, price)
        query = Commands.update(done=now, result=result).where(Commands.id == number_)
        query.execute(database)
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
