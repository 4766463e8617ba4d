"""The store that the settings ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from live.store import CCXTStore
from live.stream import Transport
from live.timing import Timing


def make_store(
    kind: Literal["native", "ccxtbt"],
    exchange: str,
    currency: str,
    config: Mapping[str, Any],
    retries: int,
    transport: Transport = "auto",
    timing: Timing | None = None,
) -> CCXTStore:
    """The store for `[live] store`; ConfigError where its package is not installed.

    ccxtbt has no sockets, so that `transport` counts for "native" only.
    """
    if kind == "native":
        return CCXTStore(exchange, currency, config, retries, transport=transport, timing=timing)
    from live.ccxtbt_store import CcxtbtStore

    return CcxtbtStore(exchange, currency, config, retries, timing=timing)
