from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from stoptrail.reports.run_files import read_summary
from stoptrail.reports.terminal import next_command, show_markets, show_run
from tests.reports.example_run import write_example_run


def shown(folder: Path, *, terminal: bool, width: int = 110) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=width, height=50, highlight=False)
    show_run(read_summary(folder), folder, console)
    return out.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_one_screen_says_everything_that_matters(tmp_path: Path, terminal: bool) -> None:
    write_example_run(tmp_path, days=60)
    screen = shown(tmp_path, terminal=terminal)
    said = " ".join(screen.split())  # a line may be broken between two words
    summary = read_summary(tmp_path)
    wanted = ["BTC/USDT", "2021-06-22", "source file", "trailing_atr_multiplier 4.0"]
    wanted += ["In sample", "Out of sample", "Legacy exits", "1.12", "0.71", "-1.70"]
    wanted += [summary["evidence"]["verdict"]["sentences"][1], "Next:", "scratches"]
    wanted += ["in 6 phases", "p 0.10", "46% of the profit", "1.36 without the best three"]
    wanted += ["On those days alone: Sharpe in sample 0.91, hold 0.62"]
    assert [word for word in wanted if word not in said] == []
    assert len(screen.splitlines()) <= 46


def test_plain_text_has_no_colour_and_no_boxes(tmp_path: Path) -> None:
    write_example_run(tmp_path, days=60, synthetic=True)
    said = shown(tmp_path, terminal=False, width=60)
    assert said.isascii()
    assert "\x1b" not in said
    # Lines are for scripts: they are not broken where a terminal would end.
    assert any(len(line) > 60 for line in said.splitlines())


@pytest.mark.parametrize("terminal", [True, False])
def test_made_up_data_is_said_first(tmp_path: Path, terminal: bool) -> None:
    write_example_run(tmp_path, days=60, synthetic=True)
    assert "SYNTHETIC" in shown(tmp_path, terminal=terminal).splitlines()[0]
    assert ("41m" in shown(tmp_path, terminal=terminal)) == terminal


@pytest.mark.parametrize("terminal", [True, False])
def test_each_column_says_its_span(tmp_path: Path, terminal: bool) -> None:
    write_example_run(tmp_path, days=60)
    data = read_summary(tmp_path)["data"]
    windows = read_summary(tmp_path)["evidence"]["walk_forward"]["windows"]
    said = shown(tmp_path, terminal=terminal)
    assert said.count(f"to {data['end'][:10]}") == 3 + 1  # the first line's
    assert f"to {windows[-1]['test_end']}" in said
    assert windows[0]["test_start"] in said


@pytest.mark.parametrize("terminal", [True, False])
def test_the_verdict_rests_on_five_sentences_at_most(tmp_path: Path, terminal: bool) -> None:
    write_example_run(tmp_path, days=60)
    sentences = read_summary(tmp_path)["evidence"]["verdict"]["sentences"]
    said = " ".join(shown(tmp_path, terminal=terminal, width=200).split())
    assert [sentence in said for sentence in sentences] == [True] * 5 + [False]
    assert "1 more in report.html" in said


@pytest.mark.parametrize("terminal", [True, False])
def test_made_up_data_gets_no_verdict_on_skill(tmp_path: Path, terminal: bool) -> None:
    write_example_run(tmp_path, days=60, synthetic=True)
    said = shown(tmp_path, terminal=terminal)
    assert "no verdict on skill" in said
    assert read_summary(tmp_path)["evidence"]["verdict"]["sentences"][0] not in said


@pytest.mark.parametrize("width", [80, 120])
def test_a_screen_is_a_screen(tmp_path: Path, width: int) -> None:
    write_example_run(tmp_path, days=60)
    lines = shown(tmp_path, terminal=True, width=width).splitlines()
    assert len(lines) <= 46
    assert max(len(re.sub("\x1b\\[[0-9;]*m", "", line)) for line in lines) <= width


def test_real_data_has_no_banner(tmp_path: Path) -> None:
    write_example_run(tmp_path, days=60)
    assert "SYNTHETIC" not in shown(tmp_path, terminal=True)


def test_a_bare_summary_is_enough(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text('{"metrics": {"sharpe": null, "trades": 0}}')
    assert "Sharpe" not in shown(tmp_path, terminal=False)


@pytest.mark.parametrize(("count", "more"), [(12, 0), (13, 1), (14, 2)])
def test_parameters_beyond_twelve_are_counted(tmp_path: Path, count: int, more: int) -> None:
    params = {f"strategy.p{k}": k for k in range(count)}
    (tmp_path / "summary.json").write_text(json.dumps({"best": {"params": params}, "metrics": {}}))
    said = shown(tmp_path, terminal=False)
    assert ("p11 11" in said, "p12 12" in said) == (True, False)
    assert (f"and {more} more in summary.json" in said) == (more > 0)


def test_a_book_says_what_was_in_use_at_most(tmp_path: Path) -> None:
    book = {
        "sleeves": [{"number": 1, "symbol": "BTC/USDT", "share": 0.5, "profit": 1.0, "trades": 2}],
        "open_risk": {"mean": 0.011, "max": 0.034},
        "notional": {"mean": 0.2, "max": 0.987},
    }
    (tmp_path / "summary.json").write_text(json.dumps({"book": book, "metrics": {}}))
    said = shown(tmp_path, terminal=False)
    assert "In use at most: open risk 3.4%, notional 98.7% of the equity" in said


def judged(level: str) -> dict[str, Any]:
    return {"best": {"params": {}}, "evidence": {"verdict": {"level": level, "sentences": ["x"]}}}


def test_the_next_command_fits_the_run() -> None:
    folder = Path("runs/my run")
    assert "live --paper --from 'runs/my run'" in next_command({"best": {"params": {}}}, folder)
    assert "live --paper --from 'runs/my run'" in next_command(judged("doubtful"), folder)
    assert next_command(judged("fails"), folder).endswith("runs open 'runs/my run'")
    assert "--sweep --config 'runs/my run/config.toml'" in next_command({}, folder)
    assert "download" in next_command({"best": {}, "data": {"synthetic": True}}, folder)


def test_the_best_across_markets_stand_beside_each_other_with_whole_keys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    params = {
        "strategy.trend": "agreement",
        "strategy.trend_period": 45,
        "strategy.structure": "average",
        "strategy.structure_period": 12,
        "strategy.cycle_period": 24.0,
        "strategy.cycle_threshold": 0.2,
        "strategy.sides": "both",
        "stop.atr_timeframe": "12h",
        "stop.trailing_atr_multiplier": 3.5,
        "stop.breakeven_atr_trigger": 1.25,
    }
    best = [
        {"combination": 12_345 + k, "params": params, "mean": 1.51 - k, "worst": -0.25}
        for k in range(5)
    ]
    across = {"best": best, "enough_trades_in_each": 5, "combinations": 20_000, "markets": 2}
    for width in ("80", "100"):
        monkeypatch.setenv("COLUMNS", width)
        show_markets({"markets": [], "across": {**across, "objective": "sharpe"}}, Path("out"))
        said = capsys.readouterr().out
        assert "…" not in said.split("Across all markets")[1]
    rows = [re.findall(r"[^│┃\s]+", line) for line in said.splitlines()]
    assert ["Combination", *(str(row["combination"]) for row in best)] in rows
    for key, value in params.items():
        assert [key, *[str(value)] * 5] in rows
    assert ["Mean", "1.51", "0.51", "-0.49", "-1.49", "-2.49"] in rows
    assert ["Worst", *["-0.25"] * 5] in rows
