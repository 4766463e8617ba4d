"""What ccxt makes of an exchange's market list, and what is made of that here."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import ccxt
import ccxt.async_support
import pytest

from stoptrail.config.market import Filters
from stoptrail.core.errors import ConfigError, ExchangeError
from stoptrail.exchange.client import has_clock, open_exchange
from stoptrail.exchange.markets import (
    check_tradable,
    checked_market,
    contract_size,
    facts_of,
    filters_of,
    load_markets,
    market_type,
    page_of,
    unit_note,
    volume_unit,
)
from stoptrail.exchange.needed import only_the_kind_needed
from tests.exchange import dialects, other_dialects
from tests.exchange import market_answers as answers
from tests.exchange.dialects import DIALECTS
from tests.exchange.newer_dialects import NEWER
from tests.exchange.other_dialects import OTHERS
from tests.exchange.standin import StandIn

OKX = {
    "instType": "SWAP",
    "instId": "BTC-USDT-SWAP",
    "uly": "BTC-USDT",
    "instFamily": "BTC-USDT",
    "settleCcy": "USDT",
    "ctVal": "0.01",
    "ctMult": "1",
    "ctValCcy": "BTC",
    "ctType": "linear",
    "tickSz": "0.1",
    "lotSz": "0.01",
    "minSz": "0.01",
    "state": "live",
    "lever": "100",
}
"""As in the comments of ccxt's `parse_market`."""


def okx(**changed: Any) -> tuple[Any, dict[str, Any]]:
    exchange = ccxt.okx()
    return exchange, exchange.parse_market({**OKX, **changed})


def gate() -> tuple[Any, dict[str, Any]]:
    exchange = ccxt.gate()
    return exchange, exchange.parse_contract_market(answers.GATE_SWAP, "usdt")


def entry(**changed: Any) -> dict[str, Any]:
    spot = {"symbol": "BTC/USDT", "base": "BTC", "spot": True, "contract": False, "active": True}
    return {**spot, **changed}


SWAP = {"symbol": "BTC/USDT:USDT", "spot": False, "swap": True, "contract": True, "linear": True}


def test_lot_and_least_quantity_of_a_swap_are_in_coins() -> None:
    """0.01 contracts of 0.01 BTC; one contract of 0.0001 BTC."""
    assert filters_of(*okx()) == Filters(0.1, 0.0001, 0.0001, None)
    assert filters_of(*gate()) == Filters(0.1, 0.0001, 0.0001, None)


TOOBIT = {
    "filters": [
        {"minPrice": "0.01", "tickSize": "0.01", "filterType": "PRICE_FILTER"},
        {"minQty": "0.01", "maxQty": "2000", "stepSize": "0.01", "filterType": "LOT_SIZE"},
    ],
    "symbol": "ETH-SWAP-USDT",
    "symbolName": "ETH-SWAP-USDTUSDT",
    "status": "TRADING",
    "baseAsset": "ETH-SWAP-USDT",
    "quoteAsset": "USDT",
    "inverse": False,
    "index": "ETH",
    "marginToken": "USDT",
    "contractMultiplier": "0.01",
    "underlying": "ETH",
}
"""As recorded by ccxt, ts/src/test/static/markets/toobit.json at 3df7e30b8171d75d."""
APEX = {
    "minOrderSize": "0.0010",
    "maxOrderSize": "50",
    "settleAssetId": "USDT",
    "baseTokenId": "BTC",
    "stepSize": "0.001",
    "symbol": "BTC-USDT",
    "crossSymbolName": "BTCUSDT",
    "tickSize": "0.1",
    "enableTrade": True,
}
"""As recorded there, apex.json at f90f9bc4a7e5f5ce."""


LIGHTER = {
    "symbol": "ETH",
    "market_id": "0",
    "market_type": "perp",
    "status": "active",
    "min_base_amount": "0.0050",
    "min_quote_amount": "10.000000",
    "size_decimals": "4",
    "price_decimals": "2",
    "quote_multiplier": "10000",
}
"""As recorded there, lighter.json at 1d1fbe9f3f7429d2, with the multiplier of ccxt's own comments
(there it is 1). Of its candles `V` is `v` times the price."""


def test_lighter_s_quote_multiplier_is_no_contract() -> None:
    exchange = ccxt.lighter()
    exchange.publicGetOrderBookDetails = lambda _: {
        "order_book_details": [LIGHTER],
        "spot_order_book_details": [],
    }
    [market] = exchange.fetch_markets()
    assert contract_size(market) == 10_000.0
    filters = Filters(0.01, 0.0001, 0.005, 10.0)
    assert facts_of(exchange, market) == (filters, "swap", 10_000.0, "base", None)


