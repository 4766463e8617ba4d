"""What exchanges say of a market themselves reaches a run, whatever ccxt makes of it: the answer
as it comes over the wire, ccxt's reading, and what is made of that.

"Recorded at" names the commit of `ts/src/test/static/markets/<id>.json` in github.com/ccxt/ccxt,
"in the comments" those of ccxt 4.5.90.
"""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any, NamedTuple

import ccxt
import ccxt.async_support
import pytest

from stoptrail.config.market import Filters
from stoptrail.core.errors import ConfigError
from stoptrail.exchange.answers import as_told
from stoptrail.exchange.client import construct
from stoptrail.exchange.errors import OTHER_EXCHANGE, RequestError
from stoptrail.exchange.markets import (
    check_tradable,
    contract_size,
    facts_of,
    load_markets,
    unit_note,
)
from stoptrail.live.market.listing import trouble_of

Answer = Any


class Told(NamedTuple):
    """One market as an exchange tells it, and what that means, read by a person."""

    id: str
    symbol: str
    path: str
    """End of the address of the list."""
    answer: Answer
    filters: Filters
    """Tick, lot, least quantity in coins, and least notional."""
    size: float = 1.0


BTCTURK = {
    "id": 1,
    "name": "BTCTRY",
    "status": "TRADING",
    "numerator": "BTC",
    "denominator": "TRY",
    "numeratorScale": 8,
    "denominatorScale": 0,
    "filters": [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": "0.0000000000001",
            "maxPrice": "10000000",
            "tickSize": "10",
            "minExchangeValue": "99.91",
            "minAmount": None,
            "maxAmount": None,
        }
    ],
}
"""Recorded at 2f3503bf3d83f28c."""
BULLISH = {
    "symbol": "BTCUSDC",
    "baseSymbol": "BTC",
    "quoteSymbol": "USDC",
    "marketType": "SPOT",
    "quotePrecision": "4",
    "basePrecision": "8",
    "pricePrecision": "4",
    "quantityPrecision": "8",
    "costPrecision": "4",
    "minQuantityLimit": "0.00050000",
    "maxQuantityLimit": "200.00000000",
    "minCostLimit": None,
    "tickSize": "0.1000",
    "marketEnabled": True,
}
"""In the comments of `parse_market`."""
DIGIFINEX = {
    "instrument_id": "XRPUSDTPERP",
    "type": "REAL",
    "contract_type": "PERPETUAL",
    "base_currency": "XRP",
    "quote_currency": "USDT",
    "clear_currency": "USDT",
    "contract_value": "100",
    "contract_value_currency": "XRP",
    "is_inverse": False,
    "is_trading": True,
    "status": "ONLINE",
    "price_precision": "4",
    "tick_size": "0.0005",
    "min_order_amount": "1",
}
"""Recorded at 074392c5347e7704, with another tick."""
BITRUE = {
    "symbol": "E-ETH-USDT",
    "pricePrecision": "2",
    "side": "1",
    "maxMarketVolume": "72",
    "multiplier": "0.0010000000000000",
    "minOrderVolume": "10",
    "type": "E",
    "maxValidOrder": "50",
    "multiplierCoin": "ETH",
    "minOrderMoney": "50.0000000000000000",
    "status": "1",
}
"""Recorded at 1900a8a15f6133ed."""
HTX = {
    "symbol": "DOGE",
    "contract_code": "DOGE-USDT",
    "contract_size": 100.0,
    "price_tick": 0.00001,
    "delivery_date": "",
    "delivery_time": "",
    "create_date": "20201021",
    "contract_status": 1,
    "settlement_date": "1640764800000",
    "support_margin_mode": "all",
    "business_type": "swap",
    "pair": "DOGE-USDT",
    "contract_type": "swap",
}
"""In the comments of `fetch_markets_by_type_and_sub_type`."""
BITSTAMP = {
    "name": "BTC/USD-PERP",
    "market_symbol": "btcusd-perp",
    "base_currency": "BTC",
    "base_decimals": 5,
    "counter_currency": "USD",
    "counter_decimals": 0,
    "minimum_order_value": "10",
    "minimum_order_amount": "0.00001000",
    "trading": "Enabled",
    "market_type": "PERPETUAL",
    "payoff_type": "Linear",
    "contract_size": "1.00000000",
}
"""In the comments of `fetch_markets`."""
XT = {
    "symbol": "btc_usdt",
    "pair": "btc_usdt",
    "contractType": "PERPETUAL",
    "productType": "perpetual",
    "underlyingType": "U_BASED",
    "contractSize": "0.0001",
    "tradeSwitch": True,
    "isOpenApi": True,
    "state": "0",
    "baseCoin": "btc",
    "quoteCoin": "usdt",
    "baseCoinPrecision": "8",
    "quoteCoinPrecision": "8",
    "quantityPrecision": "0",
    "pricePrecision": "1",
    "minQty": "1",
    "minNotional": "10",
    "maxNotional": "25000000",
    "minStepPrice": "0.5",
    "deliveryDate": 1669879634000,
}
"""Recorded at 3802e1a243497a0f, with another step, and the date of delivery of ccxt's comments."""
KRAKEN = {
    "altname": "XBTUSD",
    "wsname": "XBT/USD",
    "base": "XXBT",
    "quote": "ZUSD",
    "cost_decimals": 5,
    "pair_decimals": 1,
    "lot_decimals": 8,
    "ordermin": "0.00007",
    "costmin": "0.7",
    "tick_size": "0.5",
    "status": "online",
    "fees": [[0, 0.4]],
    "fees_maker": [[0, 0.25]],
    "leverage_buy": [],
}
"""Recorded at 1900a8a15f6133ed, with another tick."""
HIBACHI = {
    "id": "2",
    "minNotional": "1",
    "minOrderSize": "0.0000000001",
    "orderbookGranularities": ["0.1", "1", "10", "100"],
    "settlementDecimals": "6",
    "settlementSymbol": "USDT",
    "status": "LIVE",
    "stepSize": "0.0000000001",
    "symbol": "BTC/USDT-P",
    "tickSize": "0.00001",
    "underlyingDecimals": "10",
    "underlyingSymbol": "BTC",
}
"""Recorded at f42156b76cb504f3."""
ZEBPAY = {
    "symbol": "ETH-INR",
    "status": "Open",
    "baseAsset": "ETH",
    "quoteAsset": "INR",
    "pricePrecision": "2",
    "quantityPrecision": "6",
    "tickSz": "0.02",
    "lotSz": "0.000003",
    "makerFee": "0.45",
    "takerFee": "0.5",
}
ZEBPAY_SWAP = {
    "symbol": "BTCUSDT",
    "status": "Open",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "pricePrecision": "1",
    "quantityPrecision": "3",
    "tickSz": "0.2",
    "lotSz": "0.003",
    "makerFee": "0",
    "takerFee": "0",
    "minLeverage": "1",
    "maxLeverage": "8",
}
"""Recorded at 16cbcde29f6f5c49, with other steps."""
CEX = {
    "base": "BTC",
    "quote": "USDT",
    "baseMin": "0.00042278",
    "baseMax": "16",
    "baseLotSize": "0.00000002",
    "quoteMin": "10",
    "quoteMax": "1000000",
    "quoteLotSize": "0.00000100",
    "basePrecision": "8",
    "quotePrecision": "8",
    "pricePrecision": "1",
    "minPrice": "9000.0",
    "maxPrice": "350000.0",
}
"""Recorded at 6a3294750dd1ede2, with another lot."""
WHITEBIT = {
    "name": "BTC_PERP",
    "stock": "BTC",
    "money": "USDT",
    "stockPrec": "3",
    "moneyPrec": "1",
    "feePrec": "6",
    "makerFee": "0.01",
    "takerFee": "0.055",
    "minAmount": "0.002",
    "minTotal": "5.05",
    "maxTotal": "10000000",
    "tradesEnabled": True,
    "isCollateral": True,
    "type": "futures",
}
"""In the comments of `fetch_markets`."""
BYBIT = {
    "symbol": "BTCUSDT",
    "contractType": "LinearPerpetual",
    "status": "Trading",
    "baseCoin": "BTC",
    "quoteCoin": "USDT",
    "deliveryTime": "0",
    "priceScale": "2",
    "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
    "priceFilter": {"minPrice": "0.50", "maxPrice": "999999.00", "tickSize": "0.50"},
    "lotSizeFilter": {"maxOrderQty": "100.000", "minOrderQty": "0.003", "qtyStep": "0.001"},
    "fundingInterval": 480,
    "settleCoin": "USDT",
}
"""In the comments of `fetch_future_markets`."""
HITBTC = {
    "type": "spot",
    "base_currency": "BTC",
    "quote_currency": "USDT",
    "status": "working",
    "quantity_increment": "0.00002",
    "tick_size": "0.02",
    "take_rate": "0.0025",
    "make_rate": "0.0012",
    "fee_currency": "USDT",
    "margin_trading": True,
    "max_initial_leverage": "25.00",
}
"""Recorded at 869d65f0ca0d513d, with other steps."""

