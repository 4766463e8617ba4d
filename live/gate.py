"""What stands against entries in a session, besides the strategy's own rules."""

from __future__ import annotations

from collections.abc import Callable

from stoptrail.rules.trade import IGNORED

REASONS = (*IGNORED, "missed", "stale", "paused", "settings")
"""Names of why a signal led to no trade, by code: the rules' own, then a session's."""
MISSED = REASONS.index("missed")
"""The session was down, so that nobody could have made the entry."""
STALE = REASONS.index("stale")
"""The market data was stale."""
PAUSED = REASONS.index("paused")
"""A person wants no entries."""
CHANGING = REASONS.index("settings")
"""New settings are about to apply."""


class Gate:
    """`catch_up`: "stops_only" lets candles that were missed make no entry, "full" does;
    `stale`: whether the market data cannot be relied on now."""

    def __init__(self, catch_up: str, stale: Callable[[], bool]) -> None:
        self.paused = False
        self.changing = False
        """Whether new settings wait for the position to end."""
        self.live_from = 0
        """Open time of the first candle that the session saw live, ms."""
        self._full = catch_up == "full"
        self._stale = stale

    def signal(self, time: int) -> int | None:
        """Why a signal of the candle that opened at `time` may not lead to an entry."""
        if self.paused:
            return PAUSED
        if self.changing:
            return CHANGING
        if time < self.live_from:
            return None if self._full else MISSED
        return STALE if self._stale() else None

    def fill(self, time: int) -> int | None:
        """Why an entry order may not fill in the candle that opened at `time`."""
        return MISSED if time < self.live_from and not self._full else None
