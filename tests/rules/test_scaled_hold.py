from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from stoptrail.rules.metrics import (
    return_sums,
    sharpe,
)
from stoptrail.rules.scaled_hold import scaled, share_of_cash

GENERATOR = np.random.default_rng(11)


def marks(deviation: float, days: int = 400) -> np.ndarray:
    returns = GENERATOR.normal(0.001, deviation, days)
    return 1000.0 * np.cumprod(np.concatenate(([1.0], 1.0 + returns)))


@pytest.mark.parametrize("deviation", [0.002, 0.06])
def test_the_scaled_account_moves_as_much_as_the_other(deviation: float) -> None:
    hold, strategy = marks(0.03), marks(deviation)
    account = scaled(hold, share_of_cash(hold, strategy))
    found, wanted = (pd.Series(series).pct_change().std() for series in (account, strategy))
    assert found == pytest.approx(wanted)


def test_the_share_changes_the_risk_and_not_the_sharpe_ratio() -> None:
    hold = marks(0.03)
    account = scaled(hold, 0.2)
    assert sharpe(return_sums(account)) == pytest.approx(sharpe(return_sums(hold)))
    assert account[0] == hold[0]


def test_half_of_the_account_follows_half_of_each_day() -> None:
    assert scaled(np.array([100.0, 120.0, 60.0]), 0.5) == pytest.approx([100.0, 110.0, 82.5])


def test_an_account_that_is_empty_stays_empty() -> None:
    assert scaled(np.array([100.0, 40.0, 80.0]), 2.0).tolist() == [100.0, 0.0, 0.0]


def test_without_a_movement_nothing_is_held() -> None:
    still = np.full(10, 5.0)
    assert share_of_cash(still, marks(0.01, 9)) == 0.0
    assert share_of_cash(marks(0.01, 9), still) == 0.0
    assert share_of_cash(np.array([1.0, 2.0]), np.array([1.0, 2.0])) == 0.0
