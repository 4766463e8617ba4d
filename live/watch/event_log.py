"""What a session told people, kept in its ledger for those who look on: connections, alarms,
errors and the like, which no other table tells."""

from __future__ import annotations

from collections import deque

from peewee import Database, fn

from stoptrail.live.ledger.spoken import Events
from stoptrail.live.watch.messages import Message

KEPT = 1000
"""Newest messages that stay."""


class EventLog:
    """Waits with messages until the session writes that it is there."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, Message]] = deque(maxlen=KEPT)
        self._told = 0
        self._last: int | None = None
        """Number of the last one that the ledger had when this process first wrote."""

    def remember(self, message: Message) -> None:
        """Keep the message until it is written."""
        self._told += 1
        self._waiting.append((self._told, message))

    def write(self, database: Database, session: int) -> None:
        """Write what waits, in the caller's transaction; again leaves the same rows."""
        if not self._waiting:
            return
        if self._last is None:
            self._last = newest_number(database, session)
        for number, message in self._waiting:
            key = {"session": session, "number": self._last + number}
            told = {"time": message.time, "kind": message.kind, "text": message.text}
            Events.insert(**key, **told).on_conflict_ignore().execute(database)
        oldest = self._last + self._told - KEPT
        Events.delete().where(Events.session == session, Events.number <= oldest).execute(database)

    def written(self) -> None:
        """The transaction was committed."""
        self._waiting.clear()


def newest_number(database: Database, session: int) -> int:
    """Number of the session's newest message; 0 before the first."""
    newest = Events.select(fn.MAX(Events.number)).where(Events.session == session)
    return int(newest.scalar(database) or 0)
