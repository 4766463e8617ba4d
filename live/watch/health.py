"""Whether a session is well, as a number that a supervisor understands."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stoptrail.live.watch.snapshot import Snapshot

_FRESH = ("live", "polling")
"""First words of a connection on which entries may be made."""


class Health(IntEnum):
    """What is wrong with a session; the number is the exit code of `status`, 2 being wrong
    usage. Of several sessions the highest counts."""

    WELL = 0
    GONE = 3
    STALE = 4
    COLD = 5
    DATABASE = 6

    @property
    def words(self) -> str:
        """As people say it."""
        return _WORDS[self]


_WORDS = {
    Health.WELL: "well",
    Health.GONE: "gone",
    Health.STALE: "stale",
    Health.COLD: "not warm",
    Health.DATABASE: "database",
}


def health_of(found: Snapshot) -> Health:
    """How a session is; one that was stopped in order is well."""
    if found.state in ("gone", "failed"):
        return Health.GONE
    if found.state != "running":
        return Health.WELL
    if found.connection.partition(":")[0] not in _FRESH:
        return Health.STALE
    return Health.COLD if found.cold else Health.WELL
