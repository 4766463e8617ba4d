"""Every wait of the transport, in seconds of the monotonic clock.

None of them decides what happened on the market: that follows the exchange's event
times alone.
"""

from __future__ import annotations

from typing import NamedTuple


class Timing(NamedTuple):
    """Waits and bounds of the transport, in seconds."""

    timeout: float = 10.0
    """Longest wait for one answer of the exchange."""
    silence: float = 30.0
    """A socket that has said nothing for so long is asked whether it is well."""
    stale: float = 120.0
    """Data older than this is stale: no new entries."""
    poll: float = 5.0
    """Time between two polls where there is no working socket."""
    backoff: float = 0.5
    """First wait after a failed read; doubles with every further failure."""
    backoff_cap: float = 30.0
    """Longest wait between two attempts."""
    ban: float = 60.0
    """Wait after HTTP 418 or 429 that names no Retry-After."""
    ban_cap: float = 900.0
    """A longer Retry-After fails a read with limited patience instead of waiting. A session that
    runs asks again after so long unless it is banned (HTTP 418): some servers tell milliseconds."""
    confirm: float = 0.2
    """Wait before the exchange's record is read again when it lags behind its stream."""
    marks: float = 10.0
    """How long a closed candle waits for its mark prices."""
    grace: float = 0.5
    """How long a closed candle waits for its last trades, which come on another socket."""
    listing: float = 300.0
    """Time between two looks at whether a quiet market is still traded."""
    filters: float = 3600.0
    """Longest time between two looks at the filters of one that is traded."""
    forecast: float = 300.0
    """Time between two looks at the funding that a swap expects, and the longest wait between
    two questions for a row that is due."""
    hold: float = 5.0
    """How long ticks wait for the candle before them; then they come marked `ahead`."""

    @property
    def quiet(self) -> float:
        """The same as `silence`, but well before data counts as stale: a quiet market is not
        dead."""
        return min(self.silence, self.stale / 3)