@pytest.mark.parametrize(
    ("name", "told", "size", "filters"),
    [
        ("weex", answers.WEEX_SWAP, 0.0001, Filters(0.1, 0.0001, 0.0001, None)),
        ("toobit", TOOBIT, 0.01, Filters(0.01, 0.01, 0.01, None)),
        ("apex", APEX, 0.001, Filters(0.1, 0.001, 0.001, None)),
    ],
)
def test_steps_that_count_coins_are_not_multiplied_by_the_contract(
    name: str, told: dict[str, Any], size: float, filters: Filters
) -> None:
    """ccxt's contract is not one coin; an order of 50 or 1200 of them would be the largest."""
    exchange = getattr(ccxt, name)()
    market = exchange.parse_market(told)
    assert contract_size(market) == size
    assert filters_of(exchange, market) == filters


def test_deribit_s_least_amount_of_a_linear_swap_is_in_coins() -> None:
    dialect = NEWER["deribit"]([], 1_790_000_000_000)
    with StandIn(dialect) as server:
        exchange = open_exchange("deribit", server.ccxt_options())
        market = load_markets(exchange, dialect.symbol, "15m")
    assert contract_size(market) == 0.0001
    assert filters_of(exchange, market) == Filters(0.5, 0.0001, 0.0001, None)


@pytest.mark.parametrize("odd", [None, "", "n/a", -1, "-0.5", float("nan"), float("inf"), [], {}])
@pytest.mark.parametrize("mode", [2, 3, 4])
def test_sizes_that_are_none_are_not_known(mode: int, odd: Any) -> None:
    exchange = ccxt.binance()
    exchange.precisionMode = mode
    limits = {"amount": {"min": odd}, "cost": {"min": odd}}
    steps = {"price": odd, "amount": odd}
    market = entry(**SWAP, contractSize=odd, precision=steps, limits=limits)
    filters = filters_of(exchange, market)
    assert (filters.min_quantity, filters.min_notional) == (None, None)
    assert contract_size(market) is None
    if mode == 4:
        assert (filters.tick, filters.lot) == (None, None)


def test_sizes_may_be_texts() -> None:
    limits = {"amount": {"min": "5"}, "cost": {"min": "10"}}
    steps = {"price": "0.01", "amount": "1"}
    market = entry(**SWAP, contractSize="1000", precision=steps, limits=limits)
    assert filters_of(ccxt.binance(), market) == Filters(0.01, 1000.0, 5000.0, 10.0)


def test_volumes_are_in_coins_where_the_exchange_counts_contracts() -> None:
    assert volume_unit("gate", gate()[1]) == 0.0001
    assert volume_unit("okx", okx()[1]) == 1.0  # ccxt takes its volume in coins
    assert volume_unit("gate", entry()) == 1.0


def test_volumes_of_contracts_are_unknown_where_nobody_says_what_they_count() -> None:
    swap = entry(**SWAP, contractSize=0.001)
    assert volume_unit("toobit", swap) is None
    assert volume_unit("toobit", entry(**SWAP, contractSize=1.0)) == 1.0
    assert volume_unit("toobit", entry()) == 1.0
    exchange = ccxt.toobit()
    facts = facts_of(exchange, swap)
    assert facts == (Filters(None, None, None, None), "swap", 0.001, "unknown", None)
    note = unit_note("toobit", "BTC/USDT:USDT", facts)
    assert "count coins or contracts of 0.001 is not known" in note
    assert unit_note("gate", "BTC/USDT:USDT", facts_of(*gate())) == ""


def test_a_contract_whose_size_is_not_told_is_taken_for_one_coin_and_that_is_said() -> None:
    exchange, market = gate()
    market["contractSize"] = None
    facts = facts_of(exchange, market)
    assert facts == (Filters(0.1, 1.0, 1.0, None), "swap", None, "unknown", None)
    assert unit_note("gate", "BTC/USDT:USDT", facts) == (
        "gate tells no contract size of BTC/USDT:USDT: lot and least quantity take a contract for "
        "one coin; set market.lot and market.min_quantity where it is another; its volumes tell no "
        "lot"
    )
    exchange, market = okx(ctVal="")
    facts = facts_of(exchange, market)  # its candles count coins all the same
    assert facts == (Filters(0.1, 0.01, 0.01, None), "swap", None, "base", None)
    said = unit_note("okx", "BTC/USDT:USDT", facts)
    assert said.startswith("okx tells no contract size of BTC/USDT:USDT")
    assert said.endswith("where it is another")


