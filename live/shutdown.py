"""Closing a ccxt exchange without waiting for a peer that does not answer."""

from __future__ import annotations

import asyncio
from typing import Any


async def close_exchange(exchange: Any, patience: float = 1.0) -> None:
    """Close sockets and sessions; after `patience` seconds they are dropped."""
    exchange.timeout_on_exit = 10
    try:
        await asyncio.wait_for(exchange.close(), patience)
    except Exception:
        session = exchange.session
        if session is not None and session.connector is not None:
            await session.connector.close()
