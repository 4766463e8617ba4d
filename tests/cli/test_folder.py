"""Where a run writes, and that its settings make it again."""

from __future__ import annotations

import os
import signal
import time
from datetime import datetime, tzinfo
from pathlib import Path

import pytest
import tomli_w

import runner
from stoptrail.cli import folder
from stoptrail.cli.folder import REPLACED, STATE, UNFINISHED, _settle
from stoptrail.core.time import iso
from stoptrail.feeds.files import load_candles
from stoptrail.rules.costs import DAY
from tests.exchange.market import Filters
from tests.exchange.simulator import Simulator
from tests.sweep.small import start_sweep, summary, write_inputs

TABLES = ("trades.csv", "stops.csv", "equity.csv", "baseline_trades.csv")


def backtest(folder: Path, config: Path, *more: str) -> int:
    return runner.main(
        ["backtest", "--quiet", "--config", str(config), "--out", str(folder), *more]
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Settings and the folder of a finished backtest."""
    folder = tmp_path_factory.mktemp("folder")
    config = write_inputs(folder)
    assert backtest(folder / "out", config) == 0
    return config, folder / "out"


def test_a_run_does_not_take_the_place_of_a_file_or_a_pipe(
    done: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, _ = done
    file, pipe = tmp_path / "notes.txt", tmp_path / "pipe"
    file.write_text("mine")
    os.mkfifo(pipe)
    for place in (file, pipe):
        assert backtest(place, config) == 2
        assert backtest(place, config, "--force") == 2
        assert capsys.readouterr().err.splitlines() == 2 * [
            f"error: --out {place}: is there and no folder; name another, such as runs/mine"
        ]
    assert file.read_text() == "mine"
    assert pipe.is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "pipe"]


def test_runs_of_one_second_have_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the one before is not finished."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime(2026, 1, 2, tzinfo=tz)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(folder, "datetime", Clock)
    names = []
    for state in ("", UNFINISHED, ""):
        names.append(folder.run_folder("backtest").name)
        Path(f"runs/{names[-1]}{state}").mkdir(parents=True)
    first = "20260102T000000Z-backtest"
    assert names == [first, f"{first}-2", f"{first}-3"]


def test_a_run_goes_into_the_folder_that_a_link_leads_to(
    done: tuple[Path, Path], tmp_path: Path
) -> None:
    config, _ = done
    target, link = tmp_path / "target", tmp_path / "link"
    target.mkdir()
    (target / "notes.txt").write_text("mine")
    link.symlink_to("target")
    assert backtest(link, config) == 0
    assert backtest(link, config) == 2  # a finished run is there
    assert backtest(link, config, "--force") == 0
    assert link.is_symlink()
    assert (target / "summary.json").exists()
    assert (target / "notes.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "target"]


def test_a_finished_run_is_not_written_over_unasked(
    done: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config, out = done
    before = {file: file.read_bytes() for file in out.iterdir()}
    assert backtest(out, config) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "a finished run is there" in said
    assert "--force" in said
    assert {file: file.read_bytes() for file in out.iterdir()} == before


def test_a_stopped_sweep_is_not_written_over_unasked(
    done: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / STATE).write_text("{}")
    assert backtest(tmp_path, done[0]) == 2
    assert f"--resume {tmp_path}" in capsys.readouterr().err


def test_force_replaces_a_run_and_leaves_nothing_of_it(
    done: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "summary.json").write_text("{}")
    (tmp_path / "trials.parquet").write_text("of a sweep")
    (tmp_path / "notes.txt").write_text("the user's own")
    assert backtest(tmp_path, done[0], "--force") == 0
    assert summary(tmp_path)["metrics"] == summary(done[1])["metrics"]
    assert not (tmp_path / "trials.parquet").exists()
    assert (tmp_path / "notes.txt").read_text() == "the user's own"
    assert not tmp_path.with_name(tmp_path.name + REPLACED).exists()
    assert not tmp_path.with_name(tmp_path.name + UNFINISHED).exists()


def test_a_run_is_still_there_where_its_replacement_fails(
    done: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "plots").mkdir()
    (tmp_path / "summary.json").write_text("{}")
    (tmp_path / "plots" / "overview.png").write_text("a picture")
    assert backtest(tmp_path, done[0], "--force", "--set", "stop.atr_period=1000000") == 2
    assert (tmp_path / "summary.json").read_text() == "{}"
    assert (tmp_path / "plots" / "overview.png").read_text() == "a picture"
    assert not tmp_path.with_name(tmp_path.name + REPLACED).exists()
    assert not tmp_path.with_name(tmp_path.name + UNFINISHED).exists()


def test_the_settings_of_a_run_make_it_again_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_inputs(tmp_path)
    relative = config.read_text().replace(str(tmp_path / "candles.parquet"), "candles.parquet")
    config.write_text(relative)
    monkeypatch.chdir(tmp_path)
    assert backtest(tmp_path / "first", config) == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert backtest(tmp_path / "again", tmp_path / "first" / "config.toml") == 0
    for name in (*TABLES, "config.toml"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "first" / name).read_bytes()


def test_the_settings_of_a_synthetic_run_make_it_again(tmp_path: Path) -> None:
    config = write_inputs(tmp_path)
    one = ["--set", "data.source=synthetic", "--set", "data.path=", "--set", "data.end=2022-03-01"]
    assert backtest(tmp_path / "first", config, *one, "--set", "data.start=2021-06-01") == 0
    stored = tmp_path / "first" / "config.toml"
    assert 'source = "synthetic"' in stored.read_text()
    assert backtest(tmp_path / "again", stored) == 0
    for name in (*TABLES, "config.toml"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "first" / name).read_bytes()


@pytest.mark.parametrize("whole", [True, False])
def test_the_settings_of_a_downloaded_run_make_it_again_where_the_exchange_is_gone(
    tmp_path: Path, whole: bool
) -> None:
    config = write_inputs(tmp_path)
    candles = load_candles(tmp_path / "candles.parquet")
    start = candles.time[0] + (60 * DAY if whole else 200 * DAY)
    changes = {
        "path": "",
        "source": "exchange",
        "exchange": "binance",
        "symbol": "SMALL/USDT",
        "cache": tmp_path / "cache",
        "start": iso(int(start)),
        "end": iso(int(candles.time[-1]) // DAY * DAY),
    }
    change = [x for key, value in changes.items() for x in ("--set", f"data.{key}={value}")]
    filters = Filters("0.50000000", "0.00300000", "0.00300000", "20.00000000")
    last = len(candles.time) - 1
    with Simulator(candles, last, "SMALL/USDT", filters) as exchange:
        table = {"exchange": {"ccxt": exchange.ccxt_options()}}
        config.write_text(config.read_text() + tomli_w.dumps(table))
        assert backtest(tmp_path / "first", config, *change) == 0
    stored = tmp_path / "first" / "config.toml"
    assert backtest(tmp_path / "again", stored) == 0
    for name in (*TABLES, "config.toml"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "first" / name).read_bytes()
    again = summary(tmp_path / "again")
    assert again["metrics"]["trades"] > 0
    assert (again["market"]["price_step"], again["market"]["min_notional"]) == (5.0, 20.0)


def test_every_day_of_the_equity_is_written_alike(done: tuple[Path, Path]) -> None:
    days = [line.split(",")[0] for line in (done[1] / "equity.csv").read_text().splitlines()[1:]]
    for day in days:
        time.strptime(day, "%Y-%m-%dT%H:%M:%SZ")
    assert len(days) == len(set(days))


def test_an_interrupted_sweep_says_where_it_is_and_how_to_go_on(tmp_path: Path) -> None:
    config = write_inputs(tmp_path)
    out = tmp_path / "my run"
    command = ["--out", str(out), "--set", "sweep.jobs=1"]
    process = start_sweep(config, *command, quiet=False)
    end = time.monotonic() + 60
    while not (tmp_path / f"my run{UNFINISHED}" / STATE).exists():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    if process.returncode == 130:  # else it was done sooner
        assert f"backtest --resume '{out}' --config {config}" in said
    assert f"Results go to {out}" in said.replace("\n", "")


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_what_is_there_and_no_folder_stays_as_it_is(
    force: list[str],
    done: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A pipe stands for a device, which root could have replaced by a folder."""
    file, pipe = tmp_path / "notes.txt", tmp_path / "pipe"
    file.write_text("mine")
    os.mkfifo(pipe)
    for place in (file, pipe):
        assert backtest(place, done[0], *force) == 2
        said = capsys.readouterr().err
        assert str(place) in said
        assert said.count("\n") == 1
    assert file.read_text() == "mine"
    assert pipe.is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "pipe"]


