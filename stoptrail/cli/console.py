"""How a command speaks: notices, progress, and where its time went."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from stoptrail.terminal import Terminal, safe

Advance = Callable[[int, int], None]
"""Told how many of how many are done."""

_SECONDS_BETWEEN_LINES = 5.0


class Voice:
    """Speaks on standard error, so that standard output is left to results."""

    def __init__(self, *, silent: bool = False) -> None:
        self.silent = silent
        self.console = Terminal(stderr=True, quiet=silent)

    def notice(self, line: str) -> None:
        """One line that the user should see."""
        self.console.print(safe(line), style="yellow", soft_wrap=True)

    def banner(self, line: str) -> None:
        """A line that nobody can miss."""
        self.console.print(f" {safe(line)} ", style="bold white on red", soft_wrap=True)

    @contextmanager
    def progress(self, label: str) -> Iterator[Advance]:
        """A bar with count and time left on a terminal; now and then a line elsewhere."""
        if not self.console.is_terminal or self.silent:
            yield _lines(self.console, label)
            return
        from rich import progress as bars

        columns: tuple[Any, ...] = (
            bars.TextColumn("{task.description:<28}"),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TimeElapsedColumn(),
            bars.TimeRemainingColumn(),
        )
        with bars.Progress(*columns, console=self.console) as bar:
            task = bar.add_task(safe(label), total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)


def _lines(console: Console, label: str) -> Advance:
    begun = last = time.monotonic()
    shown = -1

    def show(done: int, total: int) -> None:
        nonlocal shown, last
        now = time.monotonic()
        if shown > 0 and done < total and now - last < _SECONDS_BETWEEN_LINES:
            return
        shown, last = done, now
        left = (now - begun) / done * (total - done) if done else 0.0
        ending = f", about {left:.0f} s left" if total <= 100 * done < 100 * total else ""
        console.print(f"{safe(label)}: {done:,} of {total:,}{ending}", soft_wrap=True)

    return show


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
