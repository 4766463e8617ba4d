"""What a start waits for, where an exchange does not answer soon."""

from __future__ import annotations

from collections.abc import Callable

from stoptrail.live.market.reader import Reader
from stoptrail.live.market.warnings import WarningLog

_SILENT_SECONDS = 5.0
"""Without an answer, after which it is said what is waited for, and how often."""


class LongWaits:
    """Of the reads of one connection that somebody waits for; `tell` gets the words."""

    def __init__(self, exchange: str, warning_log: WarningLog) -> None:
        self.tell: Callable[[str], None] = lambda _: None
        self.reader: Reader | None = None
        self._exchange = exchange
        self._warning_log = warning_log
        self._told = 0
        """How often, of the read at hand."""

    def waited(self, seconds: float) -> None:
        """The read at hand has been waited for since so many seconds."""
        times = int(seconds // _SILENT_SECONDS)
        if times > self._told and self.reader is not None:
            why = self._warning_log.why and f" ({self._warning_log.why})"
            what = f"the {self.reader.asked.what} of {self._exchange}"
            self.tell(f"waiting for {what}, no answer for {seconds:.0f} s{why}")
        self._told = times
