"""Lets ccxt ask by the exchange's time where this machine's clock is behind it.

Several exchanges want the end of a window of candles named, and ccxt 4.5.90 names what this
machine's clock says (bitget, hyperliquid, cex, gate and more): with that a minute behind, no
candle could be had before it was a minute old, and behind by more than that data was stale for
good.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from stoptrail.core.time import DAY_MS

_READS: ContextVar[bool] = ContextVar("reads", default=False)
"""Whether the task at hand reads by REST: ccxt's sockets count by this machine's clock."""


class ExchangeTime:
    """The time that the reads of the ccxt class `source` go by: this machine's, or a later one
    that the exchange has told."""

    def __init__(self, source: Any) -> None:
        self._since: float | None = None
        """The exchange's time when the monotonic clock began, ms."""
        self._heard = 0
        """Latest time of an event that a socket has told, ms."""
        local: Callable[[], int] | None = getattr(source, "milliseconds", None)
        if local is not None:
            source.milliseconds = lambda: self._now(local())
            source.seconds = lambda: source.milliseconds() // 1000
            source.microseconds = lambda: source.milliseconds() * 1000

    def told(self, now: int) -> None:
        """The exchange's clock says so, ms."""
        self._since = now - time.monotonic() * 1000

    def heard(self, at: int) -> None:
        """A socket has told of an event at this time, ms: it is not earlier."""
        self._heard = max(self._heard, at + 1)  # ends of windows are often exclusive

    @contextmanager
    def reading(self) -> Iterator[None]:
        """What the current task asks meanwhile goes by it."""
        token = _READS.set(True)
        try:
            yield
        finally:
            _READS.reset(token)

    def _now(self, local: int) -> int:
        if not _READS.get():
            return local
        told = 0 if self._since is None else int(self._since + time.monotonic() * 1000)
        now = max(local, told)
        # A message may carry any time.
        return max(now, self._heard) if self._heard < now + DAY_MS else now
