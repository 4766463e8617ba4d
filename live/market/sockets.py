"""ccxt.pro's sockets: guards for what its message handling leaves open."""

from __future__ import annotations

import asyncio
import contextlib
import time
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
    give_up(list((exchange.clients or {}).values()), reason)


async def dead(exchange: Any, wait: float) -> list[Any]:
    """The sockets that are closed, or answer no ping within `wait` seconds.

    A market in which nothing is traded says nothing either, on sockets that are well. ccxt
    asks for pongs itself, but every three minutes only on some exchanges.
    """
    clients = list((exchange.clients or {}).values())
    sent = exchange.milliseconds()
    for client in clients:
        with contextlib.suppress(Exception):  # a socket that cannot be pinged will not answer
            await asyncio.wait_for(client.connection.ping(), wait)
    until = time.monotonic() + wait
    while (silent := [c for c in clients if _silent_since(c, sent)]) and time.monotonic() < until:
        await asyncio.sleep(wait / 8)
    return silent


def _silent_since(client: Any, sent: int) -> bool:
    heard = max(client.lastPong or 0, getattr(client, "last_message_at", None) or 0)
    return heard < sent


def give_up(clients: list[Any], reason: str) -> None:
    """Open these sockets anew; whoever waits for a message of theirs gets a NetworkError."""
    from ccxt.base.errors import NetworkError

    for client in clients:
        client.on_error(NetworkError(reason))
