"""Runs beside each other as text."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from stoptrail.reports.compare import different, list_row, short, show_rows


@pytest.mark.parametrize(("length", "kept"), [(39, 39), (40, 40), (41, 37), (400, 37)])
def test_a_long_value_is_cut_to_forty_letters(length: int, kept: int) -> None:
    said = short("x" * length)
    assert said == "x" * kept + ("..." if kept < length else "")


@pytest.mark.parametrize(
    "section", ["database", "notify", "live", "exchange", "dashboard", "telegram"]
)
def test_settings_that_change_no_result_do_not_differ(section: str) -> None:
    one, other = ({"params": {section: {"key": k}, "stop": {"atr_period": k}}} for k in (1, 2))
    assert different(one, other) == {"stop.atr_period": [1, 2]}
    assert different(one, one) == {}


def test_the_list_tells_the_sharpe_ratio_out_of_sample_beside_that_of_the_run() -> None:
    outside = {"walk_forward": {"out_of_sample": {"sharpe": 0.4}}}
    row = list_row({"metrics": {"sharpe": 1.5}, "evidence": outside})
    assert (row["sharpe"], row["out_of_sample_sharpe"]) == (1.5, 0.4)
    assert list_row({"metrics": {"sharpe": 1.5}})["out_of_sample_sharpe"] is None


def test_words_are_aligned_to_the_left_and_figures_to_the_right() -> None:
    def row(run: str, net_return: float, symbol: str) -> dict[str, Any]:
        data = {"symbol": symbol, "timeframe": "15m", "start": "2021-06-22", "end": "2026-06-22"}
        return {"run": run, **list_row({"data": data, "metrics": {"net_return": net_return}})}

    out = io.StringIO()
    rows = [row("a", 0.01, "BTC/USDT"), row("longer", -0.4567, "X/Y")]
    show_rows(rows, Console(file=out, width=500, highlight=False))
    head, first, second = out.getvalue().splitlines()
    label = "Net return"
    assert head.endswith("  Sharpe out of sample  Verdict")
    assert {line.index("2021") for line in (first, second)} == {head.index("Span")}
    assert {line.index(name) for line, name in ((first, "BTC"), (second, "X/Y"))} == {
        head.index("Market")
    }
    ends = [line.index("%") + 1 for line in (first, second)]
    assert ends == [head.index(label) + len(label)] * 2
