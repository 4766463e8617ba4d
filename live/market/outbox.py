"""The bounded queue between the transport's thread and its one consumer."""

from __future__ import annotations

import queue
import threading

from stoptrail.live.market.events import Event

_SLICE = 0.1
"""Seconds after which a waiting producer looks whether it should give up."""


class Outbox:
    """Events in order. A full queue holds the transport back, and so the exchange."""

    def __init__(self, size: int = 4096) -> None:
        self._queue: queue.Queue[Event] = queue.Queue(size)
        self._closed = threading.Event()
        self.waited = 0.0
        """Seconds for which the transport had to wait for the consumer."""

    def put(self, event: Event) -> None:
        """Add `event`; blocks while the queue is full, drops it once closed."""
        while not self._closed.is_set():
            try:
                self._queue.put(event, timeout=_SLICE)
                return
            except queue.Full:
                self.waited += _SLICE

    def get(self, timeout: float = 0.0) -> Event | None:
        """The next event, or None where none comes within `timeout` seconds."""
        try:
            if timeout > 0.0:
                return self._queue.get(timeout=timeout)
            return self._queue.get_nowait()
        except queue.Empty:
            return None

    @property
    def empty(self) -> bool:
        """Whether nothing waits at this moment."""
        return self._queue.empty()

    def close(self) -> None:
        """Let nobody wait any more; what is in the queue can still be read."""
        self._closed.set()

    @property
    def closed(self) -> bool:
        """Whether the producer has ended."""
        return self._closed.is_set()
