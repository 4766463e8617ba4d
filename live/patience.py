"""A start that waits for an exchange which cannot be reached: a machine may boot before its
network does."""

from __future__ import annotations

import time
from collections.abc import Callable

from stoptrail.exchange.errors import RegionError, UnreachableError

_FIRST_PAUSE, _LONGEST_PAUSE, _SLICE = 2.0, 60.0, 0.1


class StartPatience:
    """Waits between two tries of a start, `stopped` cutting it short; `say(kind, text)` is
    told once that it waits, and once that it is over."""

    def __init__(self, say: Callable[[str, str], None], stopped: Callable[[], bool]) -> None:
        self._say = say
        self._stopped = stopped
        self._pause = _FIRST_PAUSE
        self._until: float | None = None
        """By the monotonic clock; None while nothing is waited for."""

    def wait(self, error: UnreachableError, seconds: float) -> None:
        """Wait before the next try, for `seconds` over all tries. Raises `error` where that
        is over, or cannot help."""
        if isinstance(error, RegionError):
            raise error
        now = time.monotonic()
        if self._until is None:
            self._until = now + seconds
        if now >= self._until:
            raise error
        if self._pause == _FIRST_PAUSE:
            self._say(
                "connection",
                f"{error}: the start is tried again for up to {seconds:g} s "
                "(live.start_wait_seconds); Ctrl-C ends it",
            )
        self._rest(min(self._pause, self._until - now))
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def over(self) -> None:
        """The exchange was reached."""
        if self._until is not None:
            self._say("connection", "the exchange is reached")
        self._until, self._pause = None, _FIRST_PAUSE

    def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopped() and (left := until - time.monotonic()) > 0.0:
            time.sleep(min(_SLICE, left))
