"""Tables of the evidence: what is said of a part, and what is left out."""

from __future__ import annotations

from typing import Any

from stoptrail.reports.html.evidence import regime_tables, walk_forward_data, window_table

WINDOWS: list[dict[str, Any]] = [
    {
        "test_start": f"2024-0{month}-01",
        "test_end": f"2024-0{month + 1}-01",
        "partial": partial,
        "train": {"sharpe": 1.5},
        "test": {"sharpe": sharpe, "profit_factor": 1.25},
        "params": {"stop.atr_period": 7},
    }
    for month, partial, sharpe in ((1, False, 0.5), (2, True, None))
]


def test_only_a_window_that_ends_early_is_called_partial() -> None:
    said = window_table({"walk_forward": {"windows": WINDOWS}})
    assert "2024-01-01 to 2024-02-01<" in said
    assert "2024-02-01 to 2024-03-01 (partial)<" in said
    assert "A partial window ends" in said
    assert "partial" not in window_table({"walk_forward": {"windows": WINDOWS[:1]}})


def test_windows_are_drawn_by_their_profit_factor_where_no_test_has_a_sharpe_ratio() -> None:
    drawn = walk_forward_data({"walk_forward": {"windows": WINDOWS}})
    assert drawn is not None
    assert (drawn["metric"], drawn["test"]) == ("Sharpe", [0.5, None])
    assert drawn["partial"] == [False, True]
    drawn = walk_forward_data({"walk_forward": {"windows": WINDOWS[1:]}})
    assert drawn is not None
    assert (drawn["metric"], drawn["test"]) == ("Profit factor", [1.25])


def test_each_kind_of_regime_says_what_it_is_measured_by() -> None:
    row = {"days": 10, "low": 0.1, "high": 0.2, "net_return": 0.01}
    found = {"window_days": 30, "trend": {"rising": row}}
    assert "by the logarithmic return of the 30 days" in regime_tables({"regimes": found})
    found = {"window_days": 30, "volatility": {"calm": row}}
    assert "by the deviation of daily returns of the 30" in regime_tables({"regimes": found})
