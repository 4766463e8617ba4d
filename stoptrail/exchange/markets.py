"""What an exchange says of a market: whether it can be traded here, its filters in coins."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from stoptrail.config.market import Filters, Maintenance
from stoptrail.core.errors import ConfigError, ExchangeError
from stoptrail.core.retry import Patience
from stoptrail.core.text import close_to
from stoptrail.core.time import iso
from stoptrail.exchange.answers import finite
from stoptrail.exchange.client import FIRST_CONTACT, read
from stoptrail.exchange.errors import OTHER_EXCHANGE
from stoptrail.exchange.history import MOST
from stoptrail.exchange.needed import only_the_kind_needed
from stoptrail.exchange.rows import product

Type = Literal["spot", "margin", "swap"]

_COUNT_CONTRACTS = {"delta", "gate", "kucoin", "kucoinfutures", "mexc", "poloniex", "xt"}
_COUNT_COINS = {
    *("apex", "blofin", "coinbaseinternational", "deribit", "htx", "lighter", "myokx", "okx"),
}
"""What candles of linear contracts count where one is not one coin, by the field that ccxt
4.5.90 takes (`parse_ohlcv`) and the exchanges' documents of it; of others it is unknown."""
_COUNT_QUOTE = {"btse", "hibachi"}
"""Whose candles tell what was traded in the quote currency alone, which ccxt 4.5.90 gives as the
volume (`parse_ohlcv`)."""
_STEPS_IN_COINS = {"apex", "coinbaseinternational", "deribit", "lighter", "toobit", "weex"}
"""Whose lots and minimums are coins, though ccxt 4.5.90 names a contract of another size: deribit's
`min_trade_amount` ("the underlying base currency coin" of linear ones; coinbaseinternational has
the same engine), toobit's LOT_SIZE (ccxt divides that of hashkey, which has the same platform, by
the contract), weex's `minOrderSize` (an order is at most 1200 BTC), apex's, which ccxt takes for
the size of a contract as well, and lighter's `min_base_amount`, beside which ccxt takes
`quote_multiplier` for a contract."""
_MADE_UP = {"coinone", "mercado", "upbit"}
"""Exchanges whose market lists have no steps; ccxt 4.5.90 gives the same for each of their
markets (`parse_market`)."""
_TIERS: dict[str, tuple[str, str]] = {
    "bitget": ("maxNotional", "notional"),
    "bybit": ("maxNotional", "notional"),
    "gate": ("maxNotional", "notional"),
    "krakenfutures": ("minNotional", "notional"),
    "myokx": ("maxNotional", "contracts"),
    "okx": ("maxNotional", "contracts"),
    "okxus": ("maxNotional", "contracts"),
}
"""Exchanges that show the tiers of their maintenance margin without a key: the end of a tier that
ccxt 4.5.90 takes from the answer itself (`parse_market_leverage_tiers`; it makes up the other one
from the tier before, in whatever order they come), and what it counts. krakenfutures counts
contracts where its answer says so."""
_BRIEF = Patience(attempts=3)
_DECIMAL_PLACES, _SIGNIFICANT_DIGITS = 2, 3  # ccxt's precision modes
_NEVER = 3_786_912_000_000
"""2090 in milliseconds: what ends later does not end. deribit dates all that has no end in the year
3000, others in 2100."""


def load_markets(exchange: Any, symbol: str, timeframe: str) -> dict[str, Any]:
    """First contact: fetch the market list and give the market of `symbol`.

    Fails at once where there is no network, so that a caller can fall back. Raises
    ExchangeError, or ConfigError with the closest names for what is not offered.
    """
    only_the_kind_needed(exchange, symbol)
    read(exchange, exchange.load_markets, patience=FIRST_CONTACT)
    return checked_market(exchange, symbol, timeframe)


