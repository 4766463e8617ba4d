"""Metrics against pandas and NumPy, and compiled against plain, bit for bit."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stoptrail.rules import metrics as m
from stoptrail.rules import tally as tallies
from stoptrail.rules.candles import Floats
from stoptrail.rules.costs import DAY
from stoptrail.rules.jit import compiled
from stoptrail.rules.metrics import (
    return_sums,
    scaled,
    share_of_cash,
    sharpe,
)

marks = st.lists(st.floats(0.5, 2.0), min_size=1, max_size=60).map(
    lambda steps: np.concatenate([[10_000.0], 10_000.0 * np.cumprod(np.array(steps))])
)
money = st.floats(-1e6, 1e6).map(lambda amount: round(amount, 8))
trades = st.lists(st.tuples(money, st.floats(0, 100), st.floats(0, 500), money), max_size=30)


def bits(values: Any) -> bytes:
    return b"".join(struct.pack("<d", float(value)) for value in np.ravel(np.asarray(values)))


def run(equity: Floats, rows: list[tuple[float, float, float, float]]) -> m.Metrics:
    """The whole chain as an engine calls it."""
    sums = m.return_sums(equity)
    state = m.drawdown_start(equity[0])
    for i in range(1, len(equity)):
        state = m.drawdown_step(state, equity[i])
    tally = tallies.NO_TRADES
    for row in rows:
        tally = tallies.tally_trade(tally, row[0], row[1], row[2], row[3])
    tally = tallies.tally_open(tally, 1.5)
    span = float(sums.days * DAY)
    return m.summarise(equity[0], equity[-1], sums, state.worst, tally, span / 2, span)


def chain(equity: Floats, rows: Floats) -> tuple[m.Metrics, Floats]:
    """As `run`, on arrays only, so that it compiles."""
    state = m.drawdown_start(equity[0])
    for i in range(1, len(equity)):
        state = m.drawdown_step(state, equity[i])
    tally = tallies.NO_TRADES
    for k in range(len(rows)):
        tally = tallies.tally_trade(
            tally, rows[k, 0], rows[k, 1], rows[k, 2], tallies.r_multiple(rows[k, 3], 2.0, 3.0)
        )
    tally = tallies.tally_open(tally, 1.5)
    sums = m.return_sums(equity)
    span = float(sums.days * DAY)
    figures = m.summarise(equity[0], equity[-1], sums, state.worst, tally, span / 2, span)
    return figures, m.block_sums(equity, 4)


@given(marks, trades)
@settings(deadline=None)
def test_compiled_and_plain_give_the_same_bits(
    equity: Floats, rows: list[tuple[float, float, float, float]]
) -> None:
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    plain, plain_blocks = chain(equity, table)
    machine, machine_blocks = compiled(chain)(equity, table)
    assert bits(plain) == bits(machine)
    assert bits(plain_blocks) == bits(machine_blocks)


@given(marks)
def test_sharpe_and_sortino_match_pandas(equity: Floats) -> None:
    sums = m.return_sums(equity)
    r = pd.Series(equity).pct_change().dropna()
    if len(r) >= 2 and r.std() > 1e-5:
        assert m.sharpe(sums) == pytest.approx(r.mean() / r.std() * math.sqrt(365), rel=1e-6)
    downside = math.sqrt((np.minimum(r, 0) ** 2).mean())
    if downside > 1e-5:  # smaller ones are the last bits of a return
        wanted = r.mean() / downside * math.sqrt(365)
        assert m.sortino(sums) == pytest.approx(wanted, rel=1e-9, abs=1e-9)
    elif downside == 0:
        assert math.isnan(m.sortino(sums))


@given(marks)
def test_max_drawdown_matches_the_running_maximum(equity: Floats) -> None:
    falls = 1 - equity / np.maximum.accumulate(equity)
    assert run(equity, []).max_drawdown == falls.max()


@given(marks)
def test_growth_matches_the_power_formula(equity: Floats) -> None:
    days = len(equity) - 1
    growth = equity[-1] / equity[0]
    figures = run(equity, [])
    assert figures.net_return == growth - 1
    if growth > 0.9 and growth ** (365 / days) < 1e300:
        assert figures.cagr == pytest.approx(growth ** (365 / days) - 1, rel=1e-9, abs=1e-9)


@given(marks, trades)
def test_trade_figures_match_pandas(
    equity: Floats, rows: list[tuple[float, float, float, float]]
) -> None:
    figures = run(equity, rows)
    frame = pd.DataFrame(rows, columns=["pnl", "fees", "hours", "r"], dtype=float)
    wins, losses = frame.pnl[frame.pnl > 0], -frame.pnl[frame.pnl < 0]
    assert figures.trades == len(frame)
    assert figures.fees_paid == pytest.approx(frame.fees.sum() + 1.5)
    assert figures.exposure == 0.5
    if len(frame):
        assert figures.win_rate == len(wins) / len(frame)
        assert figures.avg_hours == pytest.approx(frame.hours.mean())
        assert figures.avg_r == pytest.approx(frame.r.mean(), rel=1e-9, abs=1e-6)
    else:
        assert math.isnan(figures.win_rate)
        assert math.isnan(figures.avg_hours)
    if len(losses):
        assert figures.profit_factor == pytest.approx(wins.sum() / losses.sum())
    else:
        assert math.isnan(figures.profit_factor)
    if len(losses) and len(wins):
        assert figures.payoff_ratio == pytest.approx(wins.mean() / losses.mean())


@pytest.mark.parametrize("growth", [1.0, 1.001, 0.97])
def test_returns_that_do_not_differ_have_no_sharpe(growth: float) -> None:
    equity = np.array([1000.0 * growth**day for day in range(400)])
    assert math.isnan(m.sharpe(m.return_sums(equity)))


def test_one_day_has_no_sharpe() -> None:
    assert math.isnan(m.sharpe(m.return_sums(np.array([100.0, 101.0]))))


def test_an_empty_account_stays_empty_without_an_error() -> None:
    figures = run(np.array([100.0, 50.0, 0.0, 0.0]), [])
    assert figures.net_return == -1.0
    assert figures.cagr == -1.0
    assert figures.max_drawdown == 1.0


def test_growth_beyond_float64_is_nan_and_raises_nothing() -> None:
    assert math.isnan(m.cagr(1.0, 1000.0, float(DAY)))
    assert math.isnan(compiled(m.cagr)(1.0, 1000.0, float(DAY)))


def test_a_year_has_365_days_and_growth_knows_parts_of_a_day() -> None:
    assert m.cagr(100.0, 120.0, 365.0 * DAY) == pytest.approx(0.2)
    assert m.cagr(100.0, 120.0, 182.5 * DAY) == pytest.approx(0.44)
    assert m.cagr(100.0, 120.0, 0.5 * DAY) == pytest.approx(1.2**730 - 1.0)


@given(marks)
def test_falls_are_told_from_the_running_maximum(equity: Floats) -> None:
    expected = 1 - equity / np.maximum.accumulate(equity)
    assert m.drawdowns(equity).tolist() == expected.tolist()


@given(marks)
def test_daily_returns_are_what_the_sums_add_up(equity: Floats) -> None:
    returns = m.daily_returns(equity)
    assert returns.tolist() == [b / a - 1.0 for a, b in pairwise(equity.tolist())]
    sums = m.return_sums(equity)
    assert sums.total == pytest.approx(returns.sum(), abs=1e-9)
    assert sums.squares == pytest.approx((returns**2).sum())


def test_an_emptied_account_has_returns_of_zero() -> None:
    assert m.daily_returns(np.array([100.0, 0.0, 0.0])).tolist() == [-1.0, 0.0]


@given(trades)
def test_profits_alone_give_the_profit_factor_of_the_whole_tally(
    rows: list[tuple[float, float, float, float]],
) -> None:
    pnl = np.array([row[0] for row in rows])
    of_all = tallies.trade_figures(tallies.tally_profits(pnl))
    won, lost = pnl[pnl > 0].sum(), -pnl[pnl < 0].sum()
    assert of_all.trades == len(rows)
    assert of_all.pnl == pytest.approx(won - lost, abs=1e-6)
    if lost > 0:
        assert of_all.profit_factor == pytest.approx(won / lost)
    else:
        assert math.isnan(of_all.profit_factor)


@pytest.mark.parametrize("function", [m.cagr, m.net_return])
def test_no_starting_cash_gives_nan(function: Callable[..., float]) -> None:
    arguments = (0.0, 10.0, 5.0 * DAY) if function is m.cagr else (0.0, 10.0)
    assert math.isnan(function(*arguments))


def test_r_multiple_is_profit_over_initial_risk() -> None:
    assert tallies.r_multiple(30.0, 2.0, 5.0) == 3.0
    assert math.isnan(tallies.r_multiple(30.0, 2.0, 0.0))


@given(st.lists(st.one_of(st.just(0.0), st.floats(-0.3, 0.3)), max_size=60))
def test_flat_days_may_be_skipped_if_they_are_counted(returns: list[float]) -> None:
    every = held = m.NO_RETURNS
    for r in returns:
        every = m.add_return(every, r)
        held = m.add_return(held, r) if r != 0.0 else held
    assert every == held._replace(days=len(returns))


@given(st.integers(1, 3000), st.integers(1, 20))
def test_blocks_differ_by_at_most_one_day_and_cover_all(days: int, blocks: int) -> None:
    found = [m.block_of(day, days, blocks) for day in range(days)]
    sizes = np.bincount(found, minlength=blocks)
    assert found == sorted(found)
    assert len(sizes) == blocks
    assert sizes.max() - sizes.min() <= 1


@given(marks, st.integers(1, 8))
def test_block_sums_add_up_to_the_sums_of_all_days(equity: Floats, blocks: int) -> None:
    table, sums = m.block_sums(equity, blocks), m.return_sums(equity)
    assert table.shape == (blocks, 2)
    assert table[:, 0].sum() == pytest.approx(sums.total, abs=1e-9)
    assert table[:, 1].sum() == pytest.approx(sums.squares, abs=1e-9)


def test_a_scratch_is_a_closed_trade_below_a_twentieth_of_r() -> None:
    tally = tallies.NO_TRADES
    for pnl, r in ((5.0, 0.0499), (-5.0, -0.0499), (6.0, 0.05), (-6.0, -0.05), (0.0, 0.0)):
        tally = tallies.tally_trade(tally, pnl, 0.0, 1.0, r)
    assert (tally.trades, tally.scratches) == (5, 3)
    assert tallies.trade_figures(tally).win_rate == pytest.approx(2 / 5)
    assert tallies.trade_figures(tally).win_rate_without_scratches == pytest.approx(1 / 2)


def test_a_trade_without_an_r_multiple_is_no_scratch() -> None:
    tally = tallies.tally_trade(tallies.NO_TRADES, 1.0, 0.0, 1.0, math.nan)
    assert tally.scratches == 0


def test_scratches_alone_leave_no_win_rate() -> None:
    tally = tallies.tally_trade(tallies.NO_TRADES, 1.0, 0.0, 1.0, 0.01)
    assert math.isnan(tallies.trade_figures(tally).win_rate_without_scratches)


GENERATOR = np.random.default_rng(11)


def marks_that_deviate(deviation: float, days: int = 400) -> np.ndarray:
    returns = GENERATOR.normal(0.001, deviation, days)
    return 1000.0 * np.cumprod(np.concatenate(([1.0], 1.0 + returns)))


@pytest.mark.parametrize("deviation", [0.002, 0.06])
def test_the_scaled_account_moves_as_much_as_the_other(deviation: float) -> None:
    hold, strategy = marks_that_deviate(0.03), marks_that_deviate(deviation)
    account = scaled(hold, share_of_cash(hold, strategy))
    found, wanted = (pd.Series(series).pct_change().std() for series in (account, strategy))
    assert found == pytest.approx(wanted)


def test_the_share_changes_the_risk_and_not_the_sharpe_ratio() -> None:
    hold = marks_that_deviate(0.03)
    account = scaled(hold, 0.2)
    assert sharpe(return_sums(account)) == pytest.approx(sharpe(return_sums(hold)))
    assert account[0] == hold[0]


def test_half_of_the_account_follows_half_of_each_day() -> None:
    assert scaled(np.array([100.0, 120.0, 60.0]), 0.5) == pytest.approx([100.0, 110.0, 82.5])


def test_an_account_that_is_empty_stays_empty() -> None:
    assert scaled(np.array([100.0, 40.0, 80.0]), 2.0).tolist() == [100.0, 0.0, 0.0]


def test_without_a_movement_nothing_is_held() -> None:
    still = np.full(10, 5.0)
    assert share_of_cash(still, marks_that_deviate(0.01, 9)) == 0.0
    assert share_of_cash(marks_that_deviate(0.01, 9), still) == 0.0
    assert share_of_cash(np.array([1.0, 2.0]), np.array([1.0, 2.0])) == 0.0


def test_two_daily_returns_are_enough_to_deviate() -> None:
    hold = np.array([100.0, 110.0, 99.0])
    like = np.array([100.0, 105.0, 99.75])
    assert share_of_cash(hold, like) == pytest.approx(0.5)


def test_an_account_compounds_its_returns_row_by_row() -> None:
    rows = np.array([[0.5, -0.5, 0.1], [-1.0, 0.3, 0.0]])
    assert m.compounded(rows) == pytest.approx(
        np.array([[1.0, 1.5, 0.75, 0.825], [1.0, 0.0, 0.0, 0.0]])
    )
    assert m.compounded(rows[0]).tolist() == m.compounded(rows)[0].tolist()
    assert m.daily_returns(m.compounded(rows))[0] == pytest.approx(rows[0])


def test_sharpe_ratios_of_rows_are_those_of_their_accounts() -> None:
    rows = GENERATOR.normal(0.001, 0.02, (3, 60))
    alone = [sharpe(return_sums(marks)) for marks in m.compounded(rows)]
    assert m.sharpes(rows) == pytest.approx(alone)
    assert m.sharpes(np.full((1, 5), 0.01)).tolist() == [0.0]
