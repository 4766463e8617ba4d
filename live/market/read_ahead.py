"""A socket that is read while its messages wait: its pings are answered however far behind
the session is."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any, NamedTuple

from stoptrail.live.market.outbox import Outbox
from stoptrail.live.market.warnings import WarningLog

MOST_BYTES = 16 * 2**20
"""Messages that wait for the session, in bytes; beyond that a socket is read no further."""
_SLOW = 1.0
"""Seconds of waiting for the session after which that is said."""
_TURNS = 6
"""Turns of the event loop in which whoever waits for a message takes it: ccxt keeps a bounded
number of trades, so that not many further ones may come before."""
_PART = 8
"""One of so many messages that wait is handed over with the next one: ccxt takes one at a time from
each socket, so that one which says more than the others would fall further and further behind."""
_TOGETHER = 64
"""Messages that are handed over together at most."""


def read_ahead(client: Any, outbox: Outbox, warning_log: WarningLog) -> None:
    """Let ccxt's socket `client` take its messages one by one, as `outbox` has room, while it
    is read on: pings and pongs are dealt with as they come."""
    reader = _ReadAhead(client, outbox, warning_log)
    client.__class__ = _unbuffered(type(client))
    client.receive, client.closed = reader.receive, reader.closed


def _unbuffered(kind: Any) -> Any:
    """The same class without aiohttp's buffer, which ccxt would empty past `receive`."""
    return type(kind.__name__, (kind,), {"buffer": None})


class _Message(NamedTuple):
    type: Any
    data: Any


class _ReadAhead:
    def __init__(self, client: Any, outbox: Outbox, warning_log: WarningLog) -> None:
        self._client = client
        self._outbox = outbox
        self._warning_log = warning_log
        self._messages: deque[Any] = deque()
        self._bytes = 0
        self._come = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None

    def closed(self) -> bool:
        """Whether the socket is closed and everything that it said was taken: only then has
        everybody who waits for a message come back to hear of the end."""
        connection = self._client.connection
        return connection is None or (connection.closed and not self._messages)

    async def receive(self) -> Any:
        """The next message, once there is room for what follows from it."""
        if self._reading is None and self._client.error is not None:
            return await self._too_late()
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._read())
        for _ in range(_TURNS if self._messages else 0):
            await asyncio.sleep(0)
        if self._outbox.full:
            await self._held_back()
        while not self._messages:
            if self._reading.done():
                return await self._ended(self._reading)
            self._come.clear()
            await self._come.wait()
        hand_over = asyncio.get_running_loop().call_soon
        for _ in range(min(len(self._messages) // _PART, _TOGETHER) - 1):
            hand_over(self._client.handle_message, self._next())  # before the one that is given
        return self._next()

    def _next(self) -> Any:
        message = self._messages.popleft()
        self._bytes -= _size(message)
        return message

    async def _too_late(self) -> Any:
        """The socket was given up while it was being opened: nobody else would close it, and it
        would be told everything a second time for ever."""
        from ccxt.async_support.base.ws.client import WSMsgType

        await self._client.aiohttp_close()
        return _Message(WSMsgType.CLOSED, None)

    async def _held_back(self) -> None:
        before = self._outbox.waited
        await self._outbox.room()
        if self._outbox.waited - before > _SLOW:
            self._warning_log.say(
                "held back",
                "the market comes faster than the session takes it: messages wait for "
                f"{self._outbox.waited - before:.0f} s",
            )

    async def _ended(self, reading: asyncio.Task[None]) -> Any:
        """What aiohttp says of a closed socket, until ccxt sees that it is; or what broke it."""
        from ccxt.async_support.base.ws.client import WSMsgType

        reading.result()
        await asyncio.sleep(0.05)
        return _Message(WSMsgType.CLOSED, None)

    async def _read(self) -> None:
        try:
            await self._read_on()
        finally:
            self._come.set()

    async def _read_on(self) -> None:
        """Until the socket is closed."""
        from ccxt.async_support.base.ws.client import WSMsgType

        ends = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)
        while True:
            message = await self._client.connection.receive()
            if message.type in (WSMsgType.PING, WSMsgType.PONG):
                with contextlib.suppress(Exception):  # a pong into a socket that is closing
                    self._client.handle_message(message)
                continue
            self._messages.append(message)
            self._bytes += _size(message)
            self._come.set()
            if message.type in ends:
                return
            if self._bytes > MOST_BYTES:
                await self._wait()

    async def _wait(self) -> None:
        self._warning_log.say(
            "rate",
            f"{MOST_BYTES // 2**20} MB of messages wait for the session: the exchange is read no "
            "faster than they are taken",
        )
        while self._bytes > MOST_BYTES // 2:
            await asyncio.sleep(0.02)


def _size(message: Any) -> int:
    data = message.data
    return 64 + (len(data) if isinstance(data, str | bytes) else 0)
