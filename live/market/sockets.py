"""ccxt.pro's sockets: guards for what its message handling leaves open."""

from __future__ import annotations

import asyncio
from typing import Any

from stoptrail.live.market.warnings import WarningLog


def guard(exchange: Any, loop: asyncio.AbstractEventLoop, warning_log: WarningLog) -> None:
    """Let no malformed message end a socket's reading in silence.

    An exception in ccxt's handling of a message ends its receive loop while the socket
    stays open. Readable but odd messages are left out; after an unreadable one the
    sockets are opened anew.
    """
    original = exchange.handle_message

    def handle(client: Any, message: object) -> None:
        try:
            original(client, message)
        except Exception as error:
            warning_log.say(
                "malformed message", f"a message makes no sense and is left out: {error}"
            )

    def failed(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is None or "handle" not in context:
            return
        warning_log.say(
            "malformed message", f"a message cannot be read: the connection is opened anew: {error}"
        )
        reset(exchange, "unreadable message")

    exchange.handle_message = handle
    loop.set_exception_handler(failed)


def reset(exchange: Any, reason: str) -> None:
    """Give up every socket; whoever waits for a message gets a NetworkError."""
    from ccxt.base.errors import NetworkError

    for client in list((exchange.clients or {}).values()):
        client.on_error(NetworkError(reason))
