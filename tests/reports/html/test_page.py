from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from stoptrail.core.errors import DataError, OutputError
from stoptrail.reports.html import write_report
from stoptrail.reports.html.page import page_data
from stoptrail.reports.run_files import read_run
from tests.reports.example_run import write_example_run

HOSTILE = '</script><script>alert("x")</script><img src=x onerror=alert(1)>'


def data_of(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="run-data">(.*?)</script>', page, re.S)
    assert found
    data: dict[str, object] = json.loads(found.group(1))
    return data


def own_part(page: str) -> str:
    """The page without Plotly and lightweight-charts."""
    page = re.sub(r"<script>/\*\*\n\* plotly\.js.*?</script>", "", page, flags=re.S)
    return re.sub(r"<script>/\*!\n \* @license\n \* TradingView.*?</script>", "", page, flags=re.S)


def test_the_page_stands_alone(tmp_path: Path) -> None:
    folder, candles = write_example_run(tmp_path, days=60)
    page = write_report(folder, candles).read_text()
    assert page.count("plotly.js v") == 1
    assert page.count("TradingView Lightweight Charts™ v") == 1
    assert "default-src 'none'" in page
    assert not re.search(r"https?://", own_part(page))
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=[\"'](?!data:)", own_part(page))
    assert "$" + "data" not in own_part(page)


def test_the_verdict_comes_first(tmp_path: Path) -> None:
    folder, candles = write_example_run(tmp_path, days=60)
    page = write_report(folder, candles).read_text()
    body = page[page.index("<main>") :]
    sentence = read_run(folder).summary["evidence"]["verdict"]["sentences"][0]
    assert body.index(sentence) < body.index('data-figure="')


def test_all_evidence_is_on_the_page(tmp_path: Path) -> None:
    folder, candles = write_example_run(tmp_path, days=60)
    page = write_report(folder, candles).read_text()
    evidence = read_run(folder).summary["evidence"]
    wanted = [*evidence["verdict"]["sentences"], *evidence["on_edge"], *evidence["years"]]
    wanted += [row["name"] for row in evidence["management"]["rows"]]
    wanted += [row["name"] for row in evidence["management"]["paired"]]
    wanted += [f"{evidence['deflated_sharpe']['all']['probability']:.0%}"]
    wanted += [
        "0.71, 0.51, 0.31, 0.11, -0.09, -0.29",
        "-0.40 to 1.60 (90%)",
        "0.10 (1 of 19 markets)",
    ]
    wanted += ["0.50 to 1.20, median 0.83", "average of the best 25", "out-of-sample span", "0.91"]
    wanted += ["(partial)", "1.36", "(48 sets, 5 of them with too few trades)", "sideways"]
    wanted += [f"{evidence['overfitting']['pbo']:.0%}", "trend_period 20"]
    wanted += [name.replace("_", " ") for name in evidence["envelope"]]
    body = page[page.index("<main>") : page.index("</main>")]
    assert [word for word in wanted if word not in body] == []
    fees = page_data(read_run(folder), candles)["fee_curve"]
    assert fees["fee"] == sorted(row["fee"] for row in evidence["fees"]["rows"])


def test_no_name_in_the_data_can_run_as_a_script(tmp_path: Path) -> None:
    folder, candles = write_example_run(tmp_path, days=60, symbol=HOSTILE)
    page = write_report(folder, candles).read_text()
    assert "<img" not in own_part(page)
    assert "<script>alert" not in page
    assert data_of(page)["symbol"] == HOSTILE


def test_parts_that_a_run_lacks_are_left_out(tmp_path: Path) -> None:
    folder, candles = write_example_run(tmp_path, days=60, evidence=False, sweep=False)
    page = write_report(folder, candles).read_text()
    body = page[page.index("<main>") : page.index("</main>")]
    assert 'id="heat-plot"' not in body
    assert 'id="windows-plot"' not in body
    assert "luck" not in body
    assert 'id="trade-list"' in body


def test_a_run_without_a_trade_still_has_a_report(tmp_path: Path) -> None:
    folder, candles = write_example_run(tmp_path, days=20)
    for name in ("trades.csv", "stops.csv", "baseline_trades.csv", "baseline_equity.csv"):
        (folder / name).unlink()
    page = write_report(folder, candles).read_text()
    body = page[page.index("<main>") : page.index("</main>")]
    assert 'id="trade-list"' not in body
    assert 'id="equity-plot"' in body


def test_why_there_was_no_trade_is_on_the_page(tmp_path: Path) -> None:
    folder, candles = write_example_run(tmp_path, days=60)
    file = folder / "summary.json"
    summary = json.loads(file.read_text())
    file.write_text(json.dumps({**summary, "no_trade": "no trade: no signal in the span"}))
    page = write_report(folder, candles).read_text()
    assert "no trade: no signal in the span" in page[: page.index("<main>")]


def test_only_a_sweep_takes_the_exits_apart(tmp_path: Path) -> None:
    folder, candles = write_example_run(tmp_path, days=60)
    assert ">What the exits contribute<" in write_report(folder, candles).read_text()
    file = folder / "summary.json"
    summary = json.loads(file.read_text())
    del summary["evidence"]["management"]
    file.write_text(json.dumps(summary))
    page = write_report(folder, candles).read_text()
    assert "What the exits contribute" not in page
    assert ">By year and side<" in page


def test_made_up_data_gets_no_verdict_on_skill(tmp_path: Path) -> None:
    folder, candles = write_example_run(tmp_path, days=20, synthetic=True)
    page = write_report(folder, candles).read_text()
    body = page[page.index("<main>") : page.index("</main>")]
    assert "no verdict on skill" in body
    for sentence in read_run(folder).summary["evidence"]["verdict"]["sentences"]:
        assert sentence not in body


def test_only_made_up_data_carries_the_banner(tmp_path: Path) -> None:
    for name, synthetic in (("real", False), ("made-up", True)):
        folder, candles = write_example_run(tmp_path / name, days=20, synthetic=synthetic)
        page = write_report(folder, candles).read_text()
        assert ('<div class="banner"' in page) == synthetic
        assert data_of(page)["synthetic"] == synthetic


def test_five_years_stay_far_below_the_limit_beside_the_library(tmp_path: Path) -> None:
    folder, candles = write_example_run(tmp_path, days=1826, every=350)
    assert len(read_run(folder).trades) > 400
    page = write_report(folder, candles)
    assert page.stat().st_size < 8_000_000
    assert len(own_part(page.read_text())) < 3_200_000


def test_the_page_s_trades_are_those_of_the_run(tmp_path: Path) -> None:
    folder, candles = write_example_run(tmp_path, days=60)
    run = read_run(folder)
    trades = page_data(run, candles)["trades"]
    assert len(trades["windows"]) == len(trades["stops"]) == len(run.trades)
    assert trades["columns"]["exit_reason"] == [trade.exit_reason for trade in run.trades]


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    _, candles = write_example_run(tmp_path / "other", days=2)
    with pytest.raises(DataError, match=r"summary\.json"):
        write_report(tmp_path, candles)


def test_a_page_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    folder, candles = write_example_run(tmp_path, days=5)
    (folder / "report.html").mkdir()
    with pytest.raises(OutputError, match=r"report\.html"):
        write_report(folder, candles)
    assert list(folder.glob(".report*")) == []
