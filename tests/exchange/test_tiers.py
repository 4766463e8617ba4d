"""Tiers of the maintenance margin, through the real ccxt client from stand-ins (C20).

The rows are as exchanges write them: bybit's, Binance's, Gate's and OKX's with the deductions that
they publish beside the rates, Bitget's and krakenfutures' as their documents show them.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import ccxt
import numpy as np
import pytest

from stoptrail.config.load import load_settings
from stoptrail.config.market import Maintenance
from stoptrail.core.errors import DataError, ExchangeError
from stoptrail.core.time import iso
from stoptrail.exchange.client import open_exchange
from stoptrail.exchange.markets import (
    contract_size,
    facts_of,
    load_markets,
    maintenance_of,
    read_maintenance,
    tells_tiers,
)
from stoptrail.feeds.downloads.cache import filters_path, read_facts, write_facts
from stoptrail.rules.margin import Margin, liquidation, margin_tiers
from tests.live.funding_exchanges import (
    NOW,
    Bitget,
    Bybit,
    Exchange,
    Gate,
    Krakenfutures,
    Okx,
    hosted,
    served,
)

BYBIT = [
    {
        "id": k + 1,
        "symbol": "BTCUSDT",
        "riskLimitValue": end,
        "maintenanceMargin": rate,
        "initialMargin": str(2 * float(rate)),
        "isLowestRisk": int(k == 0),
        "maxLeverage": most,
        "mmDeduction": deducted,
    }
    for k, (end, rate, most, deducted) in enumerate(
        [
            ("300000", "0.0033", "150.00", ""),
            ("2000000", "0.005", "100.00", "510"),
            ("2600000", "0.0056", "90.00", "1710"),
        ]
    )
]
OKX = [
    {
        "baseMaxLoan": "",
        "imr": imr,
        "instFamily": "BTC-USDT",
        "instId": "",
        "maxLever": most,
        "maxSz": end,
        "minSz": begin,
        "mmr": rate,
        "optMgnFactor": "0",
        "quoteMaxLoan": "",
        "tier": str(k + 1),
        "uly": "BTC-USDT",
    }
    for k, (begin, end, rate, imr, most) in enumerate(
        [
            ("0", "1000", "0.004", "0.01", "100"),
            ("1001", "2000", "0.005", "0.0133", "75"),
            ("2001", "5000", "0.01", "0.02", "50"),
        ]
    )
]
BITGET = [
    {
        "symbol": "BTCUSDT",
        "level": str(k + 1),
        "startUnit": begin,
        "endUnit": end,
        "leverage": most,
        "keepMarginRate": rate,
    }
    for k, (begin, end, most, rate) in enumerate(
        [
            ("0", "150000", "125", "0.004"),
            ("150000", "900000", "100", "0.005"),
            ("900000", "1200000000", "1", "0.6"),
        ]
    )
]
GATE = [
    {
        "maintenance_rate": rate,
        "tier": k + 1,
        "initial_rate": "0.02",
        "leverage_max": most,
        "risk_limit": end,
        "deduction": deducted,
    }
    for k, (end, rate, most, deducted) in enumerate(
        [
            ("20000", "0.01", "50", "0"),
            ("30000", "0.013", "40", "60"),
            ("50000", "0.015", "35", "120"),
            ("70000", "0.02", "30", "370"),
        ]
    )
]
KRAKEN = [
    {"numNonContractUnits": begin, "initialMargin": 2 * rate, "maintenanceMargin": rate}
    for begin, rate in [(0, 0.01), (500_000, 0.02), (2_000_000, 0.05)]
]
TOLD: dict[type[Exchange], tuple[list[Any], Maintenance]] = {
    Bybit: (
        BYBIT,
        Maintenance(
            ((0.0, 0.0033), (300_000.0, 0.005), (2_000_000.0, 0.0056)), "notional", "bybit"
        ),
    ),
    Okx: (  # contracts of 0.01 coins
        OKX,
        Maintenance(((0.0, 0.004), (10.0, 0.005), (20.0, 0.01)), "units", "okx"),
    ),
    Bitget: (
        BITGET,
        Maintenance(((0.0, 0.004), (150_000.0, 0.005), (900_000.0, 0.6)), "notional", "bitget"),
    ),
    Gate: (
        GATE,
        Maintenance(
            ((0.0, 0.01), (20_000.0, 0.013), (30_000.0, 0.015), (50_000.0, 0.02)),
            "notional",
            "gate",
        ),
    ),
    Krakenfutures: (
        KRAKEN,
        Maintenance(
            ((0.0, 0.01), (500_000.0, 0.02), (2_000_000.0, 0.05)), "notional", "krakenfutures"
        ),
    ),
}


def told(kind: type[Exchange], rows: Any, said: list[str] | None = None) -> Maintenance | None:
    """What is read of an exchange that answers with `rows`, on the client of a download."""
    exchange = kind([])
    exchange.tiers = rows
    with hosted(exchange) as options:
        client = open_exchange(kind.id, options)
        client.milliseconds = lambda: NOW
        market = load_markets(client, kind.symbol, next(iter(client.timeframes)))
        return read_maintenance(client, market, (said if said is not None else []).append)


@pytest.mark.parametrize("kind", TOLD, ids=lambda kind: kind.id)
def test_the_tiers_of_an_exchange_are_read_by_download_and_session_alike(
    kind: type[Exchange],
) -> None:
    rows, meant = TOLD[kind]
    meant = meant._replace(place=f"{kind.id} {iso(NOW)[:10]}")
    assert told(kind, rows) == meant
    exchange = kind([])
    exchange.tiers = rows
    with served(exchange) as store:
        found = store.maintenance(kind.symbol)
    assert found is not None
    assert found._replace(place=meant.place) == meant
    assert found.place.startswith(f"{kind.id} 20")


@pytest.mark.parametrize("kind", TOLD, ids=lambda kind: kind.id)
def test_the_order_of_the_rows_and_copies_of_them_make_no_difference(kind: type[Exchange]) -> None:
    rows, _ = TOLD[kind]
    mixed = [*rows, *rows]
    random.Random(3).shuffle(mixed)
    assert told(kind, mixed) == told(kind, rows)
    assert told(kind, rows[::-1]) == told(kind, rows)


def test_of_tiers_that_contradict_each_other_the_stricter_holds() -> None:
    twice = [*BYBIT, {**BYBIT[0], "id": 9, "maintenanceMargin": "0.004"}]
    found = told(Bybit, twice)
    assert found is not None
    assert found.tiers[0] == (0.0, 0.004)
    falling = [BYBIT[0], {**BYBIT[1], "maintenanceMargin": "0.001"}, BYBIT[2]]
    found = told(Bybit, falling)
    assert found is not None
    assert found.tiers == ((0.0, 0.0033), (2_000_000.0, 0.0056))


def test_contracts_of_krakenfutures_are_coins() -> None:
    levels = [
        {"contracts": begin, "initialMargin": 0.1, "maintenanceMargin": rate}
        for begin, rate in [(0, 0.01), (50, 0.02)]
    ]
    found = told(Krakenfutures, levels)
    assert found is not None
    assert (found.by, found.tiers) == ("units", ((0.0, 0.01), (50.0, 0.02)))


@pytest.mark.parametrize(
    "rows",
    [
        None,
        [],
        [{**BYBIT[0], "maintenanceMargin": "0.5", "maxLeverage": "100.00"}],  # in percent
        [{**BYBIT[0], "maintenanceMargin": ""}, *BYBIT[1:]],
        [{**BYBIT[0], "maintenanceMargin": "-0.01"}],
        [{**BYBIT[0], "riskLimitValue": "-1"}],
        [{**BYBIT[0], "maintenanceMargin": "1.5", "maxLeverage": "0.5"}],
    ],
)
def test_what_is_refused_or_makes_no_sense_is_said_once_and_no_tier(rows: Any) -> None:
    said: list[str] = []
    assert told(Bybit, rows, said) is None
    assert len(said) == 1
    assert said[0].startswith("the maintenance margin of BTC/USDT:USDT was not read: bybit")
    assert "\n" not in said[0]


def test_a_session_goes_on_without_tiers_that_are_refused_and_says_so() -> None:
    exchange = Bybit([])
    exchange.tiers = None
    with served(exchange) as store:
        assert store.maintenance(Bybit.symbol) is None
        assert store.warning_log.counts["maintenance margin"] == 1


def test_where_a_key_is_needed_nothing_is_asked() -> None:
    """Binance shows them to accounts only."""
    client = ccxt.binance()
    market = {"symbol": "BTC/USDT:USDT", "swap": True, "contract": True}
    said: list[str] = []
    assert not tells_tiers("binance")
    assert read_maintenance(client, market, said.append) is None
    assert said == []


def test_a_spot_market_has_no_tiers() -> None:
    assert read_maintenance(ccxt.bybit(), {"symbol": "BTC/USDT", "spot": True}, print) is None


BINANCE = [
    (0, 0.004, 0),
    (50_000, 0.005, 50),
    (600_000, 0.0065, 950),
    (3_000_000, 0.01, 11_450),
    (12_000_000, 0.02, 131_450),
    (70_000_000, 0.025, 481_450),
    (100_000_000, 0.05, 2_981_450),
]
"""notionalFloor, maintMarginRatio and cum of BTCUSDT."""


def test_deductions_are_those_that_exchanges_publish() -> None:
    table = margin_tiers([(float(begin), rate) for begin, rate, _ in BINANCE])
    np.testing.assert_allclose(table[:, 1], [cum for _, _, cum in BINANCE[1:]])
    for kind, rows, name in ((Bybit, BYBIT, "mmDeduction"), (Gate, GATE, "deduction")):
        table = margin_tiers(TOLD[kind][1].tiers)
        np.testing.assert_allclose(table[:, 1], [float(row[name]) for row in rows[1:]])


def documented_price(
    side: int, units: float, entry: float, wallet: float, steps: list[tuple[float, float, float]]
) -> float:
    """Binance's formula of an isolated position, of the tier in which the notional is at its own
    result: (WB - side * size * entry + cum) / (size * MMR - side * size)."""
    ends = [begin for begin, _, _ in steps[1:]] + [float("inf")]
    found = []
    for (begin, rate, cum), end in zip(steps, ends, strict=True):
        price = (wallet - side * units * entry + cum) / (units * rate - side * units)
        if begin <= units * price <= end:
            found.append(price)
    assert len(set(np.round(found, 6))) == 1
    return found[0]


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("leverage", [3.0, 10.0, 40.0])
@pytest.mark.parametrize("notional", [20_000.0, 500_000.0, 2_900_000.0, 15e6, 90e6, 250e6])
def test_prices_are_those_of_binance_s_formula(side: int, leverage: float, notional: float) -> None:
    entry, units = 64_321.5, notional / 64_321.5
    fee = 0.0005 * notional
    wallet = notional / leverage - fee
    steps = [(float(begin), rate, float(cum)) for begin, rate, cum in BINANCE]
    if wallet <= next(r * notional - cum for b, r, cum in reversed(steps) if notional > b):
        return  # more than Binance lends
    tiers = margin_tiers([(begin, rate) for begin, rate, _ in steps])
    found = liquidation(
        side, units, entry, fee, notional / leverage, Margin(0.004, True, True), tiers
    )
    meant = documented_price(side, units, entry, wallet, steps)
    assert found.price == pytest.approx(meant, rel=1e-12)


def test_okx_s_price_differs_by_the_fee_that_it_keeps_for_the_closing() -> None:
    """(margin - side * size * entry) / (size * (MMR + fee) - side * size), MMR that of the tier of
    the size."""
    tiers = margin_tiers(TOLD[Okx][1].tiers, by_units=True)
    for side in (1, -1):
        for units, rate in ((8.0, 0.004), (12.0, 0.005), (35.0, 0.01)):
            margin, fee = units * 50_000.0 / 20, 0.0005
            at = side, units, 50_000.0, 0.0, margin
            found = liquidation(*at, Margin(0.004, True, True), tiers).price
            top = margin - side * units * 50_000.0
            assert found == pytest.approx(top / (units * rate - side * units))
            theirs = top / (units * (rate + fee) - side * units)
            assert 0.0 < side * (theirs / found - 1.0) < 1.05 * fee


def test_bybit_s_example_takes_the_maintenance_margin_at_the_entry() -> None:
    """1 coin at 20,000 with 50x and 0.5 %: 19,700 there, and here the price at which 0.5 % of that
    is left."""
    found = liquidation(1, 1.0, 20_000.0, 0.0, 400.0, Margin(0.005, True, True))
    assert found.price == pytest.approx(19_600.0 / 0.995)
    assert abs(found.price - 19_700.0) < 0.005 * (20_000.0 - 19_700.0) * 1.01


def test_what_was_read_is_kept_beside_the_candles_with_the_filters(tmp_path: Path) -> None:
    place = (tmp_path, "gate", "BTC/USDT:USDT")
    exchange = ccxt.gate()
    facts = facts_of(exchange, {"symbol": "BTC/USDT:USDT", "swap": True, "contract": True})
    meant = TOLD[Gate][1]
    write_facts(*place, facts._replace(maintenance=meant))
    assert read_facts(*place) == facts._replace(maintenance=meant)
    write_facts(*place, facts)  # a later read that was refused
    assert read_facts(*place) == facts._replace(maintenance=meant)
    path = filters_path(*place)
    kept = json.loads(path.read_text())
    for damage in ({"tiers": [[0, 2.0]]}, {"by": "feet"}, {"tiers": 3}):
        path.write_text(json.dumps({**kept, "maintenance": {**kept["maintenance"], **damage}}))
        with pytest.raises(DataError, match="damaged"):
            read_facts(*place)


def test_random_answers_never_give_tiers_that_settings_refuse() -> None:
    """Whatever comes: tiers that ascend from 0 with rates below 1, or an error."""
    chance = random.Random(5)
    values = [None, 0.0, 0.004, 0.005, 0.01, 0.3, 1.0, 5.0, 50_000.0, 1e6, float("nan"), "x"]
    market = {"symbol": "BTC/USDT:USDT", "contract": True, "contractSize": 0.01}
    assert contract_size(market) == 0.01
    good = 0
    for _ in range(2000):
        name = chance.choice(["bybit", "okx", "krakenfutures"])
        entries = [
            {
                key: chance.choice(values)
                for key in ("minNotional", "maxNotional", "maintenanceMarginRate", "maxLeverage")
            }
            for _ in range(chance.randrange(5))
        ]
        try:
            found = maintenance_of(name, market, entries, NOW)
        except ExchangeError:
            continue
        good += 1
        text = json.dumps([list(step) for step in found.tiers])
        load_settings(None, ("data.symbol=A/B:B", f"market.maintenance_margin={text}"))
    assert good > 100


def test_tiers_in_contracts_of_a_size_that_is_not_told_are_no_tiers() -> None:
    market = {"symbol": "BTC/USDT:USDT", "contract": True}
    tier = {"maxNotional": 1000.0, "maintenanceMarginRate": 0.004}
    with pytest.raises(ExchangeError, match=r"count contracts of BTC/USDT:USDT, and it tells no"):
        maintenance_of("okx", market, [tier], NOW)
    assert maintenance_of("bybit", market, [tier], NOW).tiers == ((0.0, 0.004),)