_BYBIT_LIST = {"result": {"category": "linear", "list": [BYBIT], "nextPageCursor": ""}}
TOLD = [
    Told(
        "btcturk",
        "BTC/TRY",
        "/exchangeinfo",
        {"data": {"symbols": [BTCTURK], "currencies": []}, "success": True},
        Filters(10.0, 1e-8, None, 99.91),
    ),
    Told("bullish", "BTC/USDC", "/markets", [BULLISH], Filters(0.1, 1e-8, 0.0005, None)),
    Told(
        "digifinex",
        "XRP/USDT:USDT",
        "/public/instruments",
        {"code": 0, "data": [DIGIFINEX]},
        Filters(0.0005, 100.0, 100.0, None),
        100.0,
    ),
    Told(
        "bitrue",
        "ETH/USDT:USDT",
        "/fapi/v1/contracts",
        [BITRUE],
        Filters(0.01, 0.001, 0.01, 50.0),
        0.001,
    ),
    Told(
        "htx",
        "DOGE/USDT:USDT",
        "/swap_contract_info",
        {"status": "ok", "data": [HTX]},
        Filters(0.00001, 100.0, 100.0, None),
        100.0,
    ),
    Told("bitstamp", "BTC/USD:USD", "/markets/", [BITSTAMP], Filters(1.0, 1e-5, 1e-5, 10.0)),
    Told(
        "xt",
        "BTC/USDT:USDT",
        "/symbol/list",
        {"returnCode": 0, "result": [XT]},
        Filters(0.5, 0.0001, 0.0001, 10.0),
        0.0001,
    ),
    Told(
        "kraken",
        "BTC/USD",
        "/AssetPairs",
        {"error": [], "result": {"XXBTZUSD": KRAKEN}},
        Filters(0.5, 1e-8, 0.00007, 0.7),
    ),
    Told(
        "hibachi",
        "BTC/USDT:USDT",
        "/exchange-info",
        {"futureContracts": [HIBACHI]},
        Filters(0.00001, 1e-10, None, 1.0),
    ),
    Told(
        "zebpay",
        "ETH/INR",
        "/exchangeInfo",
        {"data": {"symbols": [ZEBPAY]}},
        Filters(0.02, 0.000003, None, None),
    ),
    Told(
        "zebpay",
        "BTC/USDT:USDT",
        "/market/markets",
        {"data": {"symbols": [ZEBPAY_SWAP]}},
        Filters(0.2, 0.003, None, None),
        math.nan,
    ),
    Told("cex", "BTC/USDT", "", {"ok": "ok", "data": [CEX]}, Filters(0.1, 2e-8, 0.00042278, 10.0)),
    Told("whitebit", "BTC/USDT:USDT", "/markets", [WHITEBIT], Filters(0.1, 0.001, 0.002, 5.05)),
    Told(
        "bybit", "BTC/USDT:USDT", "/instruments-info", _BYBIT_LIST, Filters(0.5, 0.001, 0.003, None)
    ),
    Told(
        "hitbtc", "BTC/USDT", "/public/symbol", {"BTCUSDT": HITBTC}, Filters(0.02, 2e-5, 2e-5, 4e-7)
    ),
]


