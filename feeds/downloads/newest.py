"""Whether the newest candle of an exchange has closed for good."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stoptrail.core.time import HOUR_MS, iso
from stoptrail.exchange.client import has_clock
from stoptrail.exchange.history import History

SETTLES_MS = 10_000
"""For so long after its end a candle may lack its last trades: exchanges count them late."""


def end_of_closed(
    exchange: Any,
    history: History,
    interval: int,
    end: int,
    now: int,
    notice: Callable[[str], None],
) -> int:
    """Up to where, at most to `end`, candles have closed for good at the exchange's time `now`.

    By its clock; the newest one is left out where it has none, and within SETTLES_MS of its end
    where no trade of a later one is there yet, which `notice` is told. Milliseconds.
    """
    closed, clocked = now - now % interval, has_clock(exchange)
    fresh = end >= closed > now - SETTLES_MS
    if clocked and not fresh:
        return end
    newest = history.newest(closed)
    if newest and not clocked and newest[0] + 2 * interval > now - HOUR_MS:
        end = min(end, newest[0])  # who knows whether it has closed
    followed = newest is not None and newest[0] >= closed and newest[5] > 0.0
    if not fresh or followed or end < closed:
        return end
    before = closed - interval
    notice(
        f"{exchange.id}: the candle of {iso(before)} ended {(now - closed) / 1000:.0f} s ago and "
        "may lack its last trades: left out, the next download asks for it"
    )
    return before
