"""What an exchange's own list says of a market, where ccxt takes something else for it.

ccxt's entry keeps the exchange's words as `info`. The fields are those of ccxt's recorded answers
(`ts/src/test/static/markets/<id>.json` in github.com/ccxt/ccxt) of bitrue, btcturk, digifinex,
hitbtc, kraken, xt and zebpay, and of bitstamp, bullish and htx those that the comments of ccxt
4.5.90 show (`fetch_markets`, `parse_market`).
"""

from __future__ import annotations

import inspect
import math
from typing import Any

Entry = dict[str, Any]

_TICKS = {
    "btcturk": "tickSize",
    "bullish": "tickSize",
    "digifinex": "tick_size",
    "kraken": "tick_size",
    "xt": "minStepPrice",
}
"""Fields that hold the tick where ccxt takes the decimals of prices for it: BTC/TRY of btcturk has
none of them, and steps of 10."""
_STATES = {
    "bequant": ("status", ("working",)),
    "bitrue": ("status", ("TRADING", "1")),
    "digifinex": ("is_trading", ("True",)),
    "fmfwio": ("status", ("working",)),
    "hitbtc": ("status", ("working",)),
    "zebpay": ("status", ("Open", "TRADING")),
}
"""Fields that say whether a market is traded, and with which words: ccxt takes every market of
hitbtc and each swap of digifinex for active, no swap of bitrue, and asks nothing of zebpay's
coins."""
_LEAST_CONTRACTS = {"bitrue": "minOrderVolume", "digifinex": "min_order_amount"}
"""Of exchanges that take whole contracts, and say no step: the fewest in an order."""
_ONE_CONTRACT = {"htx"}
"""Where ccxt gives the size of a contract as the fewest contracts of an order: it is one."""


def tell_markets(exchange: Any) -> None:
    """Let the market lists of `exchange`, of any of ccxt's modules, say what it says itself."""
    original = exchange.fetch_markets

    async def later(*arguments: Any, **named: Any) -> list[Entry]:
        return [as_told(exchange.id, entry) for entry in await original(*arguments, **named)]

    def now(*arguments: Any, **named: Any) -> list[Entry]:
        return [as_told(exchange.id, entry) for entry in original(*arguments, **named)]

    exchange.fetch_markets = later if inspect.iscoroutinefunction(original) else now


def as_told(exchange_id: str, entry: Entry) -> Entry:
    """ccxt's `entry` of a market with what its `info` says of it."""
    info = entry.get("info")
    if not isinstance(info, dict):
        return entry
    told, swap = dict(entry), bool(entry.get("swap"))
    if tick := _tick(exchange_id, info):
        told["precision"] = {**(entry.get("precision") or {}), "price": tick}
    name, words = _STATES.get(exchange_id, ("", ()))
    if name in info:
        told["active"] = str(info[name]) in words
    if swap and exchange_id == "bitstamp" and "contract_size" in info:
        told["contractSize"] = finite(info["contract_size"])
    if swap and exchange_id == "xt" and info.get("productType") == "perpetual":
        told["expiry"] = None  # a date of delivery that is over, or far ahead
    if swap and entry.get("linear") and (least := _least(exchange_id, info)):
        limits = entry.get("limits") or {}
        amount = {**(limits.get("amount") or {}), "min": least}
        told["limits"] = {**limits, "amount": amount}
        told["precision"] = {**(told.get("precision") or {}), "amount": 1.0}
    return told


def _tick(exchange_id: str, info: Entry) -> float:
    """The tick that `info` names; 0 where it names none."""
    if (name := _TICKS.get(exchange_id)) is None:
        return 0.0
    filters = info.get("filters")
    places = [info, *(filters if isinstance(filters, list) else ())]
    told = (finite(place.get(name)) for place in places if isinstance(place, dict))
    return next((tick for tick in told if tick), 0.0)


def _least(exchange_id: str, info: Entry) -> float:
    """The fewest contracts of an order of which all are whole; 0 where nothing is known."""
    if exchange_id in _ONE_CONTRACT:
        return 1.0
    return finite(info.get(_LEAST_CONTRACTS.get(exchange_id, ""))) or 0.0


def finite(value: Any) -> float | None:
    """`value` of an answer as a number; None where it is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
