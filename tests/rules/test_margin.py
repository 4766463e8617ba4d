import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.rules.margin import (
    AS_MAINTENANCE,
    NO_TIERS,
    Margin,
    bears,
    liquidation,
    margin_tiers,
    overtaken,
    steepest_rate,
)

RATES = st.floats(0.0, 0.3)
STEPS = ((0.0, 0.005), (50_000.0, 0.01), (250_000.0, 0.05), (1e6, 0.2))


def price_of(
    side: int, units: float, fill: float, costs: float, balance: float, rate: float
) -> float:
    """Without tiers."""
    return liquidation(side, units, fill, costs, balance, Margin(rate, True)).price


@given(
    st.sampled_from([1, -1]),
    st.floats(0.01, 1e4),
    st.floats(1.0, 1e5),
    st.floats(0.0, 100.0),
    st.floats(1.0, 1e6),
    RATES,
)
def test_at_the_price_the_equity_is_the_maintenance_margin(
    side: int, units: float, fill: float, costs: float, balance: float, rate: float
) -> None:
    price = price_of(side, units, fill, costs, balance, rate)
    if not 0.0 < price < math.inf:
        return
    equity = balance + side * units * (price - fill) - costs
    assert equity == pytest.approx(rate * units * price, abs=1e-6 * units * fill + 1e-6)


def maintenance(notional: float) -> float:
    """By the tiers, slice by slice of the notional: as an income tax is reckoned."""
    ends = [begin for begin, _ in STEPS[1:]] + [math.inf]
    return sum(
        rate * (min(notional, end) - begin)
        for (begin, rate), end in zip(STEPS, ends, strict=True)
        if notional > begin
    )


@given(
    st.sampled_from([1, -1]),
    st.floats(0.1, 1e5),
    st.floats(1.0, 1e3),
    st.floats(0.0, 100.0),
    st.floats(1.0, 1e6),
)
def test_with_tiers_each_slice_of_the_notional_has_its_own_rate(
    side: int, units: float, fill: float, costs: float, balance: float
) -> None:
    tiers = margin_tiers(STEPS)
    price = liquidation(side, units, fill, costs, balance, Margin(0.005, True), tiers).price
    if not price > 0.0:
        return
    equity = balance + side * units * (price - fill) - costs
    assert equity == pytest.approx(maintenance(units * price), abs=1e-6 * units * fill + 1e-6)


def test_deductions_make_tiers_meet() -> None:
    np.testing.assert_allclose(
        margin_tiers(STEPS), [[0.01, 250.0, 0.0], [0.05, 10_250.0, 0.0], [0.2, 160_250.0, 0.0]]
    )
    np.testing.assert_array_equal(margin_tiers(STEPS[:1]), NO_TIERS)


@given(
    st.sampled_from([1, -1]),
    st.floats(0.1, 2e6),
    st.floats(1.0, 1e3),
    st.floats(1.0, 1e6),
)
def test_tiers_of_the_units_hold_for_the_whole_position_at_every_price(
    side: int, units: float, fill: float, balance: float
) -> None:
    """As if the rate of the tier in which its units are were the only one: its last units still
    belong to a tier."""
    tiers = margin_tiers(STEPS, by_units=True)
    rate = next(rate for begin, rate in reversed(STEPS) if units > begin or begin == 0.0)
    found = liquidation(side, units, fill, 0.0, balance, Margin(0.005, True), tiers)
    alone = liquidation(side, units, fill, 0.0, balance, Margin(rate, True))
    assert found.price == alone.price
    assert found.fee == rate or found.price == 0.0
    edge = liquidation(side, 50_000.0, fill, 0.0, balance, Margin(0.005, True), tiers)
    assert edge == liquidation(side, 50_000.0, fill, 0.0, balance, Margin(0.005, True))


def test_the_fee_is_what_has_to_stay_unless_it_is_given() -> None:
    tiers = margin_tiers(STEPS)
    at = 1, 1000.0, 100.0, 0.0, 20_000.0  # a notional near 81,000
    price, fee = liquidation(*at, Margin(0.005, True, True, AS_MAINTENANCE), tiers)
    assert fee == pytest.approx(maintenance(1000.0 * price) / (1000.0 * price))
    assert liquidation(*at, Margin(0.005, True, True, AS_MAINTENANCE)).fee == 0.005
    assert liquidation(*at, Margin(0.005, True, True, 0.0), tiers).fee == 0.0


def test_a_long_of_the_whole_account_is_never_liquidated_without_a_margin() -> None:
    assert price_of(1, 99.0, 100.0, 9.9, 10_000.0, 0.0) == 0.0


def test_a_short_of_the_whole_account_is_liquidated_at_twice_the_price() -> None:
    assert price_of(-1, 100.0, 100.0, 0.0, 10_000.0, 0.0) == 200.0


def test_a_short_that_owes_more_than_it_has_is_liquidated_at_any_price() -> None:
    assert price_of(-1, 100.0, 100.0, 20_001.0, 10_000.0, 0.0) == 0.0


def test_a_stop_at_the_price_does_not_come_first() -> None:
    assert overtaken(1, 50.0, price_of(1, 200.0, 100.0, 0.0, 10_000.0, 0.0))
    assert not overtaken(1, 50.01, price_of(1, 200.0, 100.0, 0.0, 10_000.0, 0.0))
    assert not overtaken(-1, 149.99, price_of(-1, 200.0, 100.0, 0.0, 10_000.0, 0.0))
    assert not overtaken(1, 50.0, math.nan)
    assert not overtaken(-1, 50.0, math.nan)


@pytest.mark.parametrize("by_units", [False, True])
@pytest.mark.parametrize("side", [1, -1])
def test_what_an_account_bears_by_far_is_before_every_liquidation_price(
    side: int, by_units: bool
) -> None:
    """And all but what lies within a tier or two is borne so."""
    random = np.random.default_rng([side + 1, by_units])
    tiers, margin = margin_tiers(STEPS, by_units), Margin(0.005, True, True)
    rate, borne, held = max(margin.rate, steepest_rate(tiers)), 0, 0
    for _ in range(2000):
        units, fill, costs = random.uniform(0.01, 5e3), random.uniform(1.0, 500.0), 10.0
        balance = units * fill * random.uniform(0.05, 1.5)
        level = fill * (1.0 - side * random.uniform(0.0, 0.5))
        first = not overtaken(
            side, level, liquidation(side, units, fill, costs, balance, margin, tiers).price
        )
        held += first
        if bears(side, units, fill, costs, balance, level, rate):
            assert first
            borne += 1
    assert 0.6 * held < borne < held < 2000


def test_tiers_that_take_something_off_the_account_are_gone_by_one_by_one() -> None:
    assert steepest_rate(NO_TIERS) == 0.0
    assert steepest_rate(margin_tiers(STEPS)) == 0.2
    assert steepest_rate(np.array([[0.01, -5.0, 0.0]])) == math.inf
    assert not bears(1, 1.0, 100.0, 0.0, 1e6, 90.0, math.inf)


def test_no_account_is_said_to_bear_a_price_that_there_is_not() -> None:
    """A long without debt is liquidated at 0, which a level below that does not come before."""
    assert overtaken(1, -1.0, price_of(1, 1.0, 100.0, 0.0, 1e6, 0.01))
    assert not bears(1, 1.0, 100.0, 0.0, 1e6, -1.0, 0.01)
