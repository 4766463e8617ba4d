import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.rules.costs import (
    DAY,
    Costs,
    borrow,
    fee,
    fill_price,
    quoted_price,
)
from stoptrail.rules.market import Market

CENTS = Market(100.0, 1.0, 1000.0, 1.0, 0.0, 0.0)
rates = st.floats(0.0, 0.1)


@given(st.floats(0.5, 1e6), rates, st.sampled_from([1.0, 5.0, 50.0, 1000.0]))
def test_a_fill_is_never_better_than_its_price(price: float, slip: float, step: float) -> None:
    market = CENTS._replace(price_step=step)
    noise = price * 2e-12
    assert fill_price(1, price, Costs(0.0, slip, 0.0), market) >= price * (1 + slip) - noise
    assert fill_price(-1, price, Costs(0.0, slip, 0.0), market) <= price * (1 - slip) + noise


def test_slippage_comes_before_rounding() -> None:
    costs = Costs(0.0, 0.0002, 0.0)
    assert fill_price(1, 100.0, costs, CENTS) == 100.02
    assert fill_price(1, 100.01, costs, CENTS) == 100.04  # 100.030002
    assert fill_price(-1, 100.0, costs, CENTS) == 99.98
    assert fill_price(-1, 99.99, costs, CENTS) == 99.97  # 99.970002


def test_a_quote_is_rounded_against_the_trade_and_not_worsened() -> None:
    half = CENTS._replace(price_step=50.0)
    assert quoted_price(1, 100.2, half) == 100.5
    assert quoted_price(-1, 100.2, half) == 100.0


def test_the_fee_is_a_share_of_the_notional() -> None:
    assert fee(2.0, 150.0, Costs(0.001, 0.0, 0.0)) == pytest.approx(0.3)


def test_a_short_pays_by_the_day_and_a_long_nothing() -> None:
    costs = Costs(0.0, 0.0, 0.0002)
    assert borrow(-1, 3.0, 100.0, 0, DAY, costs) == pytest.approx(3 * 100 * 0.0002)
    assert borrow(-1, 3.0, 100.0, DAY, DAY + DAY // 4, costs) == pytest.approx(0.06 / 4)
    assert borrow(-1, 3.0, 100.0, 7, 7, costs) == 0.0
    assert borrow(1, 3.0, 100.0, 0, DAY, costs) == 0.0
