"""What a session hears of its market: the newest price, and whether the data is complete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stoptrail.core.time import iso_time
from stoptrail.live.market.events import (
    ConnectionBack,
    ConnectionLost,
    Event,
    Notice,
    Tick,
)
from stoptrail.live.protocols import MarketStore
from stoptrail.live.watch.messages import number

_UNTIL_BACK = "no new entries, stops work by the prices that still come"


class MarketStatus:
    """Hears every event of the market data; `say(kind, text)` gets what is news of it,
    `completed` is called when data that was missing has been delivered."""

    def __init__(
        self, say: Callable[[str, str], None], completed: Callable[[], None] = lambda: None
    ) -> None:
        self.price: tuple[int, float] | None = None
        """Time and price of the newest trade or close."""
        self.store: MarketStore | None = None
        """Where the data comes from at present."""
        self._lost = ""
        """Why the data is stale; empty while it is not."""
        self._silent = False
        """Whether nothing has come for so long that the data is stale, as was said."""
        self._missing = False
        """Whether the exchange has not given all since then."""
        self._say = say
        self._completed = completed

    def heard(self, event: Event) -> None:
        """Take notice of one event."""
        if isinstance(event, Tick):
            self.price = (event.time, event.price)
        elif isinstance(event, ConnectionLost):
            self._lost = event.reason or "connection lost"
            self._say("connection", f"lost: {self._lost}; {_UNTIL_BACK}")
        elif isinstance(event, ConnectionBack):
            if self._lost:
                whole = "back, and complete"
                short = "back, without the candles that the exchange did not give"
                self._say("connection", short if self._missing else whole)
            self._lost, self._missing = "", False
            self._completed()
        elif isinstance(event, Notice):
            self._missing |= event.kind == "not served"
            self._say("notice", event.text)

    def look(self) -> None:
        """Say that nothing comes any more, where nobody has told why, and that something does."""
        if self.store is None or self._lost:
            self._silent = False
            return
        found = self.store.connection
        silent = found.state == "stale"
        if silent and not self._silent:
            self._say("connection", f"lost: {found.reason}; no new entries")
        elif self._silent and not silent:
            self._say("connection", "something comes again")
        self._silent = silent

    def lose(self, reason: str) -> None:
        """Its data has ended, as was said: stale until it is back."""
        self._lost, self._missing = reason, False

    @property
    def stale(self) -> bool:
        """Whether the data cannot be relied on now: no entries."""
        return bool(self._lost) or (
            self.store is not None and self.store.connection.state == "stale"
        )

    @property
    def connection(self) -> str:
        """The state of the data, in words."""
        if self.store is None:
            return f"stale: {self._lost}" if self._lost else "closed"
        found = self.store.connection
        if found.state == "stale":
            return f"stale: {found.reason}, since {iso_time(int(found.since) * 1000)}"
        if self._lost:
            return f"stale: {self._lost}"
        return f"{found.state}: {found.reason}" if found.reason else str(found.state)


class Alarm:
    """In candle mode a tick at the stop changes nothing yet: that is said, once a level."""

    def __init__(self) -> None:
        self._level: float | None = None
        """Of which it was said last."""

    def of(self, engine: Any, tick: Tick) -> str:
        """What is to be said of a tick that has changed nothing; empty where nothing is."""
        if engine.strategy is None or not engine.broker.touched(tick.price):
            return ""
        level = engine.strategy.manager.stop.level
        if level == self._level:
            return ""
        self._level = level
        reached = f"{number(tick.price)} has reached the stop {number(level)}"
        return f"{reached}: settled at the close"
