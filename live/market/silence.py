"""A quiet market told from a dead socket, and from a deaf one."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from stoptrail.exchange.rows import Row
from stoptrail.live.market.sockets import dead


class Silence:
    """When what was last heard; `bound` is the silence in seconds after which to look."""

    def __init__(self, exchange: Any, bound: float) -> None:
        self.heard_at = self.trade_at = self.traded_at = time.monotonic()
        """When anything came, when a trade did, and when a candle last showed one."""
        self._exchange = exchange
        self._bound = bound
        self._quiet: deque[Row | None] = deque(maxlen=2)

    def heard(self) -> None:
        """A socket has said something."""
        self.heard_at = time.monotonic()
        self._quiet.clear()

    def held_back(self) -> None:
        """Nothing could be heard: the consumer was behind."""
        self.heard_at = self.trade_at = time.monotonic()

    def hides_trades(self, watched: bool) -> bool:
        """Whether candles show trades that the socket of trades, where `watched`, does not."""
        return watched and self.traded_at - self.trade_at > self._bound

    def lasts(self, watched: bool) -> bool:
        """Whether it is time to `look`."""
        return self.hides_trades(watched) or time.monotonic() - self.heard_at > self._bound

    async def look(self, wait: float, watched: bool, record: Row | None) -> list[Any] | None:
        """The sockets to open anew; [] where the market is quiet, and the record is to be read
        before the next look; None where somebody spoke meanwhile. Takes `wait` seconds.

        record: the newest candle that the exchange's record showed when it was last read.
        """
        before = self.heard_at
        found = await dead(self._exchange, wait)
        hidden = self.hides_trades(watched)
        if self.heard_at > before and not hidden:
            return None
        if not found and (hidden or self._deaf(record)):
            found = list((self._exchange.clients or {}).values())
        self.held_back()
        if found:
            self._quiet.clear()
        else:
            self._quiet.append(record)
        return found

    def _deaf(self, record: Row | None) -> bool:
        """Whether the record, read twice while no socket said anything, shows new trades."""
        first = self._quiet[0] if len(self._quiet) == 2 else None
        return first is not None and record is not None and record[5] > 0.0 and record != first
