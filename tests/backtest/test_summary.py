"""A run without a trade says why."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from stoptrail.backtest.summary import why_no_trade
from stoptrail.rules.market import Market
from stoptrail.rules.trade import IGNORED

QUARTER = 900_000


class _Trades(NamedTuple):
    side: Any


class _Record(NamedTuple):
    trades: _Trades
    ignored: Any


class _Outcome(NamedTuple):
    record: _Record
    equity: Any


class _Candles(NamedTuple):
    close: Any
    volume: Any


class _Inputs(NamedTuple):
    candles: _Candles
    start: int
    market: Market


def why(
    *, trades: int = 0, lot: float = 1.0, minimum: float = 0.0, volume: float = 5.0, **counts: int
) -> str:
    record = _Record(_Trades(np.ones(trades)), np.array([counts.get(name, 0) for name in IGNORED]))
    candles = _Candles(np.full(50, 60_000.0), np.full(50, volume))
    market = Market(100.0, 1.0, 1.0, lot, lot, minimum)
    outcome: Any = _Outcome(record, np.array([50_000.0]))
    inputs: Any = _Inputs(candles, 10, market)
    return why_no_trade(outcome, inputs, "BTC/USDT")


def test_a_run_with_trades_says_nothing() -> None:
    assert why(trades=1, size=62) == ""


def test_a_lot_that_is_too_dear_is_named_with_its_price() -> None:
    said = why(size=62)
    assert "62 signals, all below one lot: 1 BTC is 60,000 USDT" in said
    assert "50,000" in said


def test_a_minimum_of_notional_is_named() -> None:
    assert "below the least notional: 90,000 USDT" in why(size=3, minimum=90_000.0)


def test_candles_without_volume_are_the_reason_where_nothing_is_filled() -> None:
    assert 'data.volume = "unknown"' in why(gap=4, volume=0.0)
    assert "entry_max_delay" in why(gap=4)


@pytest.mark.parametrize(("counts", "word"), [({}, "no signal"), ({"protection": 2}, "protection")])
def test_other_reasons_are_named(counts: dict[str, int], word: str) -> None:
    assert word in why(**counts)


def test_the_most_frequent_reason_of_several_is_told_with_its_count() -> None:
    assert "10 signals, 7 of them below one lot" in why(size=7, gap=3)
