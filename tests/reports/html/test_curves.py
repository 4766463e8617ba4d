from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stoptrail.reports.html.curves import (
    buy_and_hold,
    curve_of,
    curves,
    monthly_returns,
    price_at,
)
from stoptrail.reports.run_files import EquityCurve, milliseconds, read_run
from stoptrail.rules.candles import Candles
from tests.reports.example_run import write_example_run

HOUR = 3_600_000


def candles_of(closes: list[float], start: int = 0) -> Candles:
    close = np.array(closes)
    opened = np.concatenate(([close[0] - 1], close[:-1]))
    time = start + np.arange(len(closes), dtype=np.int64) * HOUR
    return Candles(time, opened, close + 2, opened - 2, close, np.ones(len(closes)), HOUR)


def test_a_price_is_known_only_when_its_candle_has_closed() -> None:
    candles = candles_of([10.0, 20.0, 30.0])
    times = np.array([0, HOUR - 1, HOUR, 2 * HOUR, 99 * HOUR])
    assert price_at(candles, times).tolist() == [candles.open[0], candles.open[0], 10.0, 20.0, 30.0]


def test_buy_and_hold_moves_with_the_price() -> None:
    candles = candles_of([10.0, 20.0, 5.0])
    held = buy_and_hold(candles, candles.time + HOUR, 100.0)
    assert held.equity.tolist() == [100.0, 200.0, 50.0]


def test_the_run_s_own_buy_and_hold_goes_before_one_made_here(tmp_path: Path) -> None:
    run, candles = write_example_run(tmp_path, days=5)
    files = read_run(run)
    stored = [7.0] * len(files.equity.time)
    files.summary["buy_and_hold"]["equity"] = stored
    with_stored = curves(files, candles)["hold"]
    files.summary["buy_and_hold"]["equity"] = stored[:-1]
    assert curves(files, candles)["hold"] != with_stored


def test_months_compound_to_the_whole() -> None:
    days = np.arange(milliseconds("2024-01-15"), milliseconds("2024-04-03"), 24 * HOUR)
    equity = 100 * np.exp(np.random.default_rng(1).normal(0, 0.02, len(days)).cumsum())
    months = monthly_returns(EquityCurve(days, equity))
    assert [(year, month) for year, month, _ in months] == [
        (2024, 1),
        (2024, 2),
        (2024, 3),
        (2024, 4),
    ]
    total = np.prod([1 + value for _, _, value in months])
    assert total == pytest.approx(equity[-1] / equity[0])


def test_the_mark_at_midnight_of_the_first_closes_the_month_before() -> None:
    days = np.array([milliseconds(day) for day in ("2024-01-31", "2024-02-01", "2024-02-02")])
    months = monthly_returns(EquityCurve(days, np.array([100.0, 110.0, 121.0])))
    assert [(year, month) for year, month, _ in months] == [(2024, 1), (2024, 2)]
    assert [value for _, _, value in months] == pytest.approx([0.1, 0.1])


def test_one_mark_has_no_month() -> None:
    assert monthly_returns(EquityCurve(np.array([0]), np.array([1.0]))) == []


@pytest.mark.parametrize(
    "stored",
    [
        [["2024-01-01", 1.0], ["2024-01-02", 2.0]],
        [{"day": "2024-01-01", "equity": 1.0}, {"day": "2024-01-02", "equity": 2.0}],
        {"day": ["2024-01-01", "2024-01-02"], "equity": [1.0, 2.0]},
    ],
)
def test_an_equity_curve_is_read_in_any_of_its_shapes(stored: object) -> None:
    curve = curve_of(stored)
    assert curve.time.tolist() == [milliseconds("2024-01-01"), milliseconds("2024-01-02")]
    assert curve.equity.tolist() == [1.0, 2.0]
