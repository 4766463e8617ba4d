"""What of an exchange is asked for a market: the hosts of other kinds need not answer."""

from __future__ import annotations

import inspect
from typing import Any

_PARTS = {
    "spot": (
        "fetch_spot_markets",
        "sapiPublicGetV3ExchangeInfo",
        "publicGetApiV3ExchangeInfo",
        "spotV1PublicGetExchangeInfo",
    ),
    "contract": (
        "fetch_swap_markets",
        "fetch_swap_and_future_markets",
        "fetch_future_markets",
        "fetch_contract_markets",
        "fapiPublicGetV3ExchangeInfo",
        "contractGetCapiV3MarketExchangeInfo",
        "fapiV1PublicGetContracts",
        "dapiV1PublicGetContracts",
    ),
}
"""Methods of ccxt that read one kind of market, often from a host of its own (aster, bitrue and
weex: of their requests in `fetch_markets`)."""
_BY_PLACE = {"bitrue"}
"""Exchanges whose answers ccxt 4.5.90 tells apart by their place in the list of types: a shorter
list has none of the others."""
_COINS_NAME_MARKETS = {"hyperliquid"}
"""Exchanges whose swaps are named by their list of coins."""
_CLOCKS = {"bitrue": ("spotV1PublicGetTime", "fapiV1PublicGetTime")}
"""Whose `fetch_time` asks the host for spot alone, and the same of the host for swaps."""
_NO_CLOCK = {"xt"}
"""Exchanges whose host for swaps has no clock."""


def only_the_kind_needed(exchange: Any, *symbols: str) -> None:
    """Leave out the market lists in which none of `symbols` can be: they are on hosts of their
    own, which need not answer."""
    contract = [":" in symbol for symbol in symbols]
    options = exchange.options or {}
    kinds = options.get("fetchMarkets")
    kinds = kinds if isinstance(kinds, dict) else {}
    types = kinds.get("types")
    wanted = set().union(*map(_wanted, symbols))
    if exchange.id in _BY_PLACE:
        types = None
    if isinstance(types, list) and wanted & set(types):
        kinds["types"] = [kind for kind in types if kind in wanted]
    elif isinstance(types, dict) and wanted & set(types):
        kinds["types"] = {kind: value for kind, value in types.items() if kind in wanted}
    if len({*contract}) > 1:
        return
    if contract[0]:
        _leave_spot_out(exchange)
    if contract[0] and not any(hasattr(exchange, name) for name in _PARTS["contract"]):
        return
    for name in _PARTS["spot" if contract[0] else "contract"]:
        if hasattr(exchange, name):
            setattr(exchange, name, _nothing(exchange))


def _leave_spot_out(exchange: Any) -> None:
    """Of a host for swaps ask its own clock, and no list of coins: both are on that for spot."""
    if exchange.options.get("defaultType", "spot") == "spot":
        exchange.options["defaultType"] = "swap"
    if exchange.id in _CLOCKS:
        of_spot, of_swaps = _CLOCKS[exchange.id]
        setattr(exchange, of_spot, getattr(exchange, of_swaps))
    if exchange.id in _NO_CLOCK:
        exchange.has["fetchTime"] = False
    if exchange.id not in _COINS_NAME_MARKETS:
        exchange.has["fetchCurrencies"] = False


def _wanted(symbol: str) -> set[str]:
    if ":" not in symbol:
        return {"spot"}
    base, settled = symbol.partition("/")[0], symbol.partition(":")[2].partition("-")[0]
    kinds = {"swap", "future", "contract", "hip3", "inverse" if base == settled else "linear"}
    return kinds if "-" in symbol else kinds - {"future"}


def _nothing(exchange: Any) -> Any:
    async def later(*_: Any, **__: Any) -> list[Any]:
        return []

    return later if inspect.iscoroutinefunction(exchange.load_markets) else lambda *_, **__: []
