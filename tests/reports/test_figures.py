"""How figures are named and written."""

from __future__ import annotations

import pytest

from stoptrail.reports.figures import METRICS, label_of, set_text, written


def test_more_is_better_less_is_better_or_neither_can_be_said() -> None:
    better = {name: metric.better for name, metric in METRICS.items()}
    less = {name for name, sign in better.items() if sign == -1}
    neither = {name for name, sign in better.items() if sign == 0}
    assert less == {"max_drawdown", "max_daily_drawdown", "fees_paid", "funding_paid"}
    shares = {"contribution", "risk_contribution"}  # a sleeve's in its book
    assert neither == {"trades", "scratches", "avg_hours", "exposure"} | shares
    assert set(better.values()) == {1, 0, -1}


def test_a_figure_without_a_name_is_spelled_out() -> None:
    assert label_of("avg_r") == "Average R"
    assert label_of("some_other_figure") == "Some other figure"


def test_a_set_of_parameters_is_one_line_without_brackets() -> None:
    parts = [{"at": 1.0, "fraction": 0.5}]
    chosen = {"exits.scale_out": parts, "stop.trail": "none", "exits.target": 2.0}
    assert set_text(chosen) == "scale_out 1/2 at 1, trail none, target 2.0"


@pytest.mark.parametrize(
    ("name", "shown"),
    [("avg_r", "0.00"), ("net_return", "0.0%"), ("funding_paid", "0"), ("avg_hours", "0.0")],
)
def test_what_rounds_to_nothing_has_no_sign(name: str, shown: str) -> None:
    assert written(name, -0.0004) == shown == written(name, 0.0)
