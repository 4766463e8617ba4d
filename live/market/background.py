"""An event loop in a thread of its own, for the exchange's sockets and requests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from stoptrail.core.errors import ExchangeError

T = TypeVar("T")

_SLICE_SECONDS = 0.1
"""How soon a wait that is given up ends."""
_PULSE_SECONDS = 1.0
_CLOSING_SECONDS = 1.0
_DEAD_SECONDS = 300.0
"""For how long the loop may do nothing at all; a busy machine lets it wait too."""


class GivenUpError(Exception):
    """A wait was given up because the session is to end."""


class Background:
    """Runs coroutines beside the caller's thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._helpers = _Helpers()
        self.loop.set_default_executor(self._helpers)
        self._given_up = False
        self._pulse = 0
        self._looked = (0, time.monotonic(), 0.0)
        """The pulse at the last look, when that was, and for how long it has been the same."""
        self._thread = threading.Thread(target=self._run, name="market data", daemon=True)
        self._thread.start()

    def run(
        self,
        work: Coroutine[Any, Any, T],
        whatever: bool = False,
        waiting: Callable[[float], None] | None = None,
    ) -> T:
        """Result of `work`; Ctrl-C interrupts the wait and cancels the work. `waiting` is told
        now and then for how many seconds it has been waited for.

        Raises GivenUpError after `give_up`, unless it has to be done `whatever` happens.
        """
        future = self.start(work)
        try:
            return self._result(future, whatever, waiting or (lambda _: None))
        except BaseException:
            future.cancel()
            raise

    def check(self) -> None:
        """Raise ExchangeError where the loop has stood still for minutes: nobody would hear of
        anything any more. Counted is the time in which the caller was awake."""
        seen, when, still = self._looked
        now = time.monotonic()
        still = still + min(_PULSE_SECONDS, now - when) if seen == self._pulse else 0.0
        self._looked = self._pulse, now, still
        if still > _DEAD_SECONDS:
            raise ExchangeError(
                f"the thread of the market data has stood still for {_DEAD_SECONDS:g} s: start "
                "the session again"
            )

    def _beat(self) -> None:
        self._pulse += 1
        self.loop.call_later(_PULSE_SECONDS, self._beat)

    def give_up(self) -> None:
        """Let nobody wait for a result any longer; safe in a signal handler."""
        self._given_up = True

    def _result(self, future: Future[T], whatever: bool, waiting: Callable[[float], None]) -> T:
        began = time.monotonic()
        while whatever or not self._given_up:
            self.check()
            try:
                return future.result(_SLICE_SECONDS)
            except TimeoutError:
                if future.done():  # perhaps the work's own
                    return future.result()
            waiting(time.monotonic() - began)
        raise GivenUpError

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin `work` and return at once."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def stop(self, patience: float = 1.0) -> None:
        """Cancel whatever still runs and end the thread; again is harmless.

        Returns after `patience` seconds even where something does not end: the thread
        closes its loop by itself whenever it does, and no exit waits for it.
        """
        if self.loop.is_closed():
            return
        until = time.monotonic() + patience
        future = self.start(cancel_others(patience))
        try:
            future.result(patience)
        except TimeoutError:
            future.cancel()
        self._helpers.join(until)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(max(0.1, until - time.monotonic()))

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self._beat()
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()


async def cancel_others(patience: float) -> None:
    """Cancel every other task of this loop; wait `patience` seconds for them to end.

    Again and again: Python 3.11's `asyncio.wait_for` forgets a cancellation that comes
    together with what it waits for, and its task would go on for ever.
    """
    current = asyncio.current_task()
    await cancel_all(lambda: asyncio.all_tasks() - {current}, patience)


async def cancel_all(
    find: Callable[[], Iterable[asyncio.Task[Any]]], patience: float = 2.0
) -> None:
    """The same for the tasks that `find` gives. Each takes its first step before it is cancelled:
    what it was handed to wait for, such as aiohttp's connection of a socket, is warned of as never
    awaited where it does not come to that.
    """
    until = time.monotonic() + patience
    while others := [task for task in find() if not task.done()]:
        try:
            await asyncio.sleep(0)
        finally:  # whoever waits here may be cancelled as well
            for task in others:
                task.cancel()
        left = until - time.monotonic()
        if left <= 0.0:
            return
        await asyncio.wait(others, timeout=min(left, _SLICE_SECONDS))


class _Helpers(ThreadPoolExecutor):
    """Runs each call in a daemon thread of its own. An exit of the program waits for the
    threads of an ordinary pool, and so for a name server that does not answer."""

    def __init__(self) -> None:
        super().__init__(1)
        self._alive: list[threading.Thread] = []

    def submit(self, call: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Begin the call at once."""
        future: Future[T] = Future()
        thread = threading.Thread(
            target=_carry_out, args=(future, call, args, kwargs), name="market data", daemon=True
        )
        self._alive = [*(other for other in self._alive if other.is_alive()), thread]
        thread.start()
        return future

    def join(self, until: float) -> None:
        """Wait for the calls under way, at most until this moment of the monotonic clock."""
        for thread in self._alive:
            thread.join(max(0.0, until - time.monotonic()))


def _carry_out(future: Future[T], call: Callable[..., T], args: Any, kwargs: Any) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call(*args, **kwargs)
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


log = logging.getLogger("stoptrail.live")


async def close_exchange(exchange: Any) -> None:
    """Close sockets and sessions; what is not closed after a second is dropped.

    Whatever else runs in this loop is cancelled first: a reader that hears of its closed
    socket would open a new one, which nobody would close.
    """
    await cancel_others(_CLOSING_SECONDS / 2)
    exchange.timeout_on_exit = 10
    closing = asyncio.ensure_future(exchange.close())
    await asyncio.wait([closing], timeout=_CLOSING_SECONDS)
    if not closing.done():
        closing.cancel()
        await asyncio.wait([closing], timeout=_CLOSING_SECONDS / 2)
    elif not closing.cancelled() and closing.exception() is not None:
        # Of sockets that are broken already, say; what counts is that nothing stays open.
        log.debug("closing %s: %s", exchange.id, closing.exception())
    connector = getattr(exchange, "tcp_connector", None)
    if connector is not None and not connector.closed:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(_drop(connector), _CLOSING_SECONDS / 2)


async def _drop(connector: Any) -> None:
    await connector.close()
