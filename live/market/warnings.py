"""Trouble with the market data: said once for each kind, counted always."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

from stoptrail.live.market.events import Notice
from stoptrail.live.market.redaction import Redaction

log = logging.getLogger("stoptrail.live")


class WarningLog:
    """Says each kind of trouble once, in clear words and without secrets."""

    def __init__(self, redaction: Redaction, heard: Callable[[Notice], None] | None = None) -> None:
        self.counts: Counter[str] = Counter()
        """How often each kind has happened."""
        self.redaction = redaction
        self.heard = heard
        """Called with every notice, in the transport's thread."""

    def say(self, kind: str, text: str) -> None:
        """Count a trouble of `kind`; log and pass on `text` the first time."""
        self.counts[kind] += 1
        if self.counts[kind] > 1:
            return
        clean = self.redaction.clean(text)
        log.warning("%s", clean)
        if self.heard is not None:
            self.heard(Notice(kind, clean))
