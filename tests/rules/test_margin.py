import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.rules.margin import liquidation_price, stop_comes_first

RATES = st.floats(0.0, 0.3)


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
    price = liquidation_price(side, units, fill, costs, balance, rate)
    if not 0.0 < price < math.inf:
        return
    equity = balance + side * units * (price - fill) - costs
    assert equity == pytest.approx(rate * units * price, abs=1e-6 * units * fill + 1e-6)


def test_a_long_of_the_whole_account_is_never_liquidated_without_a_margin() -> None:
    assert liquidation_price(1, 99.0, 100.0, 9.9, 10_000.0, 0.0) == 0.0


def test_a_short_of_the_whole_account_is_liquidated_at_twice_the_price() -> None:
    assert liquidation_price(-1, 100.0, 100.0, 0.0, 10_000.0, 0.0) == 200.0


def test_a_stop_at_the_price_does_not_come_first() -> None:
    assert not stop_comes_first(1, 50.0, 200.0, 100.0, 0.0, 10_000.0, 0.0)
    assert stop_comes_first(1, 50.01, 200.0, 100.0, 0.0, 10_000.0, 0.0)
    assert stop_comes_first(-1, 149.99, 200.0, 100.0, 0.0, 10_000.0, 0.0)
