"""Finer candles through the command line: a run, a sweep, what is said, and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

import runner
from stoptrail.feeds.downloads.cache import write_candles as write_own
from stoptrail.feeds.synthetic_detail import synthetic_detail
from stoptrail.feeds.tables.columns import columns_of
from stoptrail.rules.candles import rows_of
from tests.sweep.small import small_market, write_inputs

FIVE = 300_000
TABLES = ("trades.csv", "stops.csv", "equity.csv")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Settings of a small market and a file of its finer candles, some of them missing."""
    folder = tmp_path_factory.mktemp("inputs")
    config = write_inputs(folder)
    pieces = synthetic_detail(small_market(), FIVE, 5)
    whole = pieces.time % (50 * 3_600_000) >= 3_600_000
    write_own(folder / "fine.parquet", columns_of(rows_of(pieces, whole)))
    return config, folder / "fine.parquet"


def run(inputs: tuple[Path, Path], out: Path, *more: str, detail: bool = True) -> dict[str, Any]:
    told = ["--set", f"data.detail_path={inputs[1]}"] if detail else []
    command = ["backtest", "--config", str(inputs[0]), "--out", str(out), *told, *more]
    assert runner.main(command) == 0
    found: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return found


def rows(file: Path) -> list[dict[str, str]]:
    with file.open() as stream:
        return list(csv.DictReader(stream))


def test_a_run_says_what_its_stop_was_followed_by(
    inputs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = run(inputs, tmp_path / "out")
    captured = capsys.readouterr()
    known, path = table["data"]["detail"], table["stop_path"]
    assert (known["timeframe"], known["source"]) == ("5m", "file: fine.parquet")
    assert known["missing"] > 0 == known["contradicting"]
    assert known["walked"] + known["missing"] == table["data"]["candles"]
    assert 0 < path["walked_whole"] < path["held"]
    assert "base candles have no 5m candles and are walked whole" in captured.err
    assert "Detail: stop path from 5m candles, moved at closes; " in captured.out
    assert "stop path from 5m candles" in (tmp_path / "out" / "report.html").read_text()
    inside = [row["exit_time"] for row in rows(tmp_path / "out" / "trades.csv")]
    assert any(time and not time.endswith("00:00Z") for time in inside)


def test_a_tick_ratchet_has_levels_within_base_candles(
    inputs: tuple[Path, Path], tmp_path: Path
) -> None:
    table = run(inputs, tmp_path / "out", "--set", "stop.ratchet=tick")
    assert table["stop_path"]["ratchet"] == "tick"
    assert runner.main(["report", "--config", str(inputs[0]), str(tmp_path / "out")]) == 0
    moved = [
        row["time"] for row in rows(tmp_path / "out" / "stops.csv") if row["reason"] == "trail"
    ]
    assert any(not time.endswith("00:00Z") for time in moved)
    envelope = table["evidence"]["envelope"]
    assert list(envelope) == ["candle", "tick", "high_first", "low_first"]
    assert envelope["tick"]["net_return"] == pytest.approx(table["metrics"]["net_return"])


def test_detail_of_the_base_timeframe_gives_the_same_bytes(
    inputs: tuple[Path, Path], tmp_path: Path
) -> None:
    base = inputs[0].parent / "candles.parquet"
    plain = run(inputs, tmp_path / "plain", detail=False)
    same = run(inputs, tmp_path / "same", "--set", f"data.detail_path={base}", detail=False)
    assert plain["metrics"] == same["metrics"]
    assert plain["metrics"]["trades"] > 5
    for name in TABLES:
        one, other = ((tmp_path / run_ / name).read_bytes() for run_ in ("plain", "same"))
        assert one == other


def test_config_toml_of_a_run_repeats_it_with_its_detail(
    inputs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(inputs, tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    again = ["backtest", "--config", str(tmp_path / "out" / "config.toml"), "--out", "again"]
    assert runner.main(again) == 0
    second = json.loads((tmp_path / "again" / "summary.json").read_text())
    assert second["data"]["detail"] == first["data"]["detail"]
    for name in TABLES:
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_a_sweep_shows_each_finalist_with_and_without_detail(
    inputs: tuple[Path, Path], tmp_path: Path
) -> None:
    more = ("--sweep", "--set", "stop.ratchet=tick", "--set", "sweep.permutations=0")
    table = run(inputs, tmp_path / "out", *more)
    assert table["parity"]["mismatches"] == 0
    told = [row for row in table["finalists"] if row["stage"] == "finalist"]
    assert len(told) == 3
    assert all(row["without_detail"]["trades"] > 0 for row in told)
    assert any(row["without_detail"]["net_return"] != row["metrics"]["net_return"] for row in told)
    assert table["metrics"] == table["best"]["metrics"]
    closes = table["evidence"]["envelope"]["candle"]["sharpe"]
    ticks = table["evidence"]["envelope"]["tick"]["sharpe"]
    best = next(row for row in told if row["combination"] == table["best"]["combination"])
    assert best["worst_path"] == pytest.approx(min(closes, ticks))
    page = (tmp_path / "out" / "report.html").read_text()
    assert "what finer candles make of each finalist" in page


REFUSED = {
    "stop.ratchet=tick": "stop.ratchet",
    "data.detail=4h": "must be finer than data.timeframe 1h and divide it",
    "data.detail=45m": "must be finer than data.timeframe 1h and divide it",
    "data.detail=7": "data.detail",
    "data.detail=5m": "needs data.detail_path where data.source is",
    "data.detail_path=nowhere.parquet": "nowhere.parquet",
}


@pytest.mark.parametrize("setting", REFUSED)
def test_what_cannot_be_meant_is_one_line(
    inputs: tuple[Path, Path], setting: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["backtest", "--config", str(inputs[0]), "--out", str(tmp_path / "out")]
    assert runner.main([*command, "--set", setting]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert REFUSED[setting] in lines[0]
    assert not (tmp_path / "out").exists()


def test_a_grid_cannot_vary_what_the_kernel_does_not_know(
    inputs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    grid = 'sweep.grid={"stop.ratchet"=["candle","tick"]}'
    told = f"data.detail_path={inputs[1]}"
    command = ["backtest", "--sweep", "--config", str(inputs[0])]
    assert runner.main([*command, "--set", told, "--set", grid]) == 2
    assert "stop.ratchet cannot vary within a sweep" in capsys.readouterr().err
