"""One step of a session: everything that a candle or a tick changed, one transaction."""

from __future__ import annotations

import math
from typing import NamedTuple

from stoptrail.exchange.rows import Row
from stoptrail.live.journal import Happening
from stoptrail.rules.checkpoint import Checkpoint
from stoptrail.rules.stops import StopRules


class StoredTick(NamedTuple):
    """A tick that changed something."""

    number: int
    """1 for the first of the session."""
    after: int
    """Open time of the last candle before it."""
    time: int
    price: float
    bid: float
    """NaN where there was no quote."""
    ask: float
    ahead: bool
    quote_age: float = math.nan
    """Milliseconds by which the quote is older than the newest trade; NaN without one."""
    quote_rule: str = ""
    """How the quote was found to be of the moment; empty without one."""


class Step(NamedTuple):
    """What has to be stored together."""

    candle: Row | None
    """The candle that closed."""
    tick: StoredTick | None
    """The tick that changed something."""
    after: int
    """Open time of the last candle processed, this one included."""
    ticks: int
    """How many ticks have changed something by now."""
    events: tuple[Happening, ...]
    checkpoint: Checkpoint
    equity: float
    """At the last close, with what is known of it by now."""
    cash: float
    """Of that equity."""
    funding: float
    """Booked so far for the open position; 0 where there is none."""
    rules: StopRules
    settings: int
    """Number of the settings in force."""
    caught_up: bool
    """Whether the session was down when this happened on the market."""
