"""What a run carries from one candle to the next, besides its indicators."""

from __future__ import annotations

from typing import NamedTuple

from rules.protections import Guard
from rules.stops import Stop
from rules.trade import Position, Ticket


class Standing(NamedTuple):
    """A run between two candles: enough to go on with it in another process."""

    balance: float
    """Cash as it was before the open position, quote currency."""
    position: Position | None
    stop: Stop | None
    """The working stop of `position`."""
    opening: Stop | None
    """The stop that was in force when the candle under way began, where a tick has
    moved it since; its `extreme` has no meaning."""
    ticket: Ticket | None
    """An entry order that waits for its fill."""
    guard: Guard
    quiet_until: int
    """Index of the first candle whose signal counts after the last exit (C10)."""
