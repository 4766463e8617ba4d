"""The exchange's clock, as told by this machine's: also where that one is set meanwhile."""

from __future__ import annotations

import time

_STEP_SECONDS = 1.0
"""A clock that is kept in step by turning it faster or slower moves by less between two looks."""
_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""It goes on while the machine sleeps, and nobody sets it; macOS's monotonic one does the same."""


class ExchangeClock:
    """Milliseconds by the exchange, which is asked once. A machine that boots may have a wrong time
    until its clock is set, and so may a guest that was halted."""

    def __init__(self) -> None:
        self._offset: float | None = None
        """Milliseconds by which the exchange's clock is ahead of this machine's, where known."""
        self._boot = _booted()
        """When the machine booted, by its own clock, s."""
        self._moved = 0.0

    def set(self, offset: int | None) -> None:
        """The exchange's clock is `offset` ms ahead of this machine's; None: it tells no time, and
        this machine's is believed, however it is set."""
        self._boot, self._offset = _booted(), offset

    def now(self) -> int:
        """The exchange's time in ms."""
        self._look()
        return int(time.time() * 1000 + (self._offset or 0.0))

    def told(self) -> str:
        """That this machine's clock was set since the last call, in words; empty where not."""
        self._look()
        moved, self._moved = self._moved, 0.0
        if not moved:
            return ""
        way = "forward" if moved > 0.0 else "back"
        return f"this machine's clock was set {way} by {abs(moved):,.0f} s: the session goes on"

    def _look(self) -> None:
        boot = _booted()
        step, self._boot = boot - self._boot, boot
        if abs(step) > _STEP_SECONDS:
            self._moved += step
            if self._offset is not None:
                self._offset -= step * 1000


def _booted() -> float:
    return time.time() - time.clock_gettime(_SINCE_BOOT)