def checked_market(exchange: Any, symbol: str, timeframe: str | None) -> dict[str, Any]:
    """ccxt's entry of `symbol`; ConfigError where it or the timeframe is not offered,
    ExchangeError where nothing is."""
    if not exchange.markets:
        raise ExchangeError(
            f"{exchange.id} gave an empty market list: try again later, or {OTHER_EXCHANGE}"
        )
    if symbol not in exchange.markets:
        close = close_to(symbol, exchange.markets)
        raise ConfigError(f"data.symbol {symbol!r} is not traded on {exchange.id}{close}")
    if timeframe is None:
        return dict(exchange.markets[symbol])
    # ccxt 4.5.90 has backpack's 15m under "15"; it sends what it does not know as it is
    offered = [to if name.isdigit() else name for name, to in (exchange.timeframes or {}).items()]
    if not exchange.has.get("fetchOHLCV") or not offered:
        raise ConfigError(f"{exchange.id} offers no candles: {OTHER_EXCHANGE}")
    if timeframe not in offered:
        names = ", ".join(offered)
        raise ConfigError(
            f"data.timeframe {timeframe!r} is not offered by {exchange.id}; it has {names}"
        )
    return dict(exchange.markets[symbol])


def check_tradable(exchange_id: str, market: dict[str, Any], wanted: str) -> None:
    """ConfigError where a session cannot trade `market` as `market.type` says it."""
    symbol = market["symbol"]
    if market.get("option"):
        raise ConfigError(f"data.symbol {symbol}: options cannot be traded; name a spot or swap")
    if market_type(market) == "swap":
        _check_perpetual(market)
    if market.get("active") is False:
        raise ConfigError(
            f"data.symbol {symbol} is not traded on {exchange_id} at present (inactive or "
            "halted); name another market"
        )
    check_type(symbol, market_type(market), wanted)


def _check_perpetual(market: dict[str, Any]) -> None:
    """ConfigError for a contract that is dated, inverse or a quanto."""
    symbol = market["symbol"]
    pair, _, named = symbol.partition(":")
    settled = market.get("settle") or named.partition("-")[0]
    expiry = _number(market.get("expiry"))
    if market.get("future") or 0.0 < (expiry or 0.0) < _NEVER or "-" in named:
        raise ConfigError(
            f"data.symbol {symbol}: a dated contract ends, its price is not one series; "
            f"name a spot market or a swap without a date"
        )
    quanto = market.get("quanto") or settled not in ("", *pair.split("/"))
    if market.get("linear") is False and quanto:
        text = f"its profit is in {settled}, neither side of its pair; name a linear one or spot"
        raise ConfigError(f"data.symbol {symbol}: {text}")
    if market.get("inverse") or market.get("linear") is False or settled == market.get("base"):
        raise ConfigError(_inverse(symbol, market.get("base")))


def check_named(symbol: str, wanted: str) -> None:
    """ConfigError where the name of a market alone, as ccxt writes it, says that a run would be
    wrong: it is inverse, or a contract where `market.type` is another."""
    pair, _, settled = symbol.partition(":")
    base = pair.partition("/")[0]
    if settled and settled.partition("-")[0] == base:
        raise ConfigError(_inverse(symbol, base))
    if settled:
        check_type(symbol, "swap", wanted)


def _inverse(symbol: str, base: object) -> str:
    return (
        f"data.symbol {symbol}: an inverse contract, whose profit is in {base} and not linear; "
        f"name the linear one ({base}/USDT:USDT) or spot"
    )


def check_type(symbol: str, found: Type, wanted: str) -> None:
    """ConfigError where `market.type` contradicts what the market is."""
    if wanted != "auto" and (wanted == "swap") != (found == "swap"):
        other = f", or data.symbol to the swap, such as {symbol}:USDT" if wanted == "swap" else ""
        raise ConfigError(
            f'market.type = "{wanted}", but {symbol} is a {found} market: '
            f'set market.type to "{found}" or "auto"{other}'
        )


