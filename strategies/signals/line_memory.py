"""Lines that many parameter sets of one sweep share, computed once for the same candles.

A grid of hundreds of signals is made of a few dozen trend, structure and cycle lines.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any

from stoptrail.rules.candles import Candles, Floats


class LineMemory:
    """The `size` lines used last. Candles are told apart by the identity of their
    arrays, which must not be written into once a signal has seen them; safe to use from
    several threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lines: OrderedDict[Hashable, tuple[list[Any], Floats]] = OrderedDict()
        self._lock = Lock()

    def line(self, candles: Candles, name: Hashable, make: Callable[[], Floats]) -> Floats:
        """The line `name` of `candles`, read-only; made by `make` where it is not kept."""
        key = (name, candles.interval, *map(id, candles[:5]))
        with self._lock:
            kept = self._lines.get(key)
            if kept and all(ref() is column for ref, column in zip(kept[0], candles, strict=False)):
                self._lines.move_to_end(key)
                return kept[1]
        made = make()
        made.flags.writeable = False
        with self._lock:
            self._lines[key] = ([weakref.ref(column) for column in candles[:5]], made)
            self._lines.move_to_end(key)
            while len(self._lines) > self._size:
                self._lines.popitem(last=False)
        return made
