"""Where fees eat the profit."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.sweep.statistics.fees import (
    FEES,
    TOLERANCE,
    FeePoint,
    fee_sensitivity,
)


def runner(factor: Callable[[float], float], calls: list[float]) -> Callable[[float], FeePoint]:
    def run(fee: float) -> FeePoint:
        calls.append(fee)
        return FeePoint(fee, factor(fee), factor(fee) - 1, 0.0, 150)

    return run


@given(st.floats(0.0001, 0.0049))
def test_a_falling_profit_factor_is_met_at_one(fee: float) -> None:
    calls: list[float] = []
    found = fee_sensitivity(runner(lambda at: math.exp(200 * (fee - at)), calls))
    assert found.break_even == pytest.approx(fee, abs=TOLERANCE)
    assert found.crossings == 1
    assert len(calls) == len(set(calls)) <= len(FEES) + 8
    assert [point.fee for point in found.points] == sorted(calls)


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.7])
def test_a_profit_factor_that_never_falls_to_one_has_no_break_even(factor: float) -> None:
    calls: list[float] = []
    found = fee_sensitivity(runner(lambda _: factor, calls))
    assert found.break_even is None
    assert found.crossings == 0
    assert calls == list(FEES)


def test_a_profit_factor_that_rises_again_gives_the_first_fall() -> None:
    found = fee_sensitivity(
        runner(lambda fee: 1.2 if fee < 0.0007 or fee > 0.002 else 0.9, []), fees=(0, 0.001, 0.003)
    )
    assert found.break_even == pytest.approx(0.0007, abs=TOLERANCE)
    assert found.crossings == 2


def test_runs_without_a_loss_count_as_profit_and_without_a_trade_as_none() -> None:
    assert FeePoint(0.0, math.nan, 1.0, 0.1, 5).profitable
    assert not FeePoint(0.0, math.nan, math.nan, 0.0, 0).profitable
    found = fee_sensitivity(runner(lambda fee: math.nan if fee < 0.0012 else 0.9, []))
    assert found.break_even == pytest.approx(0.0012, abs=TOLERANCE)


def test_break_even_lies_on_the_straight_line_between_profit_and_loss() -> None:
    found = fee_sensitivity(runner(lambda fee: 1.6 - 800 * fee, []), fees=(0.0, 0.001), extra=0)
    assert found.break_even == pytest.approx(0.6 / 0.8 * 0.001)
    beside = fee_sensitivity(
        runner(lambda fee: 2.0 if fee == 0.0 else 0.5, []), fees=(0.0, 0.003), extra=0
    )
    assert beside.break_even == pytest.approx(0.002)