def market_type(market: dict[str, Any]) -> Type:
    """What `market.type` is for this market."""
    contract = market.get("contract") or market.get("swap") or ":" in str(market.get("symbol"))
    return "swap" if contract else "spot"


def contract_size(market: dict[str, Any]) -> float | None:
    """Coins in one contract; 1 on spot, None of a swap that does not tell."""
    return (_number(market.get("contractSize")) or None) if market_type(market) == "swap" else 1.0


def volume_unit(exchange_id: str, market: dict[str, Any]) -> float | None:
    """By what a candle's volume is multiplied to be in coins; None where it is unknown
    whether it counts coins or contracts, or how many coins a contract is."""
    size = contract_size(market)
    if exchange_id in _COUNT_QUOTE:
        return None
    if size == 1.0 or exchange_id in _COUNT_COINS:
        return 1.0
    return size if exchange_id in _COUNT_CONTRACTS else None


class MarketFacts(NamedTuple):
    """What is kept of a market beside its candles."""

    filters: Filters
    """Quantities in coins."""
    type: Type
    contract_size: float | None
    """Coins in one contract; None where the exchange does not tell."""
    volume: Literal["base", "unknown"]
    """What the kept volumes count, contracts turned into coins where that is known."""
    maintenance: Maintenance | None = None
    """Tiers of a swap's maintenance margin, where they are read."""


def facts_of(exchange: Any, market: dict[str, Any]) -> MarketFacts:
    """Filters, type and contract of ccxt's entry."""
    unit: Literal["base", "unknown"] = "base"
    if volume_unit(exchange.id, market) is None:
        unit = "unknown"
    kind, size = market_type(market), contract_size(market)
    return MarketFacts(filters_of(exchange, market), kind, size, unit)


def unit_note(exchange_id: str, symbol: str, facts: MarketFacts) -> str:
    """What to say of a contract whose size is not known, or of volumes of which nothing is; "" of
    others."""
    if facts.contract_size is None and exchange_id not in _STEPS_IN_COINS:
        volumes = "" if facts.volume == "base" else "; its volumes tell no lot"
        return (
            f"{exchange_id} tells no contract size of {symbol}: lot and least quantity take a "
            "contract for one coin; set market.lot and market.min_quantity where it is another"
            f"{volumes}"
        )
    if facts.volume == "base":
        return ""
    if exchange_id in _COUNT_QUOTE:
        return (
            f"{exchange_id}'s volumes of {symbol} count the quote currency: they are kept as they "
            "came and tell no lot"
        )
    contracts = "" if facts.contract_size is None else f" of {facts.contract_size:g}"
    return (
        f"whether {exchange_id}'s volumes of {symbol} count coins or contracts{contracts} is not "
        "known: they are kept as they came and tell no lot"
    )


def filters_of(exchange: Any, market: dict[str, Any]) -> Filters:
    """Tick, lot and minimums of ccxt's entry, quantities in coins."""
    precision, limits = market.get("precision") or {}, market.get("limits") or {}
    if exchange.id in _MADE_UP:
        precision = {}
    size = 1.0 if exchange.id in _STEPS_IN_COINS else contract_size(market) or 1.0
    return Filters(
        _step(exchange, precision.get("price")),
        _times(_step(exchange, precision.get("amount")), size),
        _times(_number((limits.get("amount") or {}).get("min")), size),
        _number((limits.get("cost") or {}).get("min")),
    )


def tells_tiers(exchange_id: str) -> bool:
    """Whether the tiers of the maintenance margin are read from this exchange."""
    return exchange_id in _TIERS


def read_maintenance(
    exchange: Any, market: dict[str, Any], on_notice: Callable[[str], None]
) -> Maintenance | None:
    """The tiers of a swap's maintenance margin as they stand now; None on spot, and where the
    exchange shows none without a key; None and said where it does not answer with any."""
    if market_type(market) != "swap" or not tells_tiers(exchange.id):
        return None
    try:
        entries = read(
            exchange, exchange.fetch_market_leverage_tiers, market["symbol"], patience=_BRIEF
        )
        return maintenance_of(exchange.id, market, entries, exchange.milliseconds())
    except (ConfigError, ExchangeError) as error:
        on_notice(f"the maintenance margin of {market['symbol']} was not read: {error}")
        return None


