"""The sweep through the command line: the same bytes whatever happens on the way."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

import runner
from stoptrail.backtest.plan import Record
from stoptrail.cli.book_sleeves import best_sets
from stoptrail.cli.folder import SETTINGS, STATE, UNFINISHED
from stoptrail.core import room
from stoptrail.sweep import search
from stoptrail.sweep.kernel import results
from tests.sweep.small import (
    RESULTS,
    altered_from,
    contents,
    small_market,
    start_sweep,
    stop,
    summary,
    sweep,
    write_candles,
    write_inputs,
)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Settings and the folder of a sweep that nothing disturbed."""
    folder = tmp_path_factory.mktemp("done")
    config = write_inputs(folder)
    assert sweep(config, folder / "out") == 0
    return config, folder / "out"


@pytest.fixture
def config(done: tuple[Path, Path], tmp_path: Path) -> Path:
    """The same settings with a database of their own."""
    text = done[0].read_text().replace(str(done[0].parent / "trials.db"), str(tmp_path / "own.db"))
    file = tmp_path / "strategy.toml"
    file.write_text(text)
    return file


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_a_sweep_leaves_a_complete_run(done: tuple[Path, Path]) -> None:
    _, out = done
    names = {file.name for file in out.iterdir()}
    assert names >= {*RESULTS, "summary.json", "report.html", STATE, SETTINGS}
    table = summary(out)
    trials = pq.read_table(out / "trials.parquet")
    assert trials.num_rows == table["grid_size"] == 24
    assert table["parity"]["mismatches"] == 0
    assert table["parity"]["trades_compared"] > 50
    stages = trials["stage"].to_pylist()
    assert stages.count("finalist") == 3
    assert stages.count("pruned_check") == 1


def test_evidence_has_the_parts_that_its_page_names(done: tuple[Path, Path]) -> None:
    evidence = summary(done[1])["evidence"]
    page = (Path(runner.__file__).parent / "docs" / "evidence.md").read_text()
    headings = [line for line in page.splitlines() if line.startswith("## ") and "(`" in line]
    named = [part.strip("`") for line in headings for part in line.split("(")[1][:-1].split(", ")]
    assert len(named) >= 6
    assert set(named) <= set(evidence)
    assert {"envelope", "management", "sides", "verdict"} <= set(evidence)


@pytest.mark.parametrize("jobs", [2, 3])
def test_any_number_of_jobs_writes_the_same_bytes(
    jobs: int, done: tuple[Path, Path], config: Path, tmp_path: Path
) -> None:
    assert sweep(config, tmp_path / "out", "--jobs", str(jobs)) == 0
    assert (tmp_path / "out" / "trials.parquet").read_bytes() == contents(done[1])["trials.parquet"]
    assert (tmp_path / "out" / "trades.csv").read_bytes() == contents(done[1])["trades.csv"]


def test_sums_that_memory_has_no_room_for_lie_in_the_runs_folder(
    done: tuple[Path, Path], config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[type, Path | None]] = []

    def noted(shape: tuple[int, ...], folder: Path | None) -> NDArray[np.float64]:
        found = room.zeros(shape, folder)
        if found.size and folder is not None:
            made.append((type(found), folder))
        return found

    monkeypatch.setattr(room, "MOST_BYTES", 0)
    monkeypatch.setattr(results, "zeros", noted)
    assert sweep(config, tmp_path / "out") == 0
    assert made == [(np.memmap, tmp_path / f"out{UNFINISHED}")]
    assert_same(tmp_path / "out", done[1])


def test_a_killed_sweep_goes_on_and_ends_with_the_same_bytes(
    done: tuple[Path, Path], config: Path, tmp_path: Path
) -> None:
    moments = random.Random(20_200_101)
    out, unfinished = tmp_path / "out", tmp_path / f"out{UNFINISHED}"
    for _ in range(3):
        begun = (unfinished / STATE).exists()
        more = ["--resume" if begun else "--out", str(unfinished if begun else out)]
        stop(start_sweep(config, *more), moments.uniform(1.5, 6.0), signal.SIGKILL)
        if out.exists():
            break
    if (unfinished / STATE).exists():
        assert resume(out, config) == 0
    elif not out.exists():
        assert sweep(config, out) == 0
    assert not unfinished.exists()
    assert_same(out, done[1])


