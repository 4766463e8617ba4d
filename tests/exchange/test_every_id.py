"""Every exchange of which the installed ccxt has candles: whatever a market's entry lacks, and
whatever comes instead of candles, is taken or refused in words."""

from __future__ import annotations

import copy
from typing import Any

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest

from stoptrail.core.errors import StopTrailError
from stoptrail.core.retry import Patience
from stoptrail.exchange.answers import as_told
from stoptrail.exchange.client import construct, open_exchange, read
from stoptrail.exchange.markets import (
    check_tradable,
    checked_market,
    facts_of,
    page_of,
    unit_note,
)
from stoptrail.exchange.needed import only_the_kind_needed
from stoptrail.exchange.rows import rows_from
from stoptrail.exchange.windows import end_at

IDS = [name for name in ccxt.exchanges if getattr(ccxt, name)().has.get("fetchOHLCV")]
WANT_KEYS = {"luno", "modetrade", "woofipro"}
"""For candles; alpaca and mudrex want one for the list of markets."""
QUARTER = 900_000
SINCE = 1_700_000_100_000
Entry = dict[str, Any]

SPOT: Entry = {
    "id": "BTCUSDT",
    "lowercaseId": "btcusdt",
    "numericId": 1,
    "symbol": "BTC/USDT",
    "base": "BTC",
    "quote": "USDT",
    "settle": None,
    "baseId": "BTC",
    "quoteId": "USDT",
    "type": "spot",
    "spot": True,
    "swap": False,
    "future": False,
    "option": False,
    "contract": False,
    "linear": None,
    "inverse": None,
    "active": True,
    "contractSize": None,
    "precision": {"price": 0.01, "amount": 0.00001},
    "limits": {"amount": {"min": 0.00001}, "cost": {"min": 5.0}},
    "info": {},
}
SWAP: Entry = {
    **SPOT,
    "id": "BTCUSDTPERP",
    "symbol": "BTC/USDT:USDT",
    "settle": "USDT",
    "settleId": "USDT",
    "type": "swap",
    "spot": False,
    "swap": True,
    "contract": True,
    "linear": True,
    "inverse": False,
    "contractSize": 0.01,
}
CHANGES: list[Entry] = [
    {},
    *({name: None} for name in SPOT if name != "symbol"),
    {"precision": {}, "limits": {}},
    {"precision": {"price": 0, "amount": "8"}, "limits": {"amount": None, "cost": None}},
    {"contractSize": 0, "limits": {"amount": {"min": "x"}}},
    {"contractSize": "1", "info": "BTC"},
    {"expiry": "x", "info": []},
]
LACKS = [(name,) for name in SPOT if name != "symbol"]
TABLES: list[Entry] = [
    {},
    {"features": None},
    {"features": {}},
    {"timeframes": None},
    {"timeframes": {}},
    {"has": {"fetchOHLCV": "emulated"}},
]
"""What ccxt's class may lack."""
ANSWERS: list[Any] = [
    *({}, [], None, "word", 17, True),
    *({"data": None}, {"data": []}, {"data": {}}, {"data": [None]}, {"result": None}),
    *([[1, 2]], [None], {"data": [[None] * 7]}, {"error": "x"}, {"message": "too many requests"}),
    [[SINCE, *["1"] * 8]],
    {"code": "0", "data": [[str(SINCE), *["1"] * 8]]},
]


def entries(base: Entry) -> list[Entry]:
    lacking = [{name: base[name] for name in base if name not in names} for names in LACKS]
    return [*({**base, **change} for change in CHANGES), *lacking]


def listed(exchange: Any, entry: Entry) -> Any:
    exchange.markets, exchange.markets_by_id = {entry["symbol"]: entry}, {}
    exchange.currencies, exchange.currencies_by_id = {}, {}
    if entry.get("id"):
        exchange.markets_by_id[entry["id"]] = [entry]
    return exchange


@pytest.mark.parametrize("name", IDS)
def test_whatever_a_market_lacks_it_is_taken_or_refused_in_words(name: str) -> None:
    opened, taken, said = open_exchange(name), 0, []
    for base in (SPOT, SWAP):
        cases = [(entry, {}) for entry in entries(base)] + [(base, table) for table in TABLES]
        for entry, table in cases:
            exchange = listed(copy.copy(opened), as_told(name, entry))
            for attribute, value in table.items():
                setattr(exchange, attribute, value)
            try:
                timeframe = next(iter(exchange.timeframes or ["15m"]))
                market = checked_market(exchange, entry["symbol"], timeframe)
                assert page_of(exchange, entry["symbol"]) > 0
                unit_note(name, entry["symbol"], facts_of(exchange, market))
                check_tradable(name, market, "auto")
                taken += 1
            except StopTrailError as error:
                said.append(str(error))
    assert not any("\n" in line for line in said)
    assert taken > len(CHANGES)


@pytest.mark.parametrize("name", IDS)
def test_whatever_comes_instead_of_candles_is_no_traceback(name: str) -> None:
    exchange = open_exchange(name, {"enableRateLimit": False})
    timeframe, said = next(iter(exchange.timeframes)), []
    for base in (SPOT, SWAP):
        listed(exchange, base)
        for answer in ANSWERS:
            exchange.fetch = lambda *_, answer=answer, **__: copy.deepcopy(answer)
            for more in ({}, end_at(exchange, SINCE + QUARTER)):
                ask = base["symbol"], timeframe, SINCE, 100, more
                try:
                    rows = read(exchange, exchange.fetch_ohlcv, *ask, patience=Patience(attempts=1))
                    rows_from(rows, 0, QUARTER, lambda _: None)
                except StopTrailError as error:
                    said.append(str(error))
    assert not any("\n" in line for line in said)
    assert any("wants a key" in line for line in said) == (name in WANT_KEYS)


@pytest.mark.parametrize("name", IDS)
def test_each_can_be_opened_for_downloads_and_sessions_and_any_kind_of_market(name: str) -> None:
    for module in (ccxt, ccxt.async_support, ccxt.pro):
        for symbols in ([SPOT["symbol"]], [SWAP["symbol"]], [SPOT["symbol"], SWAP["symbol"]]):
            if name in module.exchanges:
                exchange = construct(module, name, {})
                only_the_kind_needed(exchange, *symbols)
                assert exchange.id == name