def test_where_lots_count_coins_the_contract_s_size_is_not_missed() -> None:
    exchange = ccxt.deribit()
    facts = facts_of(exchange, entry(**SWAP))
    assert unit_note("deribit", "BTC/USDT:USDT", facts) == ""
    said = unit_note("weex", "BTC/USDT:USDT", facts_of(ccxt.weex(), entry(**SWAP)))
    assert said == (
        "whether weex's volumes of BTC/USDT:USDT count coins or contracts is not known: they are "
        "kept as they came and tell no lot"
    )


def test_volumes_in_the_quote_currency_are_no_coins() -> None:
    """hibachi's candles hold `volumeNotional` alone, which ccxt gives as the volume."""
    facts = facts_of(ccxt.hibachi(), entry(**SWAP, contractSize=1.0))
    assert facts.volume == "unknown"
    assert facts_of(ccxt.btse(), entry()).volume == "unknown"
    said = unit_note("hibachi", "BTC/USDT:USDT", facts)
    assert "count the quote currency: they are kept as they came and tell no lot" in said


@pytest.mark.parametrize("name", answers.MEANT)
def test_filters_are_those_of_the_exchange_s_own_answer(name: str) -> None:
    """The whole road: the answer over HTTP, ccxt's parsing, and what is made of that."""
    dialect = (DIALECTS | OTHERS)[name]([], 1_790_000_000_000)
    with StandIn(dialect) as server:
        exchange = open_exchange(name, server.ccxt_options())
        market = load_markets(exchange, dialect.symbol, "15m")
    check_tradable(name, market, "auto")
    kind = "swap" if ":" in dialect.symbol else "spot"
    assert facts_of(exchange, market) == (answers.MEANT[name], kind, 1.0, "base", None)


def test_swaps_counted_in_contracts_are_turned_into_coins() -> None:
    """okx: 0.3 and 0.6 contracts of 0.02 BTC; mexc: 1 and 3 contracts of 0.0002 BTC; bitget
    counts coins, and its tick is 5 times the last decimal."""
    exchange = ccxt.okx()
    facts = facts_of(exchange, exchange.parse_market(answers.OKX_SWAP))
    assert facts == (Filters(0.2, 0.006, 0.012, None), "swap", 0.02, "base", None)
    exchange = ccxt.mexc()
    told = {"success": True, "code": 0, "data": [answers.MEXC_SWAP]}
    exchange.contractPublicGetDetail = lambda _: told
    [market] = exchange.fetch_swap_markets()
    assert facts_of(exchange, market) == (
        Filters(0.1, 0.0002, 0.0006, None),
        "swap",
        0.0002,
        "base",
        None,
    )
    assert volume_unit("mexc", market) == 0.0002
    exchange = ccxt.bitget({"options": {"fetchMarkets": {"types": ["swap"]}}})
    exchange.publicMixGetV2MixMarketContracts = lambda of: {
        "data": [answers.BITGET_SWAP] if of["productType"] == "USDT-FUTURES" else []
    }
    [market] = exchange.fetch_default_markets({})
    facts = facts_of(exchange, market)
    assert facts == (Filters(0.5, 0.002, 0.003, 6.0), "swap", 1.0, "base", None)


def test_every_recommended_exchange_answers_as_was_recorded_or_documented() -> None:
    """Its markets and its candles."""
    lines = f"{dialects.__doc__}{other_dialects.__doc__}".splitlines()
    recorded = {line.split()[1] for line in lines if line[:1] == "-"}
    documented = {line.split()[1].rstrip(":") for line in lines if line[:1] == "*"}
    assert not recorded & documented
    assert recorded | documented == set(DIALECTS) | set(OTHERS)
    assert set(answers.RECORDED) | set(answers.DOCUMENTED) == set(answers.MEANT)
    assert set(answers.MEANT) == set(DIALECTS) | set(OTHERS)


def test_steps_that_ccxt_makes_up_are_not_taken_for_the_exchange_s() -> None:
    """1e-8 for each of upbit's markets, whose list has none: inferred from the candles instead."""
    exchange = ccxt.upbit()
    market = exchange.parse_market(answers.UPBIT)
    assert market["precision"]["price"] == 1e-8
    assert filters_of(exchange, market) == Filters(None, None, None, None)


