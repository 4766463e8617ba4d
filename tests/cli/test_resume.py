"""--resume: the folder, which may be somebody else's, only says which sweep it is."""

from __future__ import annotations

import json
import re
import shutil
import socket
from pathlib import Path

import pytest

import runner
from stoptrail.cli.folder import PLAN, REPLACED, SETTINGS, STATE, UNFINISHED
from tests.sweep.small import small_market, sweep, write_candles, write_inputs

SMALL = (
    "--no-walk-forward",
    "--set",
    'sweep.grid={"stop.trailing_atr_multiplier" = [2.0, 3.0]}',
    "--set",
    "sweep.pruned_checks=0",
)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished sweep; its settings are beside it."""
    folder = tmp_path_factory.mktemp("resume")
    assert sweep(write_inputs(folder), folder / "out", *SMALL) == 0
    return folder / "out"


@pytest.fixture
def stopped(done: Path, tmp_path: Path) -> Path:
    """A folder that a stopped sweep has left, as far as --resume can tell."""
    folder = tmp_path / f"run{UNFINISHED}"
    folder.mkdir()
    for name in (STATE, SETTINGS):
        shutil.copy(done / name, folder / name)
    return folder


def resume(folder: Path, *more: str) -> int:
    return runner.main(["backtest", "--sweep", "--quiet", "--resume", str(folder), *more])


def own(done: Path) -> list[str]:
    return ["--config", str(done.parent / "strategy.toml")]


@pytest.mark.parametrize("suffix", ["", UNFINISHED])
def test_either_name_of_the_folder_goes_on_as_it_was_started(
    suffix: str, done: Path, stopped: Path, tmp_path: Path
) -> None:
    assert resume(tmp_path / f"run{suffix}", "--no-walk-forward", *own(done)) == 0
    assert not stopped.exists()
    for name in ("trades.csv", "trials.parquet"):
        assert (tmp_path / "run" / name).read_bytes() == (done / name).read_bytes()


def test_a_cluster_in_the_folder_is_refused_by_name_and_never_called(
    done: Path, stopped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.1)
        address = f"tcp://127.0.0.1:{trap.getsockname()[1]}"
        text = (stopped / SETTINGS).read_text()
        (stopped / SETTINGS).write_text(text.replace('cluster = ""', f'cluster = "{address}"'))
        assert resume(stopped, *own(done)) == 2
        with pytest.raises(TimeoutError):
            trap.accept()
    assert "sweep.cluster is not what the sweep was started with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "planted", "key"),
    [
        (r"^url = .*", 'url = "sqlite:///elsewhere.db"', "database.url"),
        (r"^signal = .*", 'signal = "spy_module:entry"', "strategy.signal"),
        (r"^path = .*", 'path = "/etc/passwd"', "data.path"),
        (r"^finalists = .*", "finalists = 1", "sweep.finalists"),
        (r"^prometheus_host = .*", 'prometheus_host = "0.0.0.0"', "live.prometheus_host"),
    ],
)
def test_other_settings_in_the_folder_are_refused_by_name(
    line: str,
    planted: str,
    key: str,
    done: Path,
    stopped: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spy_module.py").write_text("open('spied', 'w').close()")
    text, count = re.subn(line, planted, (stopped / SETTINGS).read_text(), flags=re.M)
    assert count
    (stopped / SETTINGS).write_text(text)
    assert resume(stopped, *own(done)) == 2
    said = capsys.readouterr().err
    assert f"{key} is not what the sweep was started with" in said
    assert not (tmp_path / "spied").exists()
    assert not (tmp_path / "elsewhere.db").exists()
    assert stopped.exists()


def test_a_database_that_does_not_know_the_sweep_is_told_and_not_made(
    stopped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'own.db'}"
    assert resume(stopped, "--set", f"database.url={url}") == 2
    said = capsys.readouterr().err
    assert f"{url} holds no trials of this sweep (they went to sqlite:///" in said
    assert not (tmp_path / "own.db").exists()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"run": 5}', '{"run": "../x"}', '{"run": ""}', "[" * 99_999]
)
def test_a_damaged_state_is_told(
    content: str, done: Path, stopped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (stopped / STATE).write_text(content)
    assert resume(stopped, *own(done)) == 2
    assert STATE in capsys.readouterr().err


def test_markets_are_those_that_were_begun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_inputs(tmp_path)
    files = [write_candles(tmp_path / f"m{seed}.parquet", small_market(seed)) for seed in (3, 4)]
    out = tmp_path / "out"
    data = [part for file in files for part in ("--data", str(file))]
    assert sweep(config, out, *SMALL, *data) == 0
    table = json.loads((out / PLAN).read_text())
    for key, value in (("folder", "../../elsewhere"), ("folder", "/tmp/elsewhere"), ("file", "x")):
        planted = json.loads(json.dumps(table))
        planted["markets"][0][key] = value
        (out / PLAN).write_text(json.dumps(planted))
        assert resume(out, "--config", str(config)) == 2
        assert f"{PLAN}: " in capsys.readouterr().err
    assert not (tmp_path.parent / "elsewhere").exists()


@pytest.mark.parametrize("symbols", ["..,.", "../a,../b", "/a,/b", "a/../../b,c"])
def test_a_market_named_like_a_path_stays_inside(symbols: str, tmp_path: Path) -> None:
    from stoptrail.cli.market import paired

    for market in paired([], symbols.split(",")):
        assert (tmp_path / market.folder).resolve().parent == tmp_path.resolve()
        assert not market.folder.startswith(".")


def test_a_replacement_that_died_half_way_is_ended_at_the_next_start(tmp_path: Path) -> None:
    config = write_inputs(tmp_path)
    command = ["backtest", "--quiet", "--config", str(config), "--out", str(tmp_path / "out")]
    assert runner.main(command) == 0
    run = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    aside = tmp_path / f"out{REPLACED}"
    (tmp_path / "out").rename(aside)
    (aside / "notes.txt").write_text("the user's own")
    assert runner.main(command) == 2  # the run is back, so that only --force replaces it
    assert {f.name: f.read_bytes() for f in (tmp_path / "out").iterdir() if f.name in run} == run
    assert (tmp_path / "out" / "notes.txt").read_text() == "the user's own"
    assert not aside.exists()


def test_what_a_killed_run_left_is_taken_away_and_what_is_being_made_stays(tmp_path: Path) -> None:
    import fcntl

    config = write_inputs(tmp_path)
    for name in ("dead", "alive", "sweep"):
        (tmp_path / f"{name}{UNFINISHED}").mkdir()
        (tmp_path / f"{name}{UNFINISHED}" / ".lock").touch()
    (tmp_path / f"sweep{UNFINISHED}" / STATE).touch()  # which --resume goes on with
    with (tmp_path / f"alive{UNFINISHED}" / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["backtest", "--quiet", "--config", str(config), "--out"]
        assert runner.main([*command, str(tmp_path / "out")]) == 0
        assert not (tmp_path / f"dead{UNFINISHED}").exists()
        assert (tmp_path / f"alive{UNFINISHED}").exists()
        assert (tmp_path / f"sweep{UNFINISHED}" / STATE).exists()
        assert runner.main([*command, str(tmp_path / "alive")]) == 2


def test_the_key_of_a_sweep_of_one_market_is_not_one_of_several(
    done: Path, stopped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = json.loads((stopped / STATE).read_text())["run"]
    (stopped / PLAN).write_text(json.dumps({"run": key, "markets": []}))
    assert resume(stopped, *own(done)) == 2
    assert "as that of another kind of sweep" in capsys.readouterr().err


@pytest.mark.parametrize("name", [STATE, SETTINGS, PLAN])
def test_a_link_to_itself_is_told(
    name: str, done: Path, stopped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (stopped / name).unlink(missing_ok=True)
    (stopped / name).symlink_to(name)
    before = sorted(stopped.iterdir())
    assert resume(stopped, *own(done)) == (0 if name == PLAN else 2)
    said = capsys.readouterr().err
    assert name == PLAN or name in said
    assert name == PLAN or sorted(stopped.iterdir()) == before
