"""Where a session hears commands, running or not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from peewee import Database

from stoptrail.core.database import writing
from stoptrail.core.errors import StoreError
from stoptrail.core.time import iso_time
from stoptrail.live.ledger.database import Ledger
from stoptrail.live.ledger.records import SessionRow, newest_tick, open_trade, sleeves_of
from stoptrail.live.ledger.spoken import Commands
from stoptrail.live.ledger.tables import Sessions
from stoptrail.live.watch.messages import number

PAUSED, RESUMED = "no new entries", "entries again"
_BEHIND_MS = 60_000
"""By so much a machine's clock may be behind the exchange's."""


class Obedient(Protocol):
    """What can be told to leave: an engine, a sleeve, a book."""

    @property
    def holds(self) -> bool:
        """Whether there is a position."""

    def leave_at_market(self) -> bool:
        """Send an order to leave; whether there was anything to leave."""

    def leave_at(self, price: float, time: int) -> float | None:
        """Leave at a price at `time` (ms); the fill, None where there is no position."""


class Pausable(Protocol):
    """What makes entries, or none."""

    paused: bool


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

    def obey(self, engine: Obedient, gate: Pausable, at_once: bool) -> list[str]:
        """Do what was asked since; what was done, in words.

        An order to leave is sent `at_once`, or at the next close.
        """
        return [
            text
            for row in asked_of(self.ledger, [self.session])
            for text in self.answer(row, engine, gate, at_once)
        ]

    def answer(
        self, row: dict[str, Any], engine: Obedient, gate: Pausable, at_once: bool
    ) -> list[str]:
        """Do what one row asks, unless it is in hand; what was done, in words."""
        if row["id"] == self.wants_to_leave:
            return []
        if row["price"] is not None:
            result = left_at(row["price"], engine.leave_at(row["price"], self._now()))
            self._store("command close", lambda: self._done(row["id"], result))
            return [f"close: {result}"]
        if row["verb"] == "close":
            if at_once or not engine.holds:
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

    def leave(self, engine: Obedient) -> None:
        """Send the order to leave that waited for the close, if one did (candle mode)."""
        number, self.wants_to_leave = self.wants_to_leave, None
        if number is not None:
            self._leave(number, engine)

    def _leave(self, number: int, engine: Obedient) -> str:
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
            set_paused(database, self.session, paused)


def asked_of(ledger: Ledger, sessions: Sequence[int]) -> list[dict[str, Any]]:
    """The commands to these sessions that are not done, oldest first."""
    unread = (
        Commands.select()
        .where(Commands.session.in_(sessions), Commands.done.is_null())
        .order_by(Commands.id)
    )
    return ledger.transaction("commands", lambda: list(unread.dicts().execute(ledger.database)))


class Whole:
    """A book as one that can be told to leave and to make no entries: all of its sleeves."""

    def __init__(self, seats: Sequence[Obedient], gates: Sequence[Pausable]) -> None:
        self._seats, self._gates = seats, gates
        self._tried: set[int] = set()

    @property
    def holds(self) -> bool:
        """Whether a sleeve holds a position that was not told to leave."""
        return any(seat.holds for at, seat in enumerate(self._seats) if at not in self._tried)

    @property
    def paused(self) -> bool:
        """Whether no sleeve makes entries."""
        return all(gate.paused for gate in self._gates)

    @paused.setter
    def paused(self, paused: bool) -> None:
        for gate in self._gates:
            gate.paused = paused

    def leave_at_market(self) -> bool:
        """Whether every position was told to leave; each is at the close of its own market."""
        left, self._tried = bool(self._tried), set()
        return left

    def leave_at(self, price: float, time: int) -> float | None:
        """None: a price is of one market."""

    def tell_all(self) -> None:
        """Let every sleeve leave."""
        for at in range(len(self._seats)):
            self.tell(at)

    def tell(self, at: int) -> None:
        """Let the sleeve at this place, whose candle has closed, leave."""
        if self._seats[at].holds:
            self._tried.add(at)
            self._seats[at].leave_at_market()


class BookControl:
    """The commands of a book and of its sleeves; `controls` in the order of the book. Whoever is
    told to leave does so at the next close of its own market, by ticks at once."""

    def __init__(
        self,
        own: SessionControl,
        controls: Sequence[SessionControl],
        seats: Sequence[Obedient],
        gates: Sequence[Pausable],
    ) -> None:
        self.session, self._own, self._controls = own.session, own, controls
        self._seats, self._gates = seats, gates
        self._whole = Whole(seats, gates)

    def obey(self, at_once: bool) -> list[tuple[int, str]]:
        """Do what was asked since: place of the sleeve (-1: the whole), and what was done. An order
        to leave is sent `at_once`, or at the next close."""
        places = {control.session: at for at, control in enumerate(self._controls)}
        found = []
        for row in asked_of(self._own.ledger, [self.session, *places]):
            at = places.get(row["session"], -1)
            if at < 0:
                if at_once and row["verb"] == "close" and row["price"] is None:
                    self._whole.tell_all()
                told = self._own.answer(row, self._whole, self._whole, at_once)
            else:
                told = self._controls[at].answer(row, self._seats[at], self._gates[at], at_once)
            found += [(at, text) for text in told]
        return found

    def leave(self, closed: Sequence[int]) -> None:
        """Send the orders to leave that waited for the close of the sleeves at these places."""
        for at in closed:
            if self._own.wants_to_leave is not None:
                self._whole.tell(at)
            self._controls[at].leave(self._seats[at])
        if self._own.wants_to_leave is not None and not self._whole.holds:
            self._own.leave(self._whole)


def set_paused(database: Database, session: int, paused: bool) -> None:
    """Let a session, of a book all of its sleeves, know of a pause or its end."""
    its = (Sessions.id == session) | (Sessions.book == session)
    Sessions.update(paused=paused).where(its).execute(database)


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


def set_aside(database: Database, row: SessionRow, verb: str, price: float | None) -> str:
    """Carry a command out for a session that no process runs, or leave it for its next
    start; the answer. The caller holds the market's lock."""
    own = [row.id, *(sleeve.id for sleeve in sleeves_of(database, row.id))]
    if verb == "close" and price is None:
        if all(open_trade(database, session) is None for session in own):
            return "there is no position"
        ask(database, row.id, verb)
        return "the position is left when it starts again; until then its stop does not work"
    from stoptrail.live.without_market import leave_at

    now = int(time.time() * 1000)
    with writing(database):
        if price is not None:
            when, said = moment_now(database, row, now)
            fill = leave_at(database, row, price, when)
            result = left_at(price, fill) + (said if fill is not None else "")
        else:
            paused = verb == "pause"
            result = PAUSED if paused else RESUMED
            set_paused(database, row.id, paused)
        number_ = ask(database, row.id, verb, price)
        query = Commands.update(done=now, result=result).where(Commands.id == number_)
        query.execute(database)
    return result


def moment_now(database: Database, row: SessionRow, now: int) -> tuple[int, str]:
    """The time (ms) of what is done to a session that does not run, by this machine's clock, which
    says `now`, and its words. Raises StoreError where that lies before what the ledger has of the
    market."""
    last = max(row.candle + row.interval, newest_tick(database, row.id))
    if now < last - _BEHIND_MS:
        raise StoreError(
            f"this machine's clock says {_second(now)}, but the ledger knows the market of session "
            f"{row.id} up to {_second(last)}: set the clock, then close --at again"
        )
    said = f", at {_second(max(now, last))} by this machine's clock"
    if now > last + row.interval:
        said += f" (the ledger knows the market up to {_second(last)})"
    return max(now, last), said


def _second(moment: int) -> str:
    return iso_time(moment // 1000 * 1000)


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
