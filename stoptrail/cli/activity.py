"""What a command is at, shown so that something moves at all times.

On a terminal one line for what is being done, with a bar and the time; the lines of steps
that counted something stay. Elsewhere plain lines, now and then, also while nothing is
counted. Where a compiler is at work it says so.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol

from rich.console import Console

from stoptrail.core.program import Progress
from stoptrail.terminal import safe

SECONDS_BETWEEN_LINES = 5.0
_MOST_PLAIN = 1_000_000
"""Candles over which a run in plain Python takes less than half a minute, which compiling takes."""
_NEARLY = 0.999999
_BETWEEN = "working"
"""What is done between two steps that have a name."""


class Speaker(Protocol):
    """Who tells the user something."""

    def notice(self, line: str) -> None:
        """One line that the user should see."""


class Compiling:
    """Whether compiled code is being made, in this process or in the one beside it."""

    def __init__(self) -> None:
        self._running = 0
        self._heard = False

    def __call__(self) -> bool:
        """Whether it is so now; asks nothing of modules that nobody has imported."""
        self._listen()
        beside = sys.modules.get("stoptrail.sweep.kernel.precompile")
        return self._running > 0 or (beside is not None and bool(beside.is_running()))

    def _listen(self) -> None:
        events: Any = sys.modules.get("numba.core.event")
        if events is None or self._heard:
            return
        self._heard = True
        heard = {
            "on_start": lambda _, _event: self._count(1),
            "on_end": lambda _, _event: self._count(-1),
        }
        events.register("numba:compile", type("Heard", (events.Listener,), heard)())

    def _count(self, more: int) -> None:
        self._running = max(0, self._running + more)  # of the first the beginning may be missed


def compile_ahead() -> bool:
    """Begin to compile the pre-screen in a process of its own, if that was not begun before;
    whether there is compiling to do."""
    from stoptrail.sweep.kernel import precompile

    return precompile.start()


@contextmanager
def compiled_beside(voice: Speaker, candles: int) -> Iterator[None]:
    """Where what a single run calls is not compiled yet, another process begins to, and what
    happens inside is plain Python; over so many candles that this would take longer, the process
    is waited for."""
    from stoptrail.rules.jit import in_haste
    from stoptrail.sweep.kernel import precompile

    if not precompile.start_for_runs():
        yield
    elif candles > _MOST_PLAIN:
        precompile.wait()
        yield
    else:
        voice.notice("First run on this machine: slower, as it is compiled beside it.")
        with in_haste():
            yield


@cache
def compiling() -> Compiling:
    """The one of this process: what listens to Numba goes on listening."""
    return Compiling()


class Activity:
    """The step that is under way."""

    def __init__(self, console: Console, is_compiling: Callable[[], bool]) -> None:
        self._shown = (
            _Bars(console, is_compiling) if console.is_terminal else _Lines(console, is_compiling)
        )

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Show what is done until the end, or until `rest`."""
        self._shown.start()
        try:
            yield
        finally:
            self._shown.stop()

    def rest(self) -> None:
        """Show nothing any more: the result comes."""
        self._shown.stop()

    @contextmanager
    def step(self, label: str) -> Iterator[Progress]:
        """Show `label` inside, and how much of it is done once it is told."""
        before = self._shown.begin(label)
        try:
            yield self._shown.advance
        finally:
            self._shown.end(before)


class _Lines:
    """Plain lines: one at the beginning of a count, and at least every few seconds."""

    def __init__(self, console: Console, is_compiling: Callable[[], bool]) -> None:
        self._console, self._compiling = console, is_compiling
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._label, self._done, self._total = _BETWEEN, -1, 0
        self._begun = self._spoken = time.monotonic()

    def start(self) -> None:
        self._begun = self._spoken = time.monotonic()
        threading.Thread(target=self._beat, name="activity", daemon=True).start()

    def stop(self) -> None:
        self._over.set()

    def begin(self, label: str) -> str:
        with self._lock:
            before, self._label, self._done = self._label, label, -1
            self._begun = time.monotonic()
        return before

    def end(self, before: str) -> None:
        self.begin(before)

    def advance(self, done: int, total: int) -> None:
        with self._lock:
            first, more = self._done < 0, done > self._done
            self._done, self._total = done, total
            late = time.monotonic() - self._spoken >= SECONDS_BETWEEN_LINES
            if first or (more and done >= total) or late:
                self._say()

    def _beat(self) -> None:
        while not self._over.wait(0.25):
            with self._lock:
                if time.monotonic() - self._spoken >= SECONDS_BETWEEN_LINES:
                    self._say()

    def _say(self) -> None:
        now = time.monotonic()
        self._spoken = now
        took, done, total = now - self._begun, self._done, self._total
        if done < 0:
            words = f"{took:.0f} s"
        else:
            words = f"{done:,} of {total:,}"
            if total <= 100 * done < 100 * total:  # no estimate before a hundredth is done
                words += f", about {took / done * (total - done):.0f} s left"
            elif took >= 1.0:
                words += f", {took:.0f} s"
        if self._compiling():
            words += ", compiling"
        self._console.print(f"{safe(self._label)}: {words}", soft_wrap=True)


class _Bars:
    """A live display; rich refreshes it ten times a second from a thread of its own."""

    def __init__(self, console: Console, is_compiling: Callable[[], bool]) -> None:
        from rich import progress as bars

        words = bars.TextColumn("")
        words.get_table_column().no_wrap = True
        words.render = lambda task: _named(task, is_compiling)  # type: ignore[method-assign]
        columns: tuple[Any, ...] = (
            bars.SpinnerColumn(finished_text=" "),
            words,
            bars.BarColumn(bar_width=24),
            bars.TextColumn("{task.fields[count]}", justify="right"),
            bars.TimeElapsedColumn(),
            bars.TimeRemainingColumn(elapsed_when_finished=False, compact=True),
        )
        self._bar = bars.Progress(*columns, console=console, redirect_stdout=False)
        self._started = False
        self._task = self._bar.add_task(_BETWEEN, total=None, count="", now=True)

    def start(self) -> None:
        self._started = True
        self._bar.start()

    def stop(self) -> None:
        if self._started:
            self._started = False
            self._bar.remove_task(self._task)
            self._bar.stop()

    def begin(self, label: str) -> str:
        before = str(self._bar.tasks[-1].description)
        self._renew(safe(label))
        return before

    def end(self, before: str) -> None:
        self._renew(before)

    def advance(self, done: int, total: int) -> None:
        # A task that is finished stands still; something may be left to do after the last.
        shown = min(done, total * _NEARLY)
        self._bar.update(self._task, completed=shown, total=total, count=f"{done:,}/{total:,}")

    def _renew(self, description: str) -> None:
        """A task of its own for what comes now; the one before stays where it has counted."""
        old = next(task for task in self._bar.tasks if task.id == self._task)
        if old.total is None or old.completed < old.total * _NEARLY:
            self._bar.remove_task(self._task)
        else:
            self._bar.update(self._task, completed=old.total, now=False)
            self._bar.stop_task(self._task)
        self._task = self._bar.add_task(description, total=None, count="", now=True)


def _named(task: Any, is_compiling: Callable[[], bool]) -> Any:
    from rich.text import Text

    more = ", compiling" if task.fields["now"] and is_compiling() else ""
    return Text.from_markup(f"{task.description}{more}".ljust(32))
