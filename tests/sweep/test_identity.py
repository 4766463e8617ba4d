"""What a sweep's stored trials depend on: everything that moves a result, and nothing else."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stoptrail.config.grid import SECTIONS
from stoptrail.config.own_code import compilable
from stoptrail.config.settings import with_values
from stoptrail.feeds.market import MarketData, MarketFunding
from stoptrail.rules.funding import FundingRows
from stoptrail.sweep.identity import identity_of
from tests.config.files import example_settings
from tests.markets import QUARTER_HOUR, random_market

SETTINGS = example_settings()
CANDLES = random_market(1, 50)
START, END = int(CANDLES.time[0]), int(CANDLES.time[-1]) + QUARTER_HOUR
MARKET = MarketData(CANDLES, "BTC/USDT", "file", "x.csv", 0, START, END)
CHANGES = {
    "strategy.trend_period": 31,
    "stop.trailing_atr_multiplier": 3.25,
    "exits.target": 2.5,
    "risk.risk_per_trade": 0.0123,
    "costs.taker_fee": 0.00123,
    "account.cash": 12_345.0,
    "market.min_notional": 12.5,
    "protections.drawdown": 0.123,
    "sweep.min_trades": 31,
    "walk_forward.test_days": 91,
}


def test_every_section_that_moves_a_result_is_tried() -> None:
    assert {key.split(".")[0] for key in CHANGES} == {*SECTIONS, "sweep", "walk_forward"}


@pytest.mark.parametrize("key", CHANGES)
def test_a_value_that_moves_results_makes_it_another_sweep(key: str) -> None:
    assert identity_of(with_values(SETTINGS, {key: CHANGES[key]}), MARKET) != identity_of(
        SETTINGS, MARKET
    )


@pytest.mark.parametrize("key", ["sweep.jobs", "sweep.permutations"])
def test_what_moves_no_result_leaves_it_the_same_sweep(key: str) -> None:
    assert identity_of(with_values(SETTINGS, {key: 3}), MARKET) == identity_of(SETTINGS, MARKET)


def test_other_rates_of_funding_make_it_another_sweep() -> None:
    def with_rate(rate: float) -> MarketData:
        rows = FundingRows(CANDLES.time[4:5], np.array([rate]), np.array([np.nan]), np.array([0.0]))
        return replace(MARKET, funding=MarketFunding(rows, "rates.parquet"))

    digests = {
        identity_of(SETTINGS, market) for market in (MARKET, with_rate(1e-4), with_rate(2e-4))
    }
    assert len(digests) == 3


def test_an_exit_of_ones_own_that_was_edited_makes_it_another_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = set()
    for distance in (2.0, 3.0):
        folder = tmp_path / str(distance)
        folder.mkdir()
        text = f"def rule(position, stop, candle, atr):\n    return stop.level - {distance}\n"
        (folder / "edited_exit.py").write_text(text)
        monkeypatch.chdir(folder)
        monkeypatch.delitem(sys.modules, "edited_exit", raising=False)
        compilable.cache_clear()
        settings = with_values(SETTINGS, {"strategy.exits": "edited_exit:rule"})
        digests.add(identity_of(settings, MARKET))
    compilable.cache_clear()
    assert len(digests) == 2
