from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.rules.market import (
    Market,
    price_down,
    price_up,
    steps_down,
    steps_up,
    units_down,
)

STEPS = {
    "0.00000001": (1e8, 1.0),
    "0.01": (100.0, 1.0),
    "0.05": (100.0, 5.0),
    "0.125": (1000.0, 125.0),
    "0.5": (10.0, 5.0),
    "1": (1.0, 1.0),
    "10": (1.0, 10.0),
}
NOISE = Fraction(2, 10**12)


def market(step: str) -> Market:
    return Market(*STEPS[step], *STEPS[step], 0.0, 0.0)


steps = st.sampled_from(sorted(STEPS))
prices = st.floats(1e-6, 1e7)


@given(steps, prices)
def test_down_and_up_enclose_the_price_within_a_step(step: str, price: float) -> None:
    low, high = price_down(price, market(step)), price_up(price, market(step))
    slack = NOISE * max(Fraction(price), Fraction(step))
    assert Fraction(low) <= Fraction(price) + slack
    assert Fraction(high) >= Fraction(price) - slack
    assert Fraction(high) - Fraction(low) <= Fraction(step) + slack


@given(steps, st.integers(0, 10**9))
def test_a_rounded_price_is_the_double_of_its_decimal_text(step: str, count: int) -> None:
    text = Fraction(step) * count
    price = float(text)
    assert price_down(price, market(step)) == price
    assert price_up(price, market(step)) == price
    assert units_down(price, market(step)) == price


@given(steps, prices)
def test_rounding_twice_changes_nothing(step: str, price: float) -> None:
    for rounded in (price_down, price_up, units_down):
        once = rounded(price, market(step))
        assert rounded(once, market(step)) == once


@given(steps, prices, prices)
def test_rounding_keeps_the_order_of_prices(step: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert price_down(low, market(step)) <= price_down(high, market(step))
    assert price_up(low, market(step)) <= price_up(high, market(step))


@given(steps, prices)
def test_counts_are_whole_numbers(step: str, price: float) -> None:
    assert steps_down(price, *STEPS[step]) == int(steps_down(price, *STEPS[step]))
    assert steps_up(price, *STEPS[step]) - steps_down(price, *STEPS[step]) in (0, 1)


@pytest.mark.parametrize(
    ("price", "down", "up"), [(100.1 * 3, 300.3, 300.3), (0.1 + 0.2, 0.3, 0.3), (1.005, 1.0, 1.01)]
)
def test_the_noise_of_doubles_is_no_step(price: float, down: float, up: float) -> None:
    assert (price_down(price, market("0.01")), price_up(price, market("0.01"))) == (down, up)


def test_adding_multiples_of_the_tick_would_miss_the_decimal() -> None:
    assert 3 * 0.1 != 0.3
    assert price_up(3 * 0.1, Market(10.0, 1.0, 1.0, 1.0, 0.0, 0.0)) == 0.3


def test_a_level_below_zero_stays_below_zero() -> None:
    assert price_down(-3.3, market("1")) == -3.3


def test_of_a_count_too_large_for_noise_to_be_told_half_a_step_is_a_whole_one() -> None:
    count = 2.0**40
    assert (steps_down(count + 0.5, 1.0, 1.0), steps_up(count + 0.5, 1.0, 1.0)) == (
        count + 1.0,
        count + 1.0,
    )
    assert steps_down(count + 0.25, 1.0, 1.0) == count
