"""One step of a session: everything that a candle or a tick changed, one transaction."""

from __future__ import annotations

import math
from typing import NamedTuple

from stoptrail.exchange.rows import Row
from stoptrail.live.journal import Funded, Happening
from stoptrail.rules.book import Allowed
from stoptrail.rules.margin import Mark
from stoptrail.rules.protections import Guard
from stoptrail.rules.stops import StopRules
from stoptrail.rules.types import Checkpoint


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
    """How many ticks have changed something by now; of a sleeve the number of its book's moment."""
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
    mark: Mark | None = None
    """The candle's mark prices, where they are known."""


class SleeveStep(NamedTuple):
    """What a step of a book changed at one sleeve."""

    number: int
    """Of the sleeve, from 1."""
    step: Step
    allowed: Allowed


class BookAccount(NamedTuple):
    """Where the account of a book stands."""

    balance: float
    """Cash as it would be with every open position undone."""
    guard: Guard
    moments: int
    """How often something came that counts so far: steps, and ticks at sleeves that these
    changed."""
    steps: int
    """Taken so far."""
    closes: int
    """When the newest candle so far closed, ms."""
    equity: float
    """At the last step, with what is known of it by now."""
    cash: float
    """Of that equity, what no position ties up."""
    free: float | None = None
    """Cash for entries until the next step; None: what is free now."""
    peak_before: float | None = None
    """The guard's peak before the last mark at 00:00 UTC; None: that of now."""


class BookStep(NamedTuple):
    """What has to be stored together of a book: a step of all markets whose candles closed, or
    what came about between two steps."""

    opens: int | None
    """Open time of the candles that closed; None between two steps."""
    account: BookAccount
    sleeves: tuple[SleeveStep, ...]

    @property
    def caught_up(self) -> bool:
        """Whether the session was down when its candles closed."""
        return all(part.step.caught_up for part in self.sleeves)

    @property
    def by_tick(self) -> bool:
        """Whether a tick brought it about."""
        return any(part.step.tick is not None for part in self.sleeves)

    @property
    def marks(self) -> bool:
        """Whether it says what the account is worth: at closes, and once funding is known."""
        events = (event for part in self.sleeves for event in part.step.events)
        return self.opens is not None or any(isinstance(event, Funded) for event in events)
