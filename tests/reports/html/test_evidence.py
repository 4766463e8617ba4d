"""Tables of the evidence: what is said of a part, and what is left out."""

from __future__ import annotations

from typing import Any

from stoptrail.reports.html.evidence import (
    breakdowns,
    regime_tables,
    walk_forward_data,
    window_table,
)
from stoptrail.reports.html.selection_tables import luck_table

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


def test_the_last_and_the_best_year_and_the_signals_answer_stand_in_the_table_of_luck() -> None:
    evidence = {
        "recent": {"days": 365, "sharpe": -0.5, "before": 1.25},
        "best_year": {"days": 365, "start": "2022-03-01T00:00:00Z", "sharpe": 2.5, "others": 0.1},
        "beyond_market": {"sharpe": 1.5, "left": 0.75, "shares": [0.1]},
        "look_ahead": {"tried": 60, "found": None},
    }
    said = luck_table(evidence)
    for words in ("-0.50, before 1.25", "days, from 2022-03-01", "2.50, on all others 0.10"):
        assert words in said
    assert "0.75 of 1.50" in said
    assert "no, at none of 60 events" in said
    assert "not examined" in luck_table({"look_ahead": {"tried": 0, "found": None}})
    assert "it &lt;knows&gt;" in luck_table({"look_ahead": {"tried": 1, "found": "it <knows>"}})


def test_permuted_markets_that_are_too_few_are_said_to_be() -> None:
    found = {"count": 5, "p_best": 0.17, "p_median": 0.5, "enough": False}
    assert "0.17 (0 of 5 markets, too few for the verdict)" in luck_table({"permutation": found})
    assert "too few" not in luck_table({"permutation": {**found, "count": 19, "enough": True}})


def test_when_a_stop_moves_is_no_matter_of_a_run_without_one() -> None:
    row = {"net_return": 0.5, "sharpe": 2.0}
    summary = {"evidence": {"envelope": {"candle": row, "high_first": row}}}
    assert "The stop ratchets at candle closes" in breakdowns(summary)
    assert "high first" in breakdowns(summary)
    assert "high_first" not in breakdowns(summary)
    assert "ratchets" not in breakdowns({**summary, "metrics": {"exposure": 0.0}})
    assert "ratchets" not in breakdowns({**summary, "params": {"strategy": {"exits": "cycle"}}})
