"""The store that the settings ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from stoptrail.live.market.store import CCXTStore
from stoptrail.live.market.stream import Transport
from stoptrail.live.market.timing import Timing


def make_store(
    kind: Literal["native", "ccxtbt"],
    exchange: str,
    currency: str,
    config: Mapping[str, Any],
    retries: int,
    transport: Transport = "auto",
    timing: Timing | None = None,
    market_type: str = "auto",
) -> CCXTStore:
    """The store for `[live] store`; ConfigError where its package is not installed.

    ccxtbt has no sockets, so that `transport` counts for "native" only.
    """
    if kind == "native":
        return CCXTStore(
            exchange,
            currency,
            config,
            retries,
            transport=transport,
            timing=timing,
            market_type=market_type,
        )
    from stoptrail.live.market.ccxtbt_store import CcxtbtStore

    return CcxtbtStore(exchange, currency, config, retries, timing=timing, market_type=market_type)