def maintenance_of(
    exchange_id: str, market: dict[str, Any], entries: Sequence[Any] | None, now: int
) -> Maintenance:
    """ccxt's leverage tiers of a swap as they stand at `now`, ms, whatever order they came in.

    Where tiers contradict each other the stricter holds. Raises ExchangeError for no tiers, or
    where one has no end or no rate that is a fraction.
    """
    bound_name, counted = _TIERS[exchange_id]
    by_end, rows = bound_name == "maxNotional", []
    for entry in entries or ():
        bound, rate = finite(entry.get(bound_name)), finite(entry.get("maintenanceMarginRate"))
        if bound is None and by_end:
            bound = math.inf
        most = finite(entry.get("maxLeverage")) or 0.0
        if bound is None or rate is None or min(bound, rate) < 0.0 or rate * most > 1.0:
            told = entry.get("info") or entry
            raise ExchangeError(f"{exchange_id}: a tier of its maintenance margin is none: {told}")
        rows.append((bound, rate))
        if not by_end and "contracts" in (entry.get("info") or {}):
            counted = "contracts"
    steps = _ascending(rows, by_end)
    if not steps:
        raise ExchangeError(f"{exchange_id} gave no tiers of the maintenance margin")
    size = contract_size(market) if counted == "contracts" else 1.0
    if size is None:
        raise ExchangeError(
            f"{exchange_id}: its tiers count contracts of {market['symbol']}, and it tells no "
            "contract size"
        )
    tiers = tuple((_times(begin, size) or 0.0, rate) for begin, rate in steps)
    by: Literal["notional", "units"] = "units" if counted == "contracts" else "notional"
    return Maintenance(tiers, by, f"{exchange_id} {iso(now)[:10]}")


def _ascending(rows: list[tuple[float, float]], by_end: bool) -> list[tuple[float, float]]:
    """Bounds and rates as [from, rate], both ascending, the first from 0; by_end: the bounds are
    the tiers' ends, else their beginnings. A rate of 1 or more is no tier anybody is in."""
    rows = sorted({bound: rate for bound, rate in sorted(rows) if rate < 1.0}.items())
    if by_end:
        rows = [(begin, rate) for (begin, _), (_, rate) in pairwise([(0.0, 0.0), *rows])]
    steps: list[tuple[float, float]] = []
    for begin, rate in rows:
        if not steps or rate > steps[-1][1]:
            if steps and begin == steps[-1][0]:  # which then holds nothing
                steps.pop()
            steps.append((begin if steps else 0.0, rate))
    return steps


def page_of(exchange: Any, symbol: str) -> int:
    """Candles that one request may ask for, as ccxt knows it; `MOST` where it does not."""
    import ccxt

    try:
        limit = exchange.feature_value(symbol, "fetchOHLCV", "limit")
    except (KeyError, TypeError, AttributeError, ccxt.BaseError):
        limit = None
    return min(int(limit), MOST) if limit else MOST


def _step(exchange: Any, precision: Any) -> float | None:
    """A price or quantity step from ccxt's precision, which may count digits; None where
    it counts significant ones: then the step depends on the price."""
    if exchange.precisionMode == _SIGNIFICANT_DIGITS:
        return None
    if exchange.precisionMode == _DECIMAL_PLACES:
        digits = finite(precision)
        return None if digits is None else float(f"1e{-int(digits)}")
    return _number(precision) or None


def _number(value: Any) -> float | None:
    """What an exchange tells of a size; None where that is no number, or below 0."""
    number = finite(value)
    return None if number is None or number < 0.0 else number


def _times(value: float | None, size: float) -> float | None:
    return None if value is None else product(value, size)
