from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stoptrail.feeds.market import candles_digest
from stoptrail.feeds.synthetic import synthetic_candles
from stoptrail.feeds.tables.columns import columns_of
from stoptrail.feeds.tables.faults import (
    alignment_faults,
    order_faults,
    value_faults,
)
from stoptrail.rules.candles import Candles, Floats
from stoptrail.rules.market import decimals
from tests.feeds.candle_files import QUARTER, START

DAY = 86_400_000


@pytest.fixture(scope="module")
def market() -> Candles:
    return synthetic_candles(1)


def returns(candles: Candles) -> Floats:
    neighbours = np.diff(candles.time) == candles.interval
    return np.asarray(np.diff(np.log(candles.close))[neighbours])


def kurtosis(values: Floats) -> float:
    return float(((values - values.mean()) ** 4).mean() / values.var() ** 2)


def memory(values: Floats, lag: int) -> float:
    return float(np.corrcoef(values[:-lag], values[lag:])[0, 1])


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([60_000, 300_000, QUARTER, 4 * QUARTER, DAY]),
    st.integers(0, 10**10),
    st.integers(1, 3000),
)
def test_every_market_is_made_of_possible_candles(
    seed: int, interval: int, offset: int, length: int
) -> None:
    start = START + offset
    candles = synthetic_candles(seed, interval, start, start + length * interval)
    columns = columns_of(candles)
    assert not list(value_faults(columns))
    assert not list(order_faults(columns.time))
    assert np.all(np.diff(columns.time) > 0)
    assert not list(alignment_faults(columns.time, interval, ""))
    opens = np.arange(-(-start // interval) * interval, start + length * interval, interval)
    assert np.all(np.isin(candles.time, opens))
    # An outage may be as long as a short market, but its ends are there, and outages are few.
    assert (candles.time[0], candles.time[-1]) == (opens[0], opens[-1])
    assert np.count_nonzero(np.diff(candles.time) > interval) <= length // 50


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not(market: Candles) -> None:
    assert candles_digest(synthetic_candles(1)) == candles_digest(market)
    assert candles_digest(synthetic_candles(2)) != candles_digest(market)


def test_it_has_five_years_and_a_warm_up(market: Candles) -> None:
    days = (int(market.time[-1]) - int(market.time[0])) / DAY
    assert 5 * 365 + 150 < days < 6 * 365


def test_prices_have_ticks_and_volumes_lots(market: Candles) -> None:
    assert decimals(market.close) == 2
    assert decimals(market.volume) == 5


def test_tails_are_fat(market: Candles) -> None:
    assert kurtosis(returns(market)) > 10


def test_volatility_clusters_for_days_and_returns_do_not(market: Candles) -> None:
    change = returns(market)
    size = np.abs(change)
    assert memory(size, 1) > memory(size, 96) > memory(size, 960) > 0.02
    assert abs(memory(change, 1)) < 0.03


def test_the_day_has_its_busy_and_its_quiet_hours(market: Candles) -> None:
    hour = market.time % DAY // 3_600_000
    reach = np.log(market.high / market.low)
    busy, quiet = hour == 15, hour == 5
    assert reach[busy].mean() > 1.2 * reach[quiet].mean()
    assert market.volume[busy].mean() > 1.2 * market.volume[quiet].mean()


def test_there_are_trends_and_ranges(market: Candles) -> None:
    daily = np.log(market.close[::96])
    moved = np.abs(daily[30:] - daily[:-30])
    walked = np.convolve(np.abs(np.diff(daily)), np.ones(30), "valid")
    efficiency = moved / walked
    assert 0.1 < np.mean(efficiency > 0.3) < 0.6


def test_outages_leave_gaps_with_flat_candles_just_before(market: Candles) -> None:
    after_gap = np.flatnonzero(np.diff(market.time) > market.interval)
    silent = np.flatnonzero(market.volume == 0)
    assert len(after_gap) > 5
    assert len(silent) > 5
    gap_ends = after_gap[np.searchsorted(after_gap, silent)]
    assert np.all(gap_ends - silent < 4)
    flat = (market.high == market.low) & (market.open == market.close)
    assert flat[silent].all()


def test_markets_of_a_seed_rise_and_fall_together_but_are_not_one(market: Candles) -> None:
    others = [synthetic_candles(1, symbol=symbol) for symbol in ("ETH/USDT", "SOL/USDT:USDT")]
    daily = []
    days = set.intersection(*({int(t) for t in c.time // DAY} for c in (market, *others)))
    for candles in (market, *others):
        closes = dict(zip((candles.time // DAY).tolist(), candles.close.tolist(), strict=True))
        daily.append(np.diff(np.log([closes[day] for day in sorted(days)])))
    together = np.corrcoef(daily)[np.triu_indices(3, 1)]
    assert together.min() > 0.3
    assert together.max() < 0.95


def test_the_quote_currency_and_the_kind_of_market_change_no_candle() -> None:
    spans = {"start": START, "end": START + 3 * DAY}
    for one, other in (("ETH/USDT", "eth/USD"), ("BTC/USDT", "BTC/USDT:USDT")):
        first, second = (synthetic_candles(3, symbol=name, **spans) for name in (one, other))
        assert candles_digest(first) == candles_digest(second)
    assert candles_digest(synthetic_candles(3, **spans)) == candles_digest(second)


@pytest.mark.parametrize("symbol", ["ETH/USDT", "A/B", "1000PEPE/USDT"])
def test_the_other_markets_are_made_of_possible_candles(symbol: str) -> None:
    candles = synthetic_candles(4, start=START, end=START + 60 * DAY, symbol=symbol)
    columns = columns_of(candles)
    assert not list(value_faults(columns))
    assert not list(order_faults(columns.time))
    assert decimals(candles.close) == 2
