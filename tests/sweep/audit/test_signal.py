"""Every kind of trend and structure is warm when it says so, on every base timeframe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stoptrail.backtest.inputs import plan_for, signals_of
from stoptrail.backtest.plan import Plan
from stoptrail.config.load import load_settings
from stoptrail.feeds.synthetic import synthetic_candles
from stoptrail.rules.candles import Candles, Signals
from stoptrail.rules.structure import STRUCTURE_KINDS
from stoptrail.rules.trend import TREND_KINDS
from stoptrail.sweep.audit.moved import are_many
from stoptrail.sweep.audit.signal import (
    GLANCES,
    early_zones,
    glance,
    goes_by_prices,
    warm_up,
)
from tests.markets import FINE
from tests.sweep.small import DAY, FIRST, HOUR

TIMEFRAMES = {"1h": HOUR, "4h": 4 * HOUR, "1d": DAY}


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
@pytest.mark.parametrize(
    ("trend", "structure"),
    [*((kind, "none") for kind in TREND_KINDS), *(("roc", kind) for kind in STRUCTURE_KINDS)],
)
def test_data_that_begin_later_agree_from_the_warm_up_on(
    trend: str, structure: str, timeframe: str, tmp_path: Path
) -> None:
    days = 4000 if timeframe == "1d" else 700
    candles = synthetic_candles(5, TIMEFRAMES[timeframe], FIRST, FIRST + days * DAY)
    parameters = {
        "trend": trend,
        "structure": structure,
        "trend_period": 12,
        "structure_period": 12,
        "cycle_period": 24.0 if timeframe == "1h" else 192.0,
    }
    file = tmp_path / "strategy.toml"
    file.write_text("[strategy]\nsignal = 'mtf_cycle'\n")
    plan = plan_for(load_settings(file), FINE)._replace(parameters=parameters)
    signals = signals_of(plan, candles)
    assert (signals.zone != 0).sum() > 10
    assert early_zones(signals).passed
    check = warm_up(plan, candles, signals, 3)
    assert check.tried > 10
    assert check.findings == ()


MARKET = synthetic_candles(5, HOUR, FIRST, FIRST + 200 * DAY)


def rising(candles: Candles, *, later: int = 0, fewest: int = 0) -> Signals:
    """Long where the close `later` candles on is above that of a day before."""
    if len(candles.time) < fewest:
        raise ValueError("too few candles")
    known = np.append(candles.close[later:], np.full(later, np.nan))
    before = np.append(np.full(24, np.nan), candles.close[:-24])
    zone = np.where(known > before, 1, 0).astype(np.int8)
    zone[:24] = 0
    return Signals(zone, np.zeros(len(zone), np.int8), 24)


def plan_with(**parameters: int) -> Plan:
    plan = plan_for(load_settings(None), FINE)
    return plan._replace(signal=rising, parameters=dict(parameters), atr_interval=HOUR)


def test_a_glance_finds_nothing_in_a_signal_that_knows_the_past_alone() -> None:
    expected = {"tried": GLANCES, "found": None, "by_dates": False, "by_prices": False}
    assert glance(plan_with(), MARKET) == expected


@pytest.mark.parametrize("later", [1, 24])
def test_a_glance_finds_a_signal_that_knows_later_candles(later: int) -> None:
    found = glance(plan_with(later=later), MARKET)
    assert "it knows something" in str(found["found"])
    assert 1 <= found["tried"] <= 10


def lowest_half(candles: Candles) -> Signals:
    """Long below the median of all closes, of which the last days tell hardly anything."""
    zone = (candles.close < np.median(candles.close)).astype(np.int8)
    return Signals(zone, np.zeros(len(zone), np.int8), len(zone) // 2)


def test_a_glance_finds_what_was_scaled_by_all_candles() -> None:
    found = glance(plan_with()._replace(signal=lowest_half), MARKET)
    assert "it knows something" in str(found["found"])


LUCKY = np.flatnonzero(np.diff(MARKET.close[::24]) > 0.0) * 24 * HOUR + MARKET.time[0]
"""Dates after which the market rose, as somebody who has seen it may write them down."""


def written_down(candles: Candles) -> Signals:
    """Long at the LUCKY dates."""
    zone = np.isin(candles.time, LUCKY).astype(np.int8)
    return Signals(zone, np.zeros(len(zone), np.int8), 0)


def first_of_the_month(candles: Candles) -> Signals:
    """Long on the first day of a month."""
    days = (candles.time // DAY).astype("datetime64[D]")
    zone = (days == days.astype("datetime64[M]")).astype(np.int8)
    return Signals(zone, np.zeros(len(zone), np.int8), 0)


def looked_up(candles: Candles) -> Signals:
    """Long where `rising` is and a file of its own has a higher close the day after."""
    places = np.searchsorted(MARKET.time, candles.time) + 24
    known = np.append(MARKET.close, np.full(24, np.nan))[np.minimum(places, len(MARKET.time) - 1)]
    found = rising(candles)
    return found._replace(zone=np.where(known > candles.close, found.zone, 0).astype(np.int8))


def dated_index(candles: Candles) -> Signals:
    """`rising`, and fails where the dates are not in its file."""
    if candles.time[0] > MARKET.time[-1]:
        raise KeyError("2048-01-01")
    return looked_up(candles)


def every_monday(candles: Candles) -> Signals:
    """Long in the first hour of the week."""
    zone = (candles.time // HOUR % 168 == 96).astype(np.int8)
    return Signals(zone, np.zeros(len(zone), np.int8), 0)


def loud(candles: Candles) -> Signals:
    """Long after a long candle, up or down."""
    zone = (candles.high > 1.01 * candles.low).astype(np.int8)
    return Signals(zone, np.zeros(len(zone), np.int8), 0)


@pytest.mark.parametrize(
    ("signal", "by_dates"),
    [
        (written_down, True),
        (looked_up, True),
        (dated_index, True),
        (every_monday, False),
        (first_of_the_month, False),
        (loud, False),
        (rising, False),
    ],
)
def test_dates_that_were_written_down_are_told_from_rules(signal: Any, by_dates: bool) -> None:
    found = glance(plan_with()._replace(signal=signal), MARKET)
    assert found["found"] is None
    assert found["by_dates"] is by_dates
    assert found["by_prices"] is False


def found_by_its_close(candles: Candles) -> Signals:
    """Long where the candle whose close is the nearest in an array was followed by a rise."""
    places = np.abs(candles.close[:, None] - MARKET.close[None, :]).argmin(axis=1)
    known = MARKET.close[np.minimum(places + 3, len(MARKET.close) - 1)]
    zone = (known > candles.close).astype(np.int8)
    return Signals(zone, np.zeros(len(zone), np.int8), 0)


def price_index(candles: Candles) -> Signals:
    """`rising`, and fails where a close is not in its file."""
    if not np.isin(candles.close, MARKET.close).all():
        raise KeyError(float(candles.close[0]))
    return rising(candles)


def shape_of(candles: Candles) -> Any:
    """How the prices of a candle stand to each other, and to the close before."""
    before = np.append(candles.close[0], candles.close[:-1])
    return np.round(candles.close / before + candles.high / candles.low, 6)


def found_by_its_shape(candles: Candles) -> Signals:
    """Long where a candle of that shape in an array was followed by a rise: whatever the prices."""
    known = {shape: place for place, shape in enumerate(shape_of(MARKET))}
    last = len(MARKET.close) - 4
    places = np.array([min(known.get(shape, last), last) for shape in shape_of(candles)])
    zone = (MARKET.close[places + 3] > MARKET.close[places]).astype(np.int8)
    return Signals(zone, np.zeros(len(zone), np.int8), 1)


def above_an_average(candles: Candles) -> Signals:
    """Long a hundredth above the mean of the last closes."""
    means = np.convolve(candles.close, np.ones(9) / 9.0)[: len(candles.close)]
    zone = (candles.close > 1.01 * means).astype(np.int8)
    zone[:9] = 0
    return Signals(zone, np.zeros(len(zone), np.int8), 9)


def above_round_numbers(candles: Candles) -> Signals:
    """Long where the close rises through a multiple of 1,000."""
    level = np.floor(candles.close / 1000.0)
    zone = (level > np.append(level[:1], level[:-1])).astype(np.int8)
    return Signals(zone, np.zeros(len(zone), np.int8), 1)


@pytest.mark.parametrize(
    ("signal", "by_prices"),
    [
        (found_by_its_close, True),
        (price_index, True),
        (found_by_its_shape, True),
        (above_round_numbers, False),
        (above_an_average, False),
        (loud, False),
        (rising, False),
    ],
)
def test_prices_that_were_written_down_are_told_from_rules(signal: Any, by_prices: bool) -> None:
    plan = plan_with()._replace(signal=signal)
    assert goes_by_prices(plan, MARKET, signals_of(plan, MARKET)) is by_prices


def test_round_numbers_of_a_market_that_rose_fivefold_are_rules() -> None:
    """However far prices are from the first, they are moved by as little."""
    rise, first = np.geomspace(1.0, 5.0, len(MARKET.close)), MARKET.close[0]
    calm = {
        name: (getattr(MARKET, name) / first) ** 0.2 for name in ("open", "high", "low", "close")
    }
    prices = {name: first * rise * each for name, each in calm.items()}
    plan, grown = plan_with()._replace(signal=above_round_numbers), MARKET._replace(**prices)
    assert not goes_by_prices(plan, grown, signals_of(plan, grown))


def test_two_answers_that_are_others_are_not_many() -> None:
    assert [are_many(changed, 4) for changed in (1, 2, 3)] == [False, False, True]
    assert [are_many(changed, 40) for changed in (10, 11)] == [False, True]


def test_a_glance_passes_events_over_whose_candles_the_signal_fails() -> None:
    found = glance(plan_with(fewest=len(MARKET.time)), MARKET)
    assert found["found"] is None
    assert found["tried"] < GLANCES // 10  # those of the last two days


def test_a_signal_that_fails_on_few_candles_is_asked_over_all_before() -> None:
    few = len(MARKET.time) // 10
    assert glance(plan_with(fewest=few), MARKET)["tried"] > GLANCES // 2
    assert "it knows something" in str(glance(plan_with(later=1, fewest=few), MARKET)["found"])
