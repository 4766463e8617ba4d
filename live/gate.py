"""What stands against entries in a session, besides the strategy's own rules."""

from __future__ import annotations

from collections.abc import Callable

from stoptrail.rules.book import BOOK_IGNORED

REASONS = (*BOOK_IGNORED, "missed", "stale", "paused", "settings")
"""Names of why a signal led to no trade, by code: the rules' own, a book's among them,
then a session's."""
MISSED = REASONS.index("missed")
"""The session was down, so that nobody could have made the entry."""
STALE = REASONS.index("stale")
"""The market data was stale."""
PAUSED = REASONS.index("paused")
"""A person wants no entries."""
CHANGING = REASONS.index("settings")
"""New settings are about to apply."""


class Gate:
    """What may still become of a signal that was not heard at once.

    A signal that is known `in_time` (a function of its candle's open time: whether that
    candle closed a moment ago only) enters as if nothing had been, once the data is
    complete. An older one is simulated at the next candle's open where `catch_up` is
    "full", never at a quote of now, and is missed where it is "stops_only".
    `stale`: whether the market data cannot be relied on now.
    """

    def __init__(
        self,
        catch_up: str,
        stale: Callable[[], bool],
        in_time: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self.paused = False
        self.changing = False
        """Whether new settings wait for the position to end."""
        self.live_from = 0
        """Open time of the first candle that the session saw live, ms."""
        self._full = catch_up == "full"
        self._stale = stale
        self._in_time = in_time
        self._waits: int | None = None
        """Signal whose order waits until the data is complete."""
        self._late: tuple[int, int] | None = None
        """Signal whose order is too late for ticks, and why."""
        self._simulated: int | None = None
        """Open time of the candle in which such an order filled."""

    def begin(self, signal: int | None) -> None:
        """Take over an order of the candle that opened at `signal` from an earlier process."""
        self._waits = self._late = self._simulated = None
        if signal is not None and not self._in_time(signal):
            self._late = signal, MISSED

    def signal(self, time: int) -> int | None:
        """Why a signal of the candle that opened at `time` may not lead to an entry."""
        self._waits = self._late = self._simulated = None
        if self.paused:
            return PAUSED
        if self.changing:
            return CHANGING
        down, stale = time < self.live_from, self._stale()
        if not down and not stale:
            return None
        if self._in_time(time):
            self._waits = time if stale else None
            return None
        reason = MISSED if down else STALE
        self._late = (time, reason) if self._full else None
        return None if self._full else reason

    def completed(self) -> None:
        """The data is complete again: an order that waited for it fills if it still may."""
        if self._waits is not None and not self._in_time(self._waits):
            self._late = self._waits, STALE
        self._waits = None

    def tick(self) -> bool:
        """Whether the entry order may fill at a tick now."""
        if self._waits is not None:
            if self._stale():
                return False
            self.completed()
        return self._late is None

    def fill(self, time: int) -> int | None:
        """Why an entry order may not fill in the candle that opened at `time`."""
        if self._waits is not None and self._stale():
            self._late, self._waits = (self._waits, STALE), None
        if self._full:
            self._simulated = None if self._late is None else time
            return None
        if self._late is not None:
            return self._late[1]
        return MISSED if time < self.live_from else None

    def caught_up(self, time: int) -> bool:
        """Whether what was done at the candle that opened at `time` was done afterwards: the
        session was down then, or an order was simulated that came too late."""
        late = self._late is not None and time in (self._late[0], self._simulated)
        return late or time < self.live_from
