"""Serves the dashboard until it is told to stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import uvicorn

from stoptrail.core.errors import ConfigError
from stoptrail.core.program import collect_each_minute
from stoptrail.dashboard.app import Dashboard

_BACKLOG = 64


class _Server(uvicorn.Server):
    """Signals are the command's own affair."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


class DashboardServer:
    """Listens from its making on; `run` answers. Raises ConfigError where it cannot listen."""

    def __init__(self, dashboard: Dashboard, host: str, port: int) -> None:
        self._dashboard = dashboard
        self._socket = _listening(host, port)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            dashboard.app,
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            loop="asyncio",
            http="h11",
            limit_concurrency=256,
            timeout_graceful_shutdown=2,
        )
        self._server = _Server(config)
        self._stop: Callable[[], Any] = lambda: None

    def run(self) -> None:
        """Answer until `stop`; then close."""
        asyncio.run(self._serve())

    def stop(self, _reason: str = "") -> None:
        """End `run` soon; safe in a signal handler and from another thread."""
        self._server.should_exit = True
        self._stop()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        stream = self._dashboard.stream

        def wake() -> None:
            loop.call_soon_threadsafe(lambda: loop.create_task(stream.close()))

        self._stop = wake
        tidying = loop.create_task(collect_each_minute())
        try:
            await self._server.serve([self._socket])
        finally:
            tidying.cancel()
            self._stop = lambda: None
            self._socket.close()


def _listening(host: str, port: int) -> socket.socket:
    where = f"dashboard.port: {host}:{port} cannot be listened on"
    try:
        ((family, kind, number, _, address), *_) = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        found = socket.socket(family, kind, number)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind(address)
            found.listen(_BACKLOG)
        except OSError:
            found.close()
            raise
    except OSError as error:
        raise ConfigError(f"{where} ({error.strerror}); name another port or host") from None
    return found
