"""How a command speaks: notices, progress, and where its time went."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from stoptrail.cli.activity import Activity, compiling
from stoptrail.core.program import Progress
from stoptrail.terminal import Terminal, safe

_NAMES = {
    "data": "candles",
    "backtest": "Backtrader",
    "baseline": "legacy exits",
    "tables": "writing tables",
    "report": "writing the report",
}
"""What a stage is called beside its time; others by their own name."""


class Voice:
    """Speaks on standard error, so that standard output is left to results."""

    def __init__(self, *, silent: bool = False, console: Console | None = None) -> None:
        self.silent = silent
        self.console = console or Terminal(stderr=True, quiet=silent)
        self._activity: Activity | None = None
        self._about = ""

    def notice(self, line: str) -> None:
        """One line that the user should see."""
        named = line.startswith((self._about, self._about.replace(": ", " ")))
        told = line if named else self._about + line
        self.console.print(safe(told), style="yellow", soft_wrap=True)

    @contextmanager
    def about(self, market: str) -> Iterator[None]:
        """Notices begin with the market's name: it is one of several."""
        self._about = f"{market}: "
        try:
            yield
        finally:
            self._about = ""

    def insist(self, line: str) -> None:
        """A notice that is not left out where the user wants to see errors only."""
        Terminal(stderr=True).print(safe(line), style="yellow", soft_wrap=True)

    def banner(self, line: str) -> None:
        """A line that nobody can miss."""
        self.console.print(f" {safe(line)} ", style="bold white on red", soft_wrap=True)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """From here on something moves, whatever is done, until `rest` or the end."""
        if self.silent:
            yield
            return
        self._activity = Activity(self.console, compiling())
        try:
            with self._activity.alive():
                yield
        finally:
            self._activity = None

    def rest(self) -> None:
        """What comes now is the result: nothing moves beside it."""
        if self._activity is not None:
            self._activity.rest()
            self._activity = None

    @contextmanager
    def progress(self, label: str) -> Iterator[Progress]:
        """Show `label`, with a bar, count and time left on a terminal and now and then a
        line elsewhere, once it is told how much is done."""
        if self.silent:
            yield lambda _done, _total: None
        elif self._activity is None:
            with self.at_work(), self.progress(label) as advance:
                yield advance
        else:
            with self._activity.step(label) as advance:
                yield advance


class Stages:
    """Wall seconds by stage; `table` adds up to the whole."""

    def __init__(self, voice: Voice | None = None, begun: float | None = None) -> None:
        """voice: who says which stage it is."""
        self._voice = voice or Voice(silent=True)
        self._begun = time.perf_counter() if begun is None else begun
        self._spent: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what happens inside as `name`; stages do not nest."""
        start = time.perf_counter()
        try:
            with self._voice.progress(_NAMES.get(name, name)):
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
