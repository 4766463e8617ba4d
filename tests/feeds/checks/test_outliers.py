"""Prices far from those around them."""

from __future__ import annotations

import numpy as np
import pytest

from stoptrail.feeds.checks.outliers import outliers
from stoptrail.feeds.synthetic import synthetic_candles
from stoptrail.feeds.tables.columns import Columns, columns_of
from tests.feeds.candle_files import QUARTER, START

COUNT = 600


def market(seed: int = 1) -> Columns:
    """Candles whose prices may be changed, each with a volume of its own."""
    made = columns_of(synthetic_candles(seed, QUARTER, START, START + COUNT * QUARTER))
    return Columns(*(column.copy() for column in made))


def told(columns: Columns) -> list[str]:
    return [one.text for one in outliers(columns)]


@pytest.mark.parametrize("seed", range(3))
def test_a_market_s_own_prices_are_no_outliers(seed: int) -> None:
    assert told(market(seed)) == []


@pytest.mark.parametrize(("name", "factor"), [("high", 3.0), ("high", 1.3), ("low", 1 / 3)])
def test_a_wick_far_beyond_all_others_at_a_usual_volume_is_said(name: str, factor: float) -> None:
    """Real ones come with the trades that made them."""
    given = market()
    at = 300
    getattr(given, name)[at] *= factor
    given.volume[at] = 1.5 * np.median(given.volume[at - 24 : at + 25])
    (text,) = told(given)
    assert text.startswith(f"{name} = {getattr(given, name)[at]:.10g} for one candle, ")
    assert "at a usual volume: a wrong price, perhaps" in text
    given.volume[at] = 5 * np.median(given.volume[at - 24 : at + 25])
    assert told(given) == []


def test_a_wick_in_a_market_of_such_wicks_is_not() -> None:
    given = market()
    given.high[100:500] *= 1.0 + 0.3 * np.random.default_rng(1).random(400)
    assert told(given) == []


def test_a_wick_without_volumes_to_compare_is_not() -> None:
    given = market()
    given.volume[:] = 0.0
    given.high[300] *= 3
    assert told(given) == []


def test_the_first_candle_of_a_market_begins_at_a_price_that_was_set() -> None:
    """As 35 of 400 of Binance's do: sold at 0.36 before, traded at 12 from the first minute on."""
    given = market()
    given.open[0] = given.low[0] = given.close[0] / 30
    assert told(given) == []
    given.open[0] *= 30
    given.low[0] *= 30
    for prices in given[1:5]:
        prices[0] *= 10
    assert len(told(given)) == 4


def test_a_market_that_falls_by_nine_tenths_within_hours_has_no_wrong_price() -> None:
    """Each candle is far from the median of those around it."""
    given = market()
    fall = np.ones(COUNT + 1)
    fall[301:] = np.maximum(0.25 ** np.arange(1, COUNT - 299), 0.25**5)
    open_ = given.open * fall[:-1]
    close = given.close * fall[1:]
    high, low = np.maximum(open_, close) * 1.001, np.minimum(open_, close) * 0.999
    assert told(Columns(given.time, open_, high, low, close, given.volume)) == []


@pytest.mark.parametrize("at", [0, 1, 300, COUNT - 2, COUNT - 1])
@pytest.mark.parametrize("factor", [10.0, 0.1])
@pytest.mark.parametrize("count", [1, 2])
def test_prices_ten_times_those_on_both_sides_are_said(at: int, factor: float, count: int) -> None:
    given = market()
    for prices in given[1:5]:
        prices[at : at + count] *= factor
    assert [text.partition(" = ")[0] for text in told(given)] == ["open", "high", "low", "close"]
    assert all("is usual around it" in text for text in told(given))
