"""An event loop in a thread of its own, for the exchange's sockets and requests."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

_SLICE_SECONDS = 0.1
"""How soon a wait that is given up ends."""


class GivenUpError(Exception):
    """A wait was given up because the session is to end."""


class Background:
    """Runs coroutines beside the caller's thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._given_up = False
        self._thread = threading.Thread(target=self._run, name="market data", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], whatever: bool = False) -> T:
        """Result of `work`; Ctrl-C interrupts the wait and cancels the work.

        Raises GivenUpError after `give_up`, unless it has to be done `whatever` happens.
        """
        future = self.start(work)
        try:
            return self._result(future, whatever)
        except BaseException:
            future.cancel()
            raise

    def give_up(self) -> None:
        """Let nobody wait for a result any longer; safe in a signal handler."""
        self._given_up = True

    def _result(self, future: Future[T], whatever: bool) -> T:
        while whatever or not self._given_up:
            try:
                return future.result(_SLICE_SECONDS)
            except TimeoutError:
                if future.done():  # perhaps the work's own
                    return future.result()
        raise GivenUpError

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin `work` and return at once."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def stop(self, patience: float = 3.0) -> None:
        """Cancel whatever still runs and end the thread; again is harmless."""
        if self.loop.is_closed():
            return
        future = self.start(_cancel_all(patience))
        try:
            future.result(patience + 1.0)
        except TimeoutError:
            future.cancel()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(patience)
        if not self._thread.is_alive():
            self.loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()


async def _cancel_all(patience: float) -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=patience)
    with contextlib.suppress(TimeoutError):
        loop = asyncio.get_running_loop()
        await asyncio.wait_for(loop.shutdown_default_executor(), patience)
