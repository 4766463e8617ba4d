"""Whether a session beats, for who looks on from a machine whose clock may be another one."""

from __future__ import annotations

import socket
import time
from typing import Any

from peewee import Database

from stoptrail.live.ledger.spoken import Presence
from stoptrail.live.watch.presence import SILENT_MS, presence_of

_LOOK_SECONDS = 3.0
"""A running session beats once a second."""
_PAUSE_SECONDS = 0.1
_SOON_MS = 2_000
"""A beat further in the future than this was written by another clock, or before this one was
set back."""


class Beats:
    """What was seen of the beats of a ledger's sessions.

    A beat says by its writer's clock when it was. One that looks too old or too new may be of a
    clock that is off: then the session is watched until it beats again, once for each beat, and
    all sessions of the ledger at a time.
    """

    def __init__(self) -> None:
        self._lead: dict[int, int] = {}
        """By how much the clock of a session's machine is ahead of this one's, ms."""
        self._still: dict[int, int] = {}
        """The beat behind which none came while it was watched."""
        self._first: dict[int, tuple[int, float]] = {}
        """The beat with which watching began, and when that was by the monotonic clock."""

    def clock_lead(self, database: Database, session: int, presence: dict[str, Any]) -> int | None:
        """By how much the clock of the session's machine is ahead of this one's, ms, where its
        beats show it, else 0; None where it runs by its own words, but does not beat."""
        known = self._lead.get(session, 0)
        if presence.get("state") != "running":
            return known
        beat = int(presence["beat"])
        if not _doubtful(beat, known, presence["host"]):
            return known
        if self._still.get(session) == beat:
            return None
        first, since = self._watched(database, session)
        while beat == first:
            if time.monotonic() - since > _LOOK_SECONDS:
                self._still[session] = beat
                return None
            time.sleep(_PAUSE_SECONDS)
            beat = int((presence_of(database, session) or presence)["beat"])
        found = int(beat - time.time() * 1000)
        self._lead[session] = found if abs(found) > _SOON_MS else 0
        return self._lead[session]

    def _watched(self, database: Database, session: int) -> tuple[int, float]:
        """The beat with which watching this session began, and when; all begin together."""
        now = time.monotonic()
        if session not in self._first or now - self._first[session][1] > 2 * _LOOK_SECONDS:
            beats = Presence.select(Presence.session, Presence.beat).tuples().execute(database)
            self._first |= {number: (beat, now) for number, beat in beats}
        return self._first[session]


def _doubtful(beat: int, lead: int, host: str) -> bool:
    """Whether the clocks must be told apart before a `beat` can be judged: a session on this
    machine has the same."""
    silent = time.time() * 1000 + lead - beat
    return silent < -_SOON_MS or (silent > SILENT_MS and host != socket.gethostname())