def test_a_sweep_killed_after_its_manifest_goes_on(
    done: tuple[Path, Path], config: Path, tmp_path: Path
) -> None:
    out, unfinished = tmp_path / "out", tmp_path / f"out{UNFINISHED}"
    assert sweep(config, out) == 0
    out.rename(unfinished)
    former = (unfinished / "manifest.json").read_text()
    size = (unfinished / "summary.json").stat().st_size
    assert str(size) in former
    (unfinished / "manifest.json").write_text(former.replace(str(size), str(size + 1)))
    assert resume(out, config) == 0
    assert_same(out, done[1])


def resume(out: Path, config: Path, *more: str) -> int:
    """Go on with the sweep in `out`; the exit code."""
    command = ["backtest", "--sweep", "--quiet", "--config", str(config), "--resume", str(out)]
    return runner.main([*command, *more])


def assert_same(one: Path, other: Path) -> None:
    ours, theirs = contents(one), contents(other)
    # The database is the only setting that differs between the two.
    for table in (ours, theirs):
        lines = table["config.toml"].splitlines()
        table["config.toml"] = b"\n".join(x for x in lines if not x.startswith(b"url ="))
    assert ours == theirs
    tables = [summary(folder) for folder in (one, other)]
    for table in tables:
        del table["params"]["database"]
    assert tables[0] == tables[1]


