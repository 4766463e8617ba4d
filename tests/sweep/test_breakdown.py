"""A result by circumstances, reckoned again by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import linregress, ttest_ind

from stoptrail.backtest.inputs import Inputs
from stoptrail.backtest.outcome import Outcome
from stoptrail.backtest.plan import Record
from stoptrail.core.time import iso
from stoptrail.rules.candles import Candles
from stoptrail.rules.costs import DAY
from stoptrail.rules.trade import IGNORED
from stoptrail.rules.types import day_marks, fill_log, stop_log
from stoptrail.sweep.breakdown import (
    LAST_DAYS,
    best_year,
    beyond_market,
    market_returns,
    recent,
    regime_tables,
)
from stoptrail.sweep.statistics.regimes import WINDOW
from tests.rules.runs import FREE, trades

HALF = DAY // 2
START = 2 * (WINDOW + 1)
DAYS = 6


def world() -> tuple[Inputs, Any]:
    """Two candles a day, WINDOW + 1 days before the traded ones; the trend rises every day.

    Three trades: on the evening of day 1, at the midnight that begins day 2, and on day 5.
    """
    count = START + 2 * DAYS
    step = np.repeat(np.linspace(-0.01, 0.02, count // 2), 2)
    close = 100.0 * np.exp(np.cumsum(step))
    first = np.concatenate(([100.0], close[:-1]))
    time = 20_000 * DAY + HALF * np.arange(count, dtype=np.int64)
    candles = Candles(time, first, first + 9.0, first - 9.0, close, np.ones(count), HALF)
    entry = START + np.array([3, 4, 10], np.int64)
    rows = [(1, 2, 1, 1.0, 10.0, 11.0 + day) for day in (1, 2, 5)]
    log = trades(*rows)._replace(signal=entry - 1, entry=entry, exit=entry + 1)
    return Inputs(candles, START, day_marks(candles, START), FREE.trade_rules.market), log


def test_trades_belong_to_the_day_they_were_entered_on_and_days_to_their_third() -> None:
    inputs, log = world()
    equity = 1000.0 * np.cumprod([1.0, 1.01, 1.02, 1.03, 1.04, 1.05, 1.06])
    record = Record(log, stop_log(0), np.zeros(len(IGNORED), np.int64), fill_log(0))
    outcome: Any = Outcome(None, record, equity, None, None)  # type: ignore[arg-type]
    found = regime_tables(outcome, inputs)["trend"]
    assert [row["days"] for row in found.values()] == [2, 2, 2]
    assert [row["trades"] for row in found.values()] == [1, 1, 1]
    assert [row["avg_r"] for row in found.values()] == pytest.approx([0.4, 0.6, 1.2])
    own = [1.01 * 1.02 - 1, 1.03 * 1.04 - 1, 1.05 * 1.06 - 1]
    assert [row["net_return"] for row in found.values()] == pytest.approx(own)
    close = inputs.candles.close[START + 1 :: 2]
    market = [close[1] / inputs.candles.open[START], close[3] / close[1], close[5] / close[3]]
    assert [row["market_return"] for row in found.values()] == pytest.approx(
        [growth - 1 for growth in market]
    )


def test_the_last_year_stands_beside_all_days_before() -> None:
    random = np.random.default_rng(4)
    before, last = random.normal(0.002, 0.01, 800), random.normal(-0.001, 0.02, LAST_DAYS)
    found = recent(np.concatenate((before, last)))
    assert found["days"] == LAST_DAYS
    for name, part in (("before", before), ("sharpe", last)):
        expected = np.mean(part) / np.std(part, ddof=1) * np.sqrt(365)
        assert found[name] == pytest.approx(expected)
    test = ttest_ind(before, last, equal_var=False)
    assert found["fall"] == pytest.approx(test.statistic)


@pytest.mark.parametrize(("days", "last"), [(90, 30), (5, 1), (0, 0)])
def test_of_a_short_span_the_last_third_counts(days: int, last: int) -> None:
    found = recent(np.linspace(-0.01, 0.02, days))
    assert found["days"] == last
    assert (found["sharpe"] is None) == (last < 2)


def test_days_without_a_trade_have_not_fallen() -> None:
    assert recent(np.zeros(900))["fall"] is None


def test_the_best_year_stands_beside_all_other_days() -> None:
    random = np.random.default_rng(5)
    returns = random.normal(0.0, 0.01, 1600)
    returns[700 : 700 + LAST_DAYS] += 0.004
    marks = DAY * np.arange(20_000, 21_601, dtype=np.int64)
    found = best_year(returns, marks)
    windows = np.lib.stride_tricks.sliding_window_view(1.0 + returns, LAST_DAYS).prod(axis=1)
    first = int(windows.argmax())
    assert found["start"] == iso(int(marks[first]))
    others = np.delete(returns, np.arange(first, first + LAST_DAYS))
    expected = others.mean() / others.std(ddof=1) * np.sqrt(365)
    assert found["others"] == pytest.approx(expected)
    assert found["sharpe"] > 4.0 > found["others"]


@pytest.mark.parametrize(("days", "best"), [(400, 100), (7, 1), (0, 0)])
def test_of_a_short_span_the_best_quarter_is_looked_for(days: int, best: int) -> None:
    marks = DAY * np.arange(days + 1, dtype=np.int64)
    found = best_year(np.linspace(-0.01, 0.02, days), marks)
    assert found["days"] == best
    assert (found["start"] == iso(int(marks[-1 - best]))) == (best > 1)


def test_what_is_left_without_the_market_is_told_year_by_year() -> None:
    """Long in the first year, short in the second, and a little of its own in both."""
    random = np.random.default_rng(6)
    market = random.normal(0.0, 0.03, 2 * LAST_DAYS)
    own = random.normal(0.0005, 0.004, 2 * LAST_DAYS)
    sides = np.repeat([0.5, -0.25], LAST_DAYS)
    found = beyond_market(sides * market + own, market)
    expected, slopes = [], []
    for year in np.split(np.arange(2 * LAST_DAYS), 2):
        line = linregress(market[year], (sides * market + own)[year])
        slopes.append(line.slope)
        expected.append((sides * market + own)[year] - line.slope * market[year])
    left = np.concatenate(expected)
    assert found["shares"] == pytest.approx(slopes)
    assert found["left"] == pytest.approx(left.mean() / left.std(ddof=1) * np.sqrt(365))
    whole = sides * market + own
    assert found["sharpe"] == pytest.approx(whole.mean() / whole.std(ddof=1) * np.sqrt(365))


def test_holding_a_part_of_the_market_leaves_nothing() -> None:
    market = np.random.default_rng(7).normal(0.004, 0.03, 3 * LAST_DAYS)
    days = np.arange(len(market)) < LAST_DAYS
    found = beyond_market(np.where(days, 0.3, 0.1) * market, market)
    assert found["shares"] == pytest.approx([0.3, 0.1, 0.1])
    assert found["sharpe"] > 0.3
    assert found["left"] == 0.0


@pytest.mark.parametrize(("days", "years"), [(0, 0), (1, 0), (2, 1), (540, 1), (550, 2), (1826, 5)])
def test_years_are_equal_parts_of_the_span(days: int, years: int) -> None:
    assert len(beyond_market(np.zeros(days), np.zeros(days))["shares"]) == years


def test_the_market_moves_from_its_first_open_on() -> None:
    inputs, _ = world()
    opens = inputs.candles.open * 1.01  # no open is the close before it
    inputs = inputs._replace(candles=inputs.candles._replace(open=opens))
    close = inputs.candles.close[START + 1 :: 2]
    path = np.concatenate(([inputs.candles.open[START]], close))
    assert market_returns(inputs) == pytest.approx(path[1:] / path[:-1] - 1.0)
