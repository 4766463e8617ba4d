"""Binance's WebSocket streams: subscriptions, raw and combined format, ping and pong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import WSMsgType, web


class Connection:
    """One client socket with what it has subscribed to."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        streams: Iterable[str],
        combined: bool,
        greeting: Callable[[str], str | None],
    ) -> None:
        self.socket = socket
        self._greeting = greeting
        self.streams = set(streams)
        self.combined = combined
        self.silent = False
        """True once the socket stays open but never sends again."""
        self._abandoned = False
        self._pings = 0
        self._pongs = 0
        self._progress = asyncio.Event()

    async def send(self, stream: str, text: str) -> None:
        """Send a stream's message to a subscriber; a gone socket is ignored."""
        if self.silent or self.socket.closed or stream not in self.streams:
            return
        if self.combined:
            text = f'{{"stream":"{stream}","data":{text}}}'
        await self.send_text(text)

    async def send_text(self, text: str) -> None:
        """Send `text` as it is; a gone socket is ignored."""
        if self.silent or self.socket.closed:
            return
        try:
            await self.socket.send_str(text)
        except (ConnectionError, RuntimeError):
            self._progress.set()

    async def keep_up(self, window: int) -> None:
        """Ping, then wait until at most `window` pings are without their pong.

        The client answers a ping after the messages before it, so this paces the
        market by the client's reading.
        """
        if self.silent or self._abandoned or self.socket.closed:
            return
        try:
            await self.socket.ping(b"pace")
        except (ConnectionError, RuntimeError):
            return
        self._pings += 1
        while self._pings - self._pongs > window and not (self.silent or self.socket.closed):
            self._progress.clear()
            try:
                await asyncio.wait_for(self._progress.wait(), 2.0)
            except TimeoutError:  # given up by the client, though still open
                self._abandoned = True
                return

    async def read(self) -> None:
        """Serve the client's requests until it leaves."""
        async for message in self.socket:
            if message.type == WSMsgType.TEXT:
                await self._command(message.data)
            elif message.type == WSMsgType.PING and not self.silent:
                await self.socket.pong(message.data)
            elif message.type == WSMsgType.PONG:
                self._pongs += 1
                self._progress.set()

    def wake(self) -> None:
        """Let a waiting `keep_up` look again."""
        self._progress.set()

    async def _command(self, text: str) -> None:
        request = json.loads(text)
        params = request.get("params") or []
        answer: Any = None
        if request.get("method") == "SUBSCRIBE":
            self.streams.update(params)
        elif request.get("method") == "UNSUBSCRIBE":
            self.streams.difference_update(params)
        elif request.get("method") == "LIST_SUBSCRIPTIONS":
            answer = sorted(self.streams)
        else:
            error = {"code": 2, "msg": "Invalid request: unknown method"}
            await self.send_text(json.dumps({"id": request.get("id"), "error": error}))
            return
        await self.send_text(json.dumps({"result": answer, "id": request.get("id")}))
        for stream in params if request["method"] == "SUBSCRIBE" else ():
            greeting = self._greeting(stream)
            if greeting is not None:
                await self.send(stream, greeting)


class Streams:
    """All client sockets."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.opened = 0
        """Sockets opened so far."""
        self.refusals = 0
        """How many of the next handshakes are refused with HTTP 503."""
        self.greeting: Callable[[str], str | None] = lambda stream: None
        """What a new subscriber of a stream is told at once."""
        self._changed = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        """The raw (/ws) and the combined (/stream) endpoint."""
        return [
            web.get("/ws", self._serve),
            web.get("/ws/{names:.*}", self._serve),
            web.get("/stream", self._serve),
        ]

    async def send(self, stream: str, text: str) -> None:
        """Send a stream's message to every subscriber, in order."""
        for connection in list(self.connections):
            await connection.send(stream, text)

    async def send_everywhere(self, text: str) -> None:
        """Send `text` as it is on every socket."""
        for connection in list(self.connections):
            await connection.send_text(text)

    async def keep_up(self, window: int) -> None:
        """Wait until every client has read all but `window` candles."""
        for connection in list(self.connections):
            await connection.keep_up(window)

    async def subscribed(self, streams: Iterable[str]) -> None:
        """Wait until each of `streams` has a subscriber that can hear."""
        wanted = set(streams)
        while not wanted <= self.heard():
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), 0.02)
            except TimeoutError:
                continue

    def heard(self) -> set[str]:
        """Streams with at least one subscriber that can hear."""
        hearing = [c.streams for c in self.connections if not (c.silent or c.socket.closed)]
        return set().union(*hearing)

    def silence(self, only: str = "") -> None:
        """Present sockets stay open and never send again, pongs included.

        `only` those with a stream of this kind, where it is not empty.
        """
        for connection in self.connections:
            if any(f"@{only}" in stream for stream in connection.streams):
                connection.silent = True
                connection.wake()

    def cut(self) -> None:
        """Break every connection without a closing handshake."""
        for connection in list(self.connections):
            transport = connection.socket._req.transport if connection.socket._req else None
            if transport is not None:
                transport.abort()
            connection.wake()
        self.connections.clear()

    def connection(
        self, socket: web.WebSocketResponse, streams: Iterable[str], combined: bool
    ) -> Connection:
        """A client socket that has been opened."""
        return Connection(socket, streams, combined, self.greeting)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self.refusals > 0:
            self.refusals -= 1
            return web.Response(status=503, text="Service Unavailable")
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        combined = request.path.startswith("/stream")
        names = request.query.get("streams", "") if combined else request.match_info.get("names")
        streams = [name for name in (names or "").split("/") if "@" in name]
        connection = self.connection(socket, streams, combined)
        self.connections.append(connection)
        self.opened += 1
        self._changed.set()
        try:
            await connection.read()
        finally:
            connection.wake()
            if connection in self.connections:
                self.connections.remove(connection)
        return socket
