"""The memory of a session that runs for months: what its connections leave behind is given back."""

from __future__ import annotations

import gc
import time
from typing import Any

from stoptrail.core.program import LEFTOVERS_SECONDS, collect_leftovers, leave_out_loaded
from stoptrail.live.watch.messages import Message
from stoptrail.live.watch.watched import Watched


class GarbageCollector:
    """Looks for circles of objects once a minute (core.program.collect_leftovers); use it with
    `with`. What there is when a session begins to decide is left out from there on."""

    def __init__(self) -> None:
        self._engine: Any = None
        """That of the last look: another one begins where new settings apply."""
        self._next = 0.0

    def __enter__(self) -> GarbageCollector:
        return self

    def __exit__(self, *_: object) -> None:
        gc.unfreeze()

    def happened(self, message: Message) -> None:
        """Nothing: words leave nothing behind."""

    def turned(self, session: Watched) -> None:
        """Look, where it is time to."""
        now, engine = time.monotonic(), session.engine
        if now < self._next or engine is None or engine.strategy is None:
            return
        self._next = now + LEFTOVERS_SECONDS
        if engine is not self._engine:
            self._engine = engine
            leave_out_loaded()
        collect_leftovers()
