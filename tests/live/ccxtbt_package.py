"""A stand-in of the package bt-ccxt-store, which no index has: what a session touches of its
CCXTStore behaves as there. One object for all configurations, a pause and its own retries around
each call, a balance that is asked for where there is a secret, orders that go out."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, ClassVar

import ccxt
import pytest


class _OnlyOne(type):
    _singleton: Any = None

    def __call__(cls, *arguments: Any, **named: Any) -> Any:
        if cls._singleton is None:
            cls._singleton = super().__call__(*arguments, **named)
        return cls._singleton


class LikeCcxtbt(metaclass=_OnlyOne):
    """ccxtbt.CCXTStore, as far as it is used."""

    ordered: ClassVar[list[tuple[Any, ...]]] = []

    def __init__(
        self,
        exchange: str,
        currency: str,
        config: dict[str, Any],
        retries: int,
        debug: bool = False,
        sandbox: bool = False,
    ) -> None:
        self.exchange = getattr(ccxt, exchange)(config)
        if sandbox:
            self.exchange.set_sandbox_mode(True)
        self.currency, self.retries, self.debug = currency, retries, debug
        if "secret" in config:
            self.exchange.fetch_balance()

    def fetch_ohlcv(
        self,
        symbol: str,
        timeframe: str,
        since: int | None,
        limit: int | None,
        params: dict[str, Any] | None = None,
    ) -> Any:
        return self._again(self.exchange.fetch_ohlcv, symbol, timeframe, since, limit, params or {})

    def fetch_trades(self, symbol: str) -> Any:
        return self._again(self.exchange.fetch_trades, symbol)

    def create_order(self, *order: Any) -> None:
        self.ordered.append(order)

    def cancel_order(self, *order: Any) -> None:
        self.ordered.append(order)

    def private_end_point(self, *asked_for: Any) -> None:
        self.ordered.append(asked_for)

    def _again(self, method: Callable[..., Any], *arguments: Any) -> Any:
        for attempt in range(self.retries):
            time.sleep(self.exchange.rateLimit / 1000)
            try:
                return method(*arguments)
            except (ccxt.NetworkError, ccxt.ExchangeError):
                if attempt == self.retries - 1:
                    raise
        raise AssertionError("at least one attempt is allowed")


def installed(patch: pytest.MonkeyPatch) -> None:
    """Let `import ccxtbt` find the stand-in."""
    package = ModuleType("ccxtbt")
    package.CCXTStore = LikeCcxtbt  # type: ignore[attr-defined]
    patch.setitem(sys.modules, "ccxtbt", package)