def opened(told: Told, module: Any = ccxt) -> Any:
    """A client to whom the exchange tells that market, and nothing else."""
    exchange = construct(module, told.id, {})

    def fetch(url: str, *_: Any, **__: Any) -> Answer:
        nothing: Answer = [] if isinstance(told.answer, list) else {}
        return (
            json.loads(json.dumps(told.answer)) if told.path in url.partition("?")[0] else nothing
        )

    async def later(url: str, *_: Any, **__: Any) -> Answer:
        return fetch(url)

    exchange.fetch = fetch if module is ccxt else later
    exchange.has["fetchCurrencies"] = False
    return exchange


@pytest.mark.parametrize("told", TOLD, ids=lambda told: f"{told.id}-{told.symbol}")
def test_filters_are_what_the_exchange_itself_says(told: Told) -> None:
    exchange = opened(told)
    market = load_markets(exchange, told.symbol, "1h")
    check_tradable(told.id, market, "auto")
    facts = facts_of(exchange, market)
    assert facts.filters == told.filters
    assert facts.contract_size == (None if math.isnan(told.size) else told.size)


def test_a_session_s_client_is_told_the_same() -> None:
    told = next(one for one in TOLD if one.id == "btcturk")
    exchange = opened(told, ccxt.async_support)
    asyncio.run(exchange.load_markets())
    assert facts_of(exchange, exchange.markets["BTC/TRY"]).filters == told.filters