def test_everything_of_the_user_s_in_the_folder_stays_and_a_link_stays_a_link(
    done: tuple[Path, Path], tmp_path: Path
) -> None:
    place, link = tmp_path / "place", tmp_path / "link"
    (place / "empty" / "deep").mkdir(parents=True)
    (place / "notes.txt").write_text("mine")
    os.mkfifo(place / "pipe")
    link.symlink_to(place)
    assert backtest(link, done[0]) == 0
    assert link.is_symlink()
    assert (place / "summary.json").is_file()
    assert (place / "notes.txt").read_text() == "mine"
    assert (place / "empty" / "deep").is_dir()
    assert (place / "pipe").is_fifo()


def test_what_is_the_user_s_and_has_the_name_of_a_result_stays_by_another_name(
    tmp_path: Path,
) -> None:
    """A replacement that it stops would stop every later one."""
    old, new = tmp_path / f"run{REPLACED}", tmp_path / "run"
    (old / "report.html").mkdir(parents=True)
    (old / "report.html" / "mine.txt").write_text("mine")
    (old / "deep" / "er").mkdir(parents=True)
    (old / "deep" / "er" / "notes.txt").write_text("theirs")
    (old / "plots").write_text("a list")
    (old / "loop").symlink_to("loop")
    (new / "plots").mkdir(parents=True)
    (new / "report.html").write_text("the report")
    (new / "loop").write_text("of the run")
    (new / "deep").mkdir()
    _settle(new)
    assert not old.exists()
    assert (new / "report.html").read_text() == "the report"
    assert (new / "report.html.earlier" / "mine.txt").read_text() == "mine"
    assert (new / "deep" / "er" / "notes.txt").read_text() == "theirs"
    assert (new / "plots").is_dir()
    assert (new / "plots.earlier").read_text() == "a list"
    assert (new / "loop").read_text() == "of the run"
    assert (new / "loop.earlier").is_symlink()