def test_a_sweep_stopped_between_any_two_commits_ends_with_the_same_bytes(
    done: tuple[Path, Path], config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stoptrail.sweep.store import TrialStore

    save = TrialStore.save
    out, saved = tmp_path / "out", []

    def save_once(store: TrialStore, stage: str, units: object) -> None:
        save(store, stage, units)  # type: ignore[arg-type]
        saved.append(stage)
        raise KeyboardInterrupt

    monkeypatch.setattr(TrialStore, "save", save_once)
    assert sweep(config, out) == 130
    for _ in range(30):
        if resume(out, config) == 0:
            break
        assert not out.exists()
    assert {"screen", "verified", "walk_forward"} <= set(saved)
    assert_same(out, done[1])


def test_ctrl_c_keeps_what_is_finished_and_leaves_no_half_file(
    config: Path, tmp_path: Path
) -> None:
    out, unfinished = tmp_path / "out", tmp_path / f"out{UNFINISHED}"
    process = start_sweep(config, "--out", str(out), "--permutations", "2000")
    while process.poll() is None and not (unfinished / STATE).exists():
        time.sleep(0.02)
    code, said = stop(process, 0.2, signal.SIGINT)
    assert code == 130
    assert said.strip().splitlines()[-1] == "stopped; what is finished is kept"
    assert "Traceback" not in said
    assert {file.name for file in unfinished.iterdir()} == {STATE, SETTINGS}
    assert not out.exists()


def test_a_finished_sweep_can_be_gone_on_with_and_stays_the_same(
    done: tuple[Path, Path], tmp_path: Path
) -> None:
    before, out = contents(done[1]), tmp_path / "copy"
    shutil.copytree(done[1], out)
    assert resume(out, done[0]) == 0
    assert contents(out) == before


def test_other_settings_do_not_go_on(
    done: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert resume(done[1], done[0], "--set", "costs.taker_fee=0.002") == 2
    assert "differ from those of the stopped sweep" in error_of(capsys)


def test_other_candles_do_not_go_on(
    done: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    market = small_market()
    other = write_candles(tmp_path / "other.parquet", altered_from(market, int(market.time[-50])))
    assert resume(done[1], done[0], "--data", str(other)) == 2
    assert "differ from those of the stopped sweep" in error_of(capsys)


def test_a_folder_without_a_sweep_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runner.main(["backtest", "--sweep", "--resume", str(tmp_path / "none")]) == 2
    assert "there is no sweep to go on with" in error_of(capsys)
    assert not (tmp_path / "none").exists()


def test_too_few_trades_are_told_with_the_most_there_are(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(config, tmp_path / "out", "--set", "sweep.min_trades=5000") == 2
    line = error_of(capsys)
    assert "none of 24 combinations has sweep.min_trades = 5000" in line
    assert "the most is" in line
    assert not list(tmp_path.glob("out*"))


def test_a_sweep_without_a_grid_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_inputs(tmp_path)
    head, _, rest = config.read_text().partition("[sweep.grid]")
    config.write_text(head + "[walk_forward]" + rest.partition("[walk_forward]")[2])
    assert sweep(config, tmp_path / "out") == 2
    assert "sweep.grid is empty: name at least one key" in error_of(capsys)


@pytest.mark.parametrize(
    ("override", "why"),
    [
        ("sweep.grid.costs.taker_fee=[0.0, 0.001]", "the grid varies costs.taker_fee, which is no"),
        ("walk_forward.min_trades_per_year=5000", "no set had enough trades in any train window"),
    ],
)
def test_a_walk_forward_that_cannot_be_made_is_told_and_left_out(
    override: str, why: str, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["backtest", "--sweep", "--config", str(config), "--out", str(tmp_path / "out")]
    assert runner.main([*command, "--set", override]) == 0
    assert f"walk-forward left out: {why}" in capsys.readouterr().err
    assert summary(tmp_path / "out")["evidence"]["walk_forward"] is None


def test_engines_that_disagree_are_reported_and_fail_the_run(
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_one = search.run_one

    def off_by_a_little(inputs: object, plan: object) -> Record:
        record = run_one(inputs, plan)  # type: ignore[arg-type]
        trades = record.trades
        return record._replace(trades=trades._replace(price=trades.price * (1.0 + 1e-7)))

    monkeypatch.setattr(search, "run_one", off_by_a_little)
    assert sweep(config, tmp_path / "out") == 1
    assert "pre-screen and Backtrader disagree" in error_of(capsys)
    parity = json.loads((tmp_path / "out" / "summary.json").read_text())["parity"]
    assert parity["mismatches"] == parity["trades_compared"] > 0


def test_a_database_that_cannot_be_opened_is_told_and_nothing_is_written(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--set", f"database.url=sqlite:///{tmp_path}")
    assert sweep(config, tmp_path / "out", *more) == 2
    assert "database.url" in error_of(capsys)
    assert not (tmp_path / "out").exists()


def test_a_password_never_stands_in_an_error(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "postgresql://me:hunter2@127.0.0.1:9/none"
    assert sweep(config, tmp_path / "out", "--set", f"database.url={url}") == 2
    assert "hunter2" not in error_of(capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    assert sweep(config, closed / "out") == 2
    assert "cannot be written" in error_of(capsys)


def test_a_file_in_the_place_of_the_folder_is_told(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("")
    assert sweep(config, tmp_path / "taken" / "out") == 2
    assert "cannot be written" in error_of(capsys)


def test_the_best_is_the_finalist_whose_worst_price_path_is_the_best(
    done: tuple[Path, Path],
) -> None:
    table = summary(done[1])
    finalists = [row for row in table["finalists"] if row["stage"] == "finalist"]
    assert (
        table["best"]["combination"]
        == max(finalists, key=lambda row: row["worst_path"])["combination"]
    )
    paths = table["evidence"]["envelope"].values()
    best = max(row["worst_path"] for row in finalists)
    assert best == min(figures["sharpe"] for figures in paths)


def test_scratches_are_counted_for_every_combination(done: tuple[Path, Path]) -> None:
    trials = pq.read_table(done[1] / "trials.parquet")
    best = summary(done[1])["best"]
    row = trials.slice(best["combination"], 1).to_pylist()[0]
    assert row["scratches"] == best["metrics"]["scratches"]
    assert max(trials["scratches"].to_pylist()) > 0


def test_a_grid_over_lists_of_parts_is_searched_written_and_shown(
    config: Path, tmp_path: Path
) -> None:
    text = config.read_text()
    start, end = text.index("[sweep.grid]"), text.index("[walk_forward]")
    parts = [[], [{"at": 1.0, "fraction": 0.5}], [{"at": 0.5, "fraction": 0.3}]]
    grid = f"[sweep.grid]\nexits.scale_out = {json.dumps(parts).replace(':', ' =')}\n"
    config.write_text(f"{text[:start]}{grid}exits.target = [0.0, 3.0]\n{text[end:]}")
    assert sweep(config, tmp_path / "out", "--set", "sweep.permutations=0") == 0
    trials = pq.read_table(tmp_path / "out" / "trials.parquet")
    assert trials["exits.scale_out"].to_pylist() == [value for value in parts for _ in range(2)]
    best = summary(tmp_path / "out")["best"]
    assert best["params"]["exits.scale_out"] == parts[best["combination"] // 2]
    assert best_sets(tmp_path / "out", "best:1", "")[0][1].keys() == best["params"].keys()
    page = (tmp_path / "out" / "report.html").read_text()
    assert '"none","1/2 at 1","0.3 at 0.5"' in page
