from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stoptrail.core.time import time_ms
from stoptrail.reports.html.curves import (
    curve_of,
    curves,
    monthly_returns,
    packed_curve,
)
from stoptrail.reports.html.markup import minutes, packed
from stoptrail.reports.run_files import EquityCurve, read_run
from tests.reports.example_run import write_example_run
from tests.reports.html.test_markup import unpacked

HOUR = 3_600_000


def test_buy_and_hold_is_what_the_run_reckoned_or_is_not_drawn(tmp_path: Path) -> None:
    run, _ = write_example_run(tmp_path, days=5)
    files = read_run(run)
    stored = [7.0] * len(files.equity.time)
    files.summary["buy_and_hold"]["equity"] = stored
    assert curves(files)["hold"] == {
        "time": minutes(files.equity.time),
        "equity": packed(stored, "float64"),
    }
    for unusable in (stored[:-1], None):
        files.summary["buy_and_hold"]["equity"] = unusable
        assert "hold" not in curves(files)


def test_the_scaled_account_is_drawn_as_the_run_reckoned_it(tmp_path: Path) -> None:
    files = read_run(write_example_run(tmp_path, days=40)[0])
    held = np.linspace(1.0, 9.0, len(files.equity.time)) ** 2
    same = {"share": 0.5, "equity": held.tolist(), "falls": (held / 100.0).tolist()}
    files.summary["buy_and_hold"]["scaled"] = same
    drawn = curves(files)["scaled"]
    assert unpacked(drawn["equity"]) == pytest.approx(held.tolist())
    assert unpacked(drawn["falls"]) == pytest.approx((held / 100.0).tolist())
    same["share"] = 0.0  # liquidated, or without a trade
    assert "scaled" not in curves(files)


def test_the_falls_of_test_windows_are_drawn_where_they_are_known() -> None:
    days = ["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"]
    known = curve_of([[days[0], 100.0, 0.0], [days[1], 99.0, 0.02]])
    assert known.falls is not None
    assert known.falls.tolist() == [0.0, 0.02]
    assert curve_of([[days[0], 100.0], [days[1], 99.0]]).falls is None


def test_the_falls_are_those_that_the_run_wrote(tmp_path: Path) -> None:
    files = read_run(write_example_run(tmp_path, days=40)[0])
    assert files.equity.falls is not None
    drawn = unpacked(curves(files)["strategy"]["falls"])
    assert drawn == pytest.approx(files.equity.falls.tolist(), rel=1e-6)
    assert max(drawn) > 0.0


def test_months_compound_to_the_whole() -> None:
    days = np.arange(time_ms("2024-01-15"), time_ms("2024-04-03"), 24 * HOUR)
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
    days = np.array([time_ms(day) for day in ("2024-01-31", "2024-02-01", "2024-02-02")])
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
    assert curve.time.tolist() == [time_ms("2024-01-01"), time_ms("2024-01-02")]
    assert curve.equity.tolist() == [1.0, 2.0]


def test_how_far_buy_and_hold_fell_is_drawn_where_the_run_wrote_it_for_every_day(
    tmp_path: Path,
) -> None:
    folder, _ = write_example_run(tmp_path, days=5)
    run = read_run(folder)
    count = len(run.equity.time)
    run.summary["buy_and_hold"].update(equity=[7.0] * count, falls=[0.25] * count)
    drawn = curves(run)["hold"]
    assert drawn == packed_curve(
        EquityCurve(run.equity.time, np.full(count, 7.0), np.full(count, 0.25))
    )
    assert drawn != packed_curve(EquityCurve(run.equity.time, np.full(count, 7.0)))
    run.summary["buy_and_hold"].update(falls=[0.25] * (count - 1))
    assert curves(run)["hold"] == packed_curve(EquityCurve(run.equity.time, np.full(count, 7.0)))


def test_the_months_of_an_empty_account_earn_nothing() -> None:
    days = np.array([time_ms(f"2024-0{month}-01") for month in (1, 2, 3, 4)], np.int64)
    months = monthly_returns(EquityCurve(days, np.array([100.0, 0.0, 0.0, 0.0])))
    assert [value for _, _, value in months] == [-1.0, 0.0, 0.0]
