"""What a session gives out: steps to the ledger first, then the news of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from stoptrail.live.protocols import Watcher
from stoptrail.live.watch.event_log import EventLog
from stoptrail.live.watch.log_file import MESSAGES
from stoptrail.live.watch.messages import UNWRITTEN, Message, messages_of

log = logging.getLogger(MESSAGES)


class Publisher:
    """Nothing is told of a step before the ledger has it."""

    def __init__(
        self,
        interval: int,
        watchers: Sequence[Watcher],
        events: EventLog,
    ) -> None:
        self.watchers = watchers
        self._events = events
        self.session_ledger: Any
        """A SessionLedger, or a BookLedger."""
        self._interval = interval
        self.told_of: Callable[[Any, int], Iterator[Message]] = messages_of
        """What is said of a step."""
        self._waiting: list[Any] = []
        self._since = 0.0

    @property
    def waiting(self) -> int:
        """Number of steps that are not stored yet."""
        return len(self._waiting)

    @property
    def waited(self) -> float:
        """Seconds for which the first of them has waited; 0 where none does."""
        return time.monotonic() - self._since if self._waiting else 0.0

    def keep(self, step: Any) -> None:
        """Let `step`, of a session or a book, be stored at the next flush."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(step)

    def flush(self, kind: str = "", also: Callable[[], None] | None = None) -> None:
        """Store what waits, and do `also` (a transaction's part, called `kind`), all or none."""
        steps, self._waiting = self._waiting, []
        if not steps and also is None:
            return
        self.session_ledger.commit(steps, kind, also)
        for step in steps:
            for message in self.told_of(step, self._interval):
                self.tell(message)

    def say(self, kind: str, text: str) -> None:
        """Tell whoever watches of something that happened just now."""
        self.tell(Message(kind, int(time.time() * 1000), text))

    def tell(self, message: Message) -> None:
        """Tell whoever watches."""
        log.info("%s: %s", message.kind, message.text)
        if message.kind in UNWRITTEN:
            self._events.remember(message)
        for watcher in self.watchers:
            watcher.happened(message)
