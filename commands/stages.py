"""Where the time of a command goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stages:
    """Wall seconds by stage; `table` adds up to the whole."""

    def __init__(self, begun: float | None = None) -> None:
        self._begun = time.perf_counter() if begun is None else begun
        self._spent: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what happens inside as `name`; stages do not nest."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._spent[name] = self._spent.get(name, 0.0) + time.perf_counter() - start

    def table(self) -> dict[str, float]:
        """Seconds of each stage, of what lay between (`other`), and of all (`total`)."""
        total = time.perf_counter() - self._begun
        rest = total - sum(self._spent.values())
        return {
            name: round(seconds, 3)
            for name, seconds in {**self._spent, "other": rest, "total": total}.items()
        }
