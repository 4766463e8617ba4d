"""Whether market data can be relied on at this moment."""

from __future__ import annotations

import time
from typing import Literal, NamedTuple

State = Literal["connecting", "live", "polling", "stale", "closed"]


class Connection(NamedTuple):
    """State of the market data; only "live" and "polling" allow new entries."""

    state: State
    since: float
    """Seconds since the epoch at which the state began (for people, not for decisions)."""
    reason: str = ""
    """Why, in words; empty where all is well."""

    @property
    def fresh(self) -> bool:
        """Whether a new entry may be made on this data."""
        return self.state in ("live", "polling")


def connection(state: State, reason: str = "") -> Connection:
    """A connection that has this state from now on."""
    return Connection(state, time.time(), reason)