@pytest.mark.parametrize(
    ("market", "said"),
    [
        (entry(**SWAP, inverse=True), "inverse contract, whose profit is in BTC"),
        (entry(**{**SWAP, "linear": False}), "inverse contract"),
        (entry(**{**SWAP, "swap": False}, future=True), "a dated contract ends"),
        (entry(**SWAP, expiry=1_790_000_000_000), "a dated contract ends"),
        (entry(option=True), "options cannot be traded"),
        (entry(symbol="BTC/USDT:USDT-261225"), "a dated contract ends"),
        (entry(symbol="BTC/USD:BTC", quote="USD"), "inverse contract, whose profit is in BTC"),
        (entry(**{**SWAP, "linear": False, "settle": "ETH"}), "its profit is in ETH, neither side"),
        (entry(active=False), "not traded on okx at present"),
    ],
)
def test_a_market_that_cannot_be_traded_is_refused_in_words(
    market: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        check_tradable("okx", market, "auto")


def test_what_ends_in_the_year_3000_is_no_dated_contract() -> None:
    """deribit's word for it, of perpetuals and coins alike, as its own answer has it."""
    dialect = NEWER["deribit"]([], 1_790_000_000_000)
    with StandIn(dialect) as server:
        exchange = open_exchange("deribit", server.ccxt_options())
        market = load_markets(exchange, dialect.symbol, "15m")
    assert market["expiry"] == 32_503_708_800_000
    check_tradable("deribit", market, "auto")
    spot = {"settle": "BTC", "inverse": True, "expiry": market["expiry"], "linear": False}
    check_tradable("deribit", entry(**spot), "auto")


def test_coins_are_neither_linear_nor_inverse_whatever_is_said_of_them() -> None:
    """ccxt's kucoin (its unified account) and bullish call coins not linear."""
    check_tradable("kucoin", entry(linear=False, inverse=False, settle=None), "auto")


def test_a_swap_that_only_its_name_tells_is_one() -> None:
    market = entry(symbol="BTC/USDT:USDT", contractSize=0.01)
    assert market_type(market) == "swap"
    assert contract_size(market) == 0.01
    with pytest.raises(ConfigError, match="is a swap market"):
        check_tradable("okx", market, "spot")


def test_an_inactive_market_is_known_from_the_exchange_s_own_words() -> None:
    exchange, market = okx(state="suspend")
    with pytest.raises(ConfigError, match="inactive or halted"):
        check_tradable(exchange.id, market, "auto")


@pytest.mark.parametrize(
    ("market", "kind", "wanted"),
    [
        (entry(), "spot", ["auto", "spot", "margin"]),
        (entry(**SWAP), "swap", ["auto", "swap"]),
    ],
)
def test_the_market_s_type_is_followed_and_a_contradiction_refused(
    market: dict[str, Any], kind: str, wanted: list[str]
) -> None:
    assert market_type(market) == kind
    for name in ("auto", "spot", "margin", "swap"):
        if name in wanted:
            check_tradable("okx", market, name)
        else:
            with pytest.raises(ConfigError, match=f'market.type = "{name}", but .* a {kind}'):
                check_tradable("okx", market, name)


def test_an_empty_market_list_is_no_missing_market() -> None:
    exchange = ccxt.okx()
    exchange.markets = {}
    with pytest.raises(ExchangeError, match="okx gave an empty market list"):
        checked_market(exchange, "BTC/USDT", "15m")


FIRST_HOSTS = {
    ("binance", "BTC/USDT"): {"api.binance.com"},
    ("binance", "BTC/USDT:USDT"): {"fapi.binance.com"},
    ("mexc", "BTC/USDT"): {"api.mexc.com"},
    ("mexc", "BTC/USDT:USDT"): {"api.mexc.com"},
    ("htx", "BTC/USDT"): {"api.huobi.pro"},
    ("kucoin", "BTC/USDT"): {"api.kucoin.com"},
    ("xt", "BTC/USDT"): {"sapi.xt.com"},
    ("aster", "BTC/USDT"): {"sapi.asterdex.com"},
    ("weex", "BTC/USDT"): {"api-spot.weex.com"},
}


@pytest.mark.parametrize(("name", "symbol"), FIRST_HOSTS)
def test_only_the_hosts_that_the_market_needs_are_asked(name: str, symbol: str) -> None:
    exchange, asked = getattr(ccxt, name)(), []

    def fetch(url: str, *_: Any, **__: Any) -> dict[str, Any]:
        asked.append(url.split("/")[2])
        return {}

    exchange.fetch = fetch
    exchange.has["fetchCurrencies"] = False
    only_the_kind_needed(exchange, symbol)
    with contextlib.suppress(ccxt.BaseError):  # an empty market list is none
        exchange.load_markets()
    assert set(asked) == FIRST_HOSTS[name, symbol]


SWAP_HOSTS = {
    "aster": "fapi.asterdex.com",
    "binance": "fapi.binance.com",
    "htx": "api.hbdm.vn",
    "kucoin": "api-futures.kucoin.com",
    "weex": "api-contract.weex.com",
    "zebpay": "futuresbe.zebpay.com",
}


@pytest.mark.parametrize("name", SWAP_HOSTS)
def test_neither_clock_nor_coins_of_a_swap_are_asked_of_the_host_for_spot(name: str) -> None:
    exchange, asked = getattr(ccxt, name)(), []

    def fetch(url: str, *_: Any, **__: Any) -> dict[str, Any]:
        asked.append(url.split("/")[2])
        return {}

    exchange.fetch = fetch
    only_the_kind_needed(exchange, "BTC/USDT:USDT")
    for read in (exchange.load_markets, exchange.fetch_time):
        with contextlib.suppress(ccxt.BaseError):  # an empty market list is none
            read()
    assert len(asked) >= 2
    assert {*asked} == {SWAP_HOSTS[name]}


def test_a_swap_has_the_clock_of_its_own_host_or_none() -> None:
    """xt and bitrue: `fetch_time` of ccxt 4.5.90 asks the host for spot, whatever is traded."""
    exchange, asked = ccxt.bitrue(), []

    def fetch(url: str, *_: Any, **__: Any) -> dict[str, Any]:
        asked.append(url.split("/")[2])
        return {"serverTime": 1}

    exchange.fetch = fetch
    only_the_kind_needed(exchange, "BTC/USDT:USDT")
    assert exchange.fetch_time() == 1
    assert asked == ["fapi.bitrue.com"]
    exchange = ccxt.xt()
    only_the_kind_needed(exchange, "BTC/USDT:USDT")
    assert not has_clock(exchange)
    only_the_kind_needed(spot := ccxt.xt(), "BTC/USDT")
    assert has_clock(spot)


@pytest.mark.parametrize("symbol", ["BTC/USDT", "BTC/USDT:USDT"])
def test_lists_that_are_told_by_their_place_are_read_alone(symbol: str) -> None:
    """bitrue's, of which ccxt 4.5.90 takes the second for that of swaps."""
    exchange = ccxt.bitrue()
    contract = {"symbol": "E-BTC-USDT", "side": 1, "type": "E", "multiplier": 0.0001, "status": 1}
    coin = {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "btc", "quoteAsset": "usdt"}

    def fetch(url: str, *_: Any, **__: Any) -> Any:
        if ":" in symbol:
            assert "fapi" in url or "dapi" in url
            return [contract] if "fapi/" in url else []
        assert url.startswith("https://www.bitrue.com/")
        return {"symbols": [coin]}

    exchange.fetch = fetch
    only_the_kind_needed(exchange, symbol)
    assert [market["symbol"] for market in exchange.fetch_markets()] == [symbol]


def test_the_same_holds_for_the_client_of_a_session() -> None:
    exchange = ccxt.async_support.mexc()
    only_the_kind_needed(exchange, "BTC/USDT")
    assert asyncio.run(exchange.fetch_swap_markets()) == []
    exchange = ccxt.async_support.weex()
    only_the_kind_needed(exchange, "BTC/USDT")
    assert asyncio.run(exchange.contractGetCapiV3MarketExchangeInfo({})) == []


def test_markets_of_several_kinds_are_read_together() -> None:
    exchange = ccxt.binance()
    only_the_kind_needed(exchange, "BTC/USDT", "ETH/USDT:USDT")
    assert exchange.options["fetchMarkets"]["types"] == ["spot", "linear"]
    exchange = ccxt.mexc()
    only_the_kind_needed(exchange, "BTC/USDT", "ETH/USDT:USDT")
    assert not {"fetch_spot_markets", "fetch_swap_markets"} & {*vars(exchange)}


def test_the_page_is_what_ccxt_knows_of_the_exchange() -> None:
    for name, page in {"okx": 300, "kraken": 720, "bitfinex": 1000}.items():
        exchange = getattr(ccxt, name)()
        exchange.markets = {"BTC/USDT": entry(type="spot", subType=None)}
        assert page_of(exchange, "BTC/USDT") == page
    exchange = ccxt.gemini()
    exchange.markets = {"BTC/USDT": entry(type="spot", subType=None)}
    assert page_of(exchange, "BTC/USDT") == 1000
