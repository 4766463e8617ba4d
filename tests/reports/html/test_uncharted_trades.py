"""The page of a run that has more trades than charts, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoptrail.reports.html import candles as charts
from stoptrail.reports.html import trades as listed
from stoptrail.reports.html import write_report
from stoptrail.reports.run_files import read_run
from tests.reports.example_run import write_example_run
from tests.reports.html.browser import chromium, errors, found, wait_until

NOTE = "return document.getElementById('note-trade-plot').textContent"
INTO_VIEW = "document.querySelector('#trade-plot').scrollIntoView({block: 'center'})"
FIRST_ROW = "document.querySelector('#trade-list tbody tr').click()"
AXES = "return document.querySelectorAll('#trade-plot .xtick, #trade-plot .ytick').length"


def test_the_first_chart_is_of_the_best_trade_that_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found()
    folder, candles = write_example_run(tmp_path / "run", days=400, every=200, synthetic=True)
    trades = read_run(folder).trades
    best = max(range(len(trades)), key=lambda row: trades[row].r_multiple)
    assert best > 0
    for module in (charts, listed):
        monkeypatch.setattr(module, "MOST_CHARTS", best)
    wanted = max(trades[:best], key=lambda trade: trade.r_multiple)
    report = write_report(folder, candles)
    with chromium(tmp_path / "profile", 1280, 900) as page:
        page.get(report.as_uri())
        wait_until(page, "return document.documentElement.dataset.ready")
        page.execute_script(INTO_VIEW)
        wait_until(page, NOTE)
        assert page.execute_script(NOTE).startswith(f"Trade {wanted.number}, ")
        assert page.execute_script(AXES) > 0
        page.execute_script("document.querySelector('button[data-sort=number]').click()")
        page.execute_script(FIRST_ROW)
        wait_until(page, f"{NOTE}.includes('has no chart: only the first {best} do.')")
        assert page.execute_script(AXES) == 0
        assert errors(page) == []