@pytest.mark.parametrize(
    ("name", "symbol", "entry", "stopped"),
    [
        ("digifinex", "XRP/USDT:USDT", DIGIFINEX, {"is_trading": False}),
        ("bitrue", "ETH/USDT:USDT", BITRUE, {"status": "0"}),
        ("hitbtc", "BTC/USDT", HITBTC, {"status": "suspended"}),
        ("zebpay", "ETH/INR", ZEBPAY, {"status": "Closed"}),
    ],
)
def test_a_market_that_stands_still_is_known_from_the_exchange_s_own_words(
    name: str, symbol: str, entry: dict[str, Any], stopped: dict[str, Any]
) -> None:
    """ccxt 4.5.90 calls the first three active, and leaves the last one open."""
    before = json.dumps(entry)
    told = next(one for one in TOLD if (one.id, one.symbol) == (name, symbol))
    answer = json.loads(json.dumps(told.answer).replace(before, json.dumps({**entry, **stopped})))
    market = load_markets(opened(told._replace(answer=answer)), symbol, "1h")
    with pytest.raises(ConfigError, match="inactive or halted"):
        check_tradable(name, market, "auto")
    assert trouble_of(name, symbol, market) == f"{symbol} is halted or inactive on {name}"


def test_bitstamp_tells_its_contract_s_size_and_that_is_not_called_missing() -> None:
    told = next(one for one in TOLD if one.id == "bitstamp")
    exchange = opened(told)
    market = load_markets(exchange, told.symbol, "1h")
    assert unit_note("bitstamp", told.symbol, facts_of(exchange, market)) == ""


ODD = [
    None,
    "btcusd",
    ["BTCUSD", 2],
    {},
    {"tickSize": "?"},
    {"filters": None},
    {"filters": {"price": {"tickSize": "0.1"}}},  # backpack's
    {"filters": ["PRICE_FILTER", None]},
]


@pytest.mark.parametrize("info", ODD)
def test_answers_without_such_words_stay_as_ccxt_has_them(info: Any) -> None:
    for name in (
        "backpack",
        "btcturk",
        "bullish",
        "htx",
        "hitbtc",
        "bitrue",
        "digifinex",
        "kraken",
        "xt",
    ):
        market = {"symbol": "BTC/USD", "precision": {"price": 0.1}, "active": None, "info": info}
        assert as_told(name, market) == market


@pytest.mark.parametrize("name", ["coincheck", "coinspot", "latoken", "paymium"])
def test_an_exchange_without_candles_is_refused_in_words(name: str) -> None:
    exchange = construct(ccxt, name, {})
    exchange.markets = {"BTC/USD": {"symbol": "BTC/USD"}}
    exchange.load_markets = lambda: exchange.markets
    with pytest.raises(ConfigError, match=f"{name} offers no candles: {OTHER_EXCHANGE}"):
        load_markets(exchange, "BTC/USD", "1h")


@pytest.mark.parametrize("name", ["alpaca", "mudrex"])
def test_an_exchange_that_shows_its_markets_to_accounts_alone_wants_a_key(name: str) -> None:
    exchange = construct(ccxt, name, {})
    exchange.fetch = lambda *_, **__: {}
    exchange.has["fetchCurrencies"] = False
    with pytest.raises(RequestError, match=f"{name} wants a key"):
        load_markets(exchange, "BTC/USDT:USDT", "1h")


def test_the_size_of_a_contract_that_is_told_is_the_one_that_is_used() -> None:
    told = next(one for one in TOLD if one.id == "htx")
    assert contract_size(load_markets(opened(told), told.symbol, "1h")) == HTX["contract_size"]
