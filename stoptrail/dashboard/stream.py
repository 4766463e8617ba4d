"""What all sessions show, told to every open page as it changes (server-sent events)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from starlette.concurrency import run_in_threadpool

from stoptrail.core.json import json_bytes

LOOK_SECONDS = 1.0
"""Time between two looks at the ledgers: a session writes what it sees once a second."""
_QUIET_SECONDS = 15.0
"""Silence after which a comment keeps the connection open."""


class LookStream:
    """Looks at the ledgers while somebody listens, once for all of them.

    A listener that is slow misses what lay between: it gets the newest look, never a queue.
    """

    def __init__(self, look: Callable[[], Any], seconds: float = LOOK_SECONDS) -> None:
        """look: what is told, as JSON values; it is called in a thread."""
        self._look = look
        self._seconds = seconds
        self._listeners = 0
        self._number = 0
        self._newest = b""
        self._changed = asyncio.Condition()
        self._over = False
        self._looking: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """End every open stream."""
        self._over = True
        async with self._changed:
            self._changed.notify_all()

    async def events(self) -> AsyncIterator[bytes]:
        """The looks from now on, each as one event of the protocol."""
        self._listeners += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._go_on_looking())
        seen = 0
        try:
            yield b"retry: 2000\n\n"
            while not self._over:
                if await self._waited(seen):
                    seen = self._number
                    yield b"event: look\ndata: " + self._newest + b"\n\n"
                elif not self._over:
                    yield b": quiet\n\n"
        finally:
            self._listeners -= 1

    async def _waited(self, seen: int) -> bool:
        """Whether there is a look that was not `seen`, within a while."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_QUIET_SECONDS), self._changed:
                await self._changed.wait_for(lambda: self._over or self._number > seen)
        return self._number > seen and not self._over

    async def _go_on_looking(self) -> None:
        self._newest = b""  # it may be old
        while self._listeners > 0 and not self._over:
            newest = json_bytes(await run_in_threadpool(self._look))
            if newest != self._newest:
                async with self._changed:
                    self._newest = newest
                    self._number += 1
                    self._changed.notify_all()
            await asyncio.sleep(self._seconds)
