"""`runs`: what finished runs say about themselves and beside each other."""

from __future__ import annotations

import json
import os
import re
import webbrowser
from pathlib import Path
from typing import Any

import pytest

import runner
from stoptrail.backtest.manifest import write_manifest
from stoptrail.cli.runs import found
from stoptrail.core.errors import UsageError
from stoptrail.reports.run_files import read_summary
from tests.reports.example_run import write_example_run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """runs/ with two finished runs that differ in one parameter; `later` is the newer."""
    monkeypatch.chdir(tmp_path)
    for place, (name, seed) in enumerate((("earlier", 7), ("later", 8))):
        write_example_run(tmp_path / "runs" / name, days=60, seed=seed)
        os.utime(tmp_path / "runs" / name / "summary.json", (1000 + place, 1000 + place))
    alter(tmp_path / "runs" / "later", "params", {"stop": {"trailing_atr_multiplier": 2.5}})
    os.utime(tmp_path / "runs" / "later" / "summary.json", (2000, 2000))
    return tmp_path / "runs"


def alter(run: Path, key: str, value: Any) -> None:
    summary = json.loads((run / "summary.json").read_text())
    summary[key] = value
    (run / "summary.json").write_text(json.dumps(summary))


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert runner.main(["runs", *arguments]) == 0
    return capsys.readouterr().out


def test_every_run_is_listed_the_newest_last(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = said(capsys, "list").splitlines()
    assert [line.split()[0] for line in lines] == ["Run", "earlier", "later"]
    metrics = read_summary(folder / "later")["metrics"]
    assert f"{metrics['net_return']:.1%}" in lines[2]
    assert f" {metrics['trades']} " in lines[2]
    assert lines[2].endswith("doubtful")


def test_the_list_is_json_for_scripts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(said(capsys, "list", "--json"))
    assert [row["run"] for row in rows] == ["earlier", "later"]
    assert rows[0]["sharpe"] == read_summary(folder / "earlier")["metrics"]["sharpe"]


def test_a_spoilt_run_does_not_hide_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "earlier" / "summary.json").write_text("{")
    out = said(capsys, "list")
    assert re.search("^later ", out, re.M)
    assert "left out: runs/earlier/summary.json" in out


def test_a_run_of_which_a_file_has_changed_is_left_out_and_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_manifest(folder / "earlier")
    with (folder / "earlier" / "trades.csv").open("a") as file:
        file.write("x")
    out = said(capsys, "list")
    assert not re.search("^earlier ", out, re.M)
    assert "left out: runs/earlier/trades.csv: is not as the run left it" in out


@pytest.mark.parametrize("value", ["1" + "0" * 30, "[" * 300 + "]" * 300], ids=["huge", "deep"])
def test_what_json_cannot_hold_again_is_a_damaged_run(
    value: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = folder / "earlier" / "summary.json"
    text = json.dumps({**json.loads(summary.read_text()), "seconds": {"all": "here"}})
    summary.write_text(text.replace('"here"', value))
    assert runner.main(["runs", "show", "earlier", "--json"]) == 2
    assert "holds what no run writes" in capsys.readouterr().err


def test_a_stopped_sweep_is_listed_with_the_command_that_goes_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "stopped.unfinished").mkdir()
    (folder / "stopped.unfinished" / "resume.json").write_text("{}")
    assert "backtest --resume runs/stopped" in said(capsys, "list").splitlines()[-1]


def test_without_a_run_the_list_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "backtest" in said(capsys, "list")


def test_a_run_is_named_by_path_by_name_or_as_the_last(folder: Path) -> None:
    assert found(str(folder / "earlier"), Path("elsewhere")) == folder / "earlier"
    assert found("earlier", folder) == folder / "earlier"
    assert found("last", folder) == folder / "later"
    with pytest.raises(UsageError, match="no finished run there"):
        found("nothing", folder)
    with pytest.raises(UsageError, match="no finished run in"):
        found("last", folder / "earlier")


def test_a_run_is_shown_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "show", "earlier")
    assert "In sample" in out
    assert "Files: runs/earlier" in out
    assert json.loads(said(capsys, "show", "earlier", "--json"))["folder"] == "runs/earlier"


def test_a_run_is_shown_again_with_what_was_said_of_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """That its market cannot do shorts, that there was no trade and why: said once, and lost."""
    alter(folder / "earlier", "no_trade", "no signal")
    alter(folder / "earlier", "warnings", ["3 shorts"])
    assert runner.main(["runs", "show", "earlier"]) == 0
    assert capsys.readouterr().err.splitlines() == ["no signal", "3 shorts"]


def test_two_runs_are_compared_by_figures_and_by_what_differs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = said(capsys, "compare", "earlier", "later")
    lines = out.splitlines()
    (row,) = [line for line in lines if line.startswith("Net return")]
    for name, cell in zip(("earlier", "later"), row.split()[2:4], strict=True):
        assert cell == f"{read_summary(folder / name)['metrics']['net_return']:.1%}"
    spans = [read_summary(folder / name)["data"] for name in ("earlier", "later")]
    begins, ends = lines[3].split(), lines[4].split()
    assert begins[:2] == [span["start"][:10] for span in spans]
    assert ends[:4] == [word for span in spans for word in ("to", span["end"][:10])]
    assert [line.split() for line in lines if line.startswith("stop.")] == [
        ["stop.trailing_atr_multiplier", "4.0", "2.5"]
    ]
    page = Path(lines[-1].split(": ")[1])
    text = page.read_text()
    data = json.loads(re.search(r'id="run-data">(.*?)</script>', text, re.S)[1])  # type: ignore[index]
    assert [one["name"] for one in data["runs"]] == ["A earlier", "B later"]
    assert "stop.trailing_atr_multiplier" in text


def test_one_made_up_market_is_said_on_the_page_of_both(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def banner() -> bool:
        page = said(capsys, "compare", "earlier", "later").splitlines()[-1].split(": ")[1]
        return 'class="banner"' in Path(page).read_text()

    assert not banner()
    data = read_summary(folder / "later")["data"]
    alter(folder / "later", "data", {**data, "synthetic": True})
    assert banner()


def test_other_candles_are_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "not the same" not in said(capsys, "compare", "earlier", "later")
    alter(folder / "later", "provenance", {"candles_sha256": "cd" * 32})
    assert "not the same" in said(capsys, "compare", "earlier", "later")


def test_a_run_beside_itself_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["runs", "compare", "last", "later"]) == 2
    assert "the same run" in capsys.readouterr().err


def test_a_report_is_opened_and_its_place_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert runner.main(["runs", "open", "last"]) == 2
    assert "report runs/later" in capsys.readouterr().err
    (folder / "later" / "report.html").write_text("page")
    assert said(capsys, "open", "last") == "runs/later/report.html\n"
    assert opened == [(folder / "later" / "report.html").as_uri()]


@pytest.mark.parametrize("command", ["report", "plot"])
def test_there_is_no_last_run_without_a_run(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert runner.main([command, "last"]) == 2
    said = capsys.readouterr().err
    assert said == "error: no finished run in runs; name the folder of a run\n"


def test_a_file_in_place_of_the_folder_of_runs_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runs").write_text("")
    assert runner.main(["runs", "--in", str(tmp_path / "runs"), "list"]) == 2
    assert capsys.readouterr().err.endswith("runs: is a file; name the folder of the runs\n")
