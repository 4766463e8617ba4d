"""Closing a ccxt exchange without waiting for a peer that does not answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from live.background import cancel_others

log = logging.getLogger("stoptrail.live")


async def close_exchange(exchange: Any, patience: float = 1.0) -> None:
    """Close sockets and sessions; what is not closed after `patience` seconds is dropped.

    Whatever else runs in this loop is cancelled first: a reader that hears of its closed
    socket would open a new one, which nobody would close.
    """
    await cancel_others(patience / 2)
    exchange.timeout_on_exit = 10
    closing = asyncio.ensure_future(exchange.close())
    await asyncio.wait([closing], timeout=patience)
    if not closing.done():
        closing.cancel()
        await asyncio.wait([closing], timeout=patience / 2)
    elif not closing.cancelled() and closing.exception() is not None:
        # Of sockets that are broken already, say; what counts is that nothing stays open.
        log.debug("closing %s: %s", exchange.id, closing.exception())
    connector = getattr(exchange, "tcp_connector", None)
    if connector is not None and not connector.closed:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(_drop(connector), patience / 2)


async def _drop(connector: Any) -> None:
    await connector.close()
