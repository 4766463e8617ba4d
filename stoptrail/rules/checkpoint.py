"""What a run carries from one candle to the next, besides its indicators."""

from __future__ import annotations

from typing import NamedTuple

from stoptrail.rules.protections import Guard
from stoptrail.rules.sizing import NO_CLOSED_TRADES, ClosedTrades
from stoptrail.rules.stops import Stop
from stoptrail.rules.trade import EntryOrder, Position


class Checkpoint(NamedTuple):
    """A run between two candles: enough to go on with it in another process."""

    balance: float
    """Cash as it was before the open position, quote currency."""
    position: Position | None
    stop: Stop | None
    """The working stop of `position`."""
    opening: Stop | None
    """The stop that was in force when the candle under way began, where a tick has
    moved it since; its `extreme` has no meaning."""
    entry_order: EntryOrder | None
    """An entry order that waits for its fill."""
    guard: Guard
    quiet_until: int
    """Index of the first candle whose signal counts after the last exit (C10)."""
    history: ClosedTrades = NO_CLOSED_TRADES
    """Closed trades, as far as a size depends on them."""
    peak_before: float = 0.0
    """The guard's peak before its last mark at 00:00 UTC."""
