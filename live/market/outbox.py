"""The bounded queue between the transport's thread and its one consumer."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterable

from stoptrail.live.market.events import Event

_SLICE = 0.005
"""Seconds after which a waiting producer looks whether there is room again."""


class Outbox:
    """Events in order. Where there is no `room` the transport waits, and so the exchange; its
    event loop goes on meanwhile, so that pings are answered."""

    def __init__(self, size: int = 4096) -> None:
        self._queue: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._size = size
        self._closed = threading.Event()
        self.waited = 0.0
        """Seconds for which the transport had to wait for the consumer."""

    def put(self, event: Event) -> None:
        """Add `event`; drops it once closed. Nothing is refused: ask for `room` before."""
        if not self._closed.is_set():
            self._queue.put(event)

    def put_all(self, events: Iterable[Event]) -> None:
        """Add them in order."""
        for event in events:
            self.put(event)

    @property
    def full(self) -> bool:
        """Whether the consumer is behind."""
        return self._queue.qsize() >= self._size and not self._closed.is_set()

    async def room(self) -> None:
        """Until the consumer has caught up, or nothing is told any more."""
        while self.full:
            await asyncio.sleep(_SLICE)
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
