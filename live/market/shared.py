"""Several markets of one exchange through one connection: a store for each, one queue for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stoptrail.live.market.events import Event
from stoptrail.live.market.long_waits import LongWaits
from stoptrail.live.market.outbox import Outbox
from stoptrail.live.market.store import CCXTStore

From = tuple[str, Event]
"""A market, and what came of it."""


class Lane(Outbox):
    """One market's way into the queue of another outbox."""

    def __init__(self, shared: Outbox, market: str) -> None:
        super().__init__()
        self._queue, self._size = shared._queue, shared._size
        self._market = market

    def put(self, event: Event) -> None:
        """Add `event` with the market's name; drops it once closed."""
        if not self._closed.is_set():
            found: Any = (self._market, event)
            self._queue.put(found)


class SharedStore:
    """`root` connects; `of` gives the store of a market on its connection. `types` says of every
    market what market.type is meant to be."""

    over = False
    """An exchange goes on for ever."""

    def __init__(self, root: CCXTStore, types: Mapping[str, str] | None = None) -> None:
        self._root, self._types = root, dict(types or {})
        root.names = tuple(self._types)
        self._known: dict[str, CCXTStore] = {}

    @property
    def long_waits(self) -> LongWaits:
        """Hears of reads that take long, whatever market they are for."""
        return self._root.long_waits

    def of(self, symbol: str) -> CCXTStore:
        """The store of a market."""
        if symbol not in self._known:
            lane = Lane(self._root.outbox, symbol)
            self._known[symbol] = self._root.beside(lane, self._types.get(symbol, "auto"))
        return self._known[symbol]

    def get(self, timeout: float) -> From | None:
        """The next event and its market, or None where none comes within `timeout` seconds."""
        found: Any = self._root.outbox.get(timeout)
        return None if found is None else (found[0], found[1])

    def clock_offset(self) -> int | None:
        """Milliseconds by which the exchange's clock is ahead of ours; None if unknown."""
        found = self._root.clock_offset()
        for lane in self._known.values():
            lane._offset = found or 0
        return found

    def give_up(self) -> None:
        """Let no read be waited for any longer: it raises GivenUpError."""
        self._root.give_up()

    def close(self) -> None:
        """End all streams, sockets and the thread."""
        for lane in self._known.values():
            lane.close()
        self._root.close()
