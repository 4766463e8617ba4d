"""Every example runs, and says what it is there to say."""

from __future__ import annotations

import os
import re
import runpy
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
from joblib.externals.loky import get_reusable_executor

import runner
import stoptrail
from tests.backtrader_runs import frame_of, rounded
from tests.live.playback import PlaybackStore, play
from tests.live.small_market import HOUR, WARM_UP, settings, small_rows
from tests.strategies.market import random_market

EXAMPLES = Path(runner.__file__).parent / "examples"
CANDLES = rounded(random_market(21, 160, missing=0))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with a candle file; the examples can import each other, in workers too,
    which therefore begin anew."""
    get_reusable_executor().shutdown(wait=True)
    frame_of(CANDLES).rename_axis("time").to_csv(tmp_path / "candles.csv")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return tmp_path


def said(name: str, *arguments: object, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a script prints."""
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return str(capsys.readouterr().out)


@pytest.fixture
def run(folder: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a script on the candle file, or with arguments of its own."""

    def script(name: str, *arguments: object) -> str:
        return said(name, *(arguments or ["candles.csv"]), capsys=capsys, monkeypatch=monkeypatch)

    return script


@pytest.mark.slow
def test_own_signal(run: Any) -> None:
    told = run("own_signal.py")
    assert re.search(r"best of 6: \{'strategy.days': \d+, 'stop.trailing_atr_multiplier': \d", told)
    assert "r_multiple" in told


def test_talib_signal(run: Any) -> None:
    pytest.importorskip("talib", reason="needs TA-Lib")
    found = dict(line.split() for line in run("talib_signal.py").splitlines())
    assert int(found["trades"]) > 0


def test_own_cerebro(run: Any) -> None:
    told = run("own_cerebro.py")
    equity = float(re.search(r"equity ([\d.]+)", told).group(1))  # type: ignore[union-attr]
    closed, net = re.search(r"closed trades (\d+), net (-?[\d.]+)", told).groups()  # type: ignore[union-attr]
    assert int(closed) > 3
    assert equity == pytest.approx(10_000.0 + float(net), abs=600.0)  # one may be open
    assert equity != 10_000.0


def test_own_manager(run: Any) -> None:
    shipped, own = re.findall(r"[\d.]+\d", run("own_manager.py"))
    assert shipped != own


def test_examples_do_without_a_file(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setattr(sys, "argv", ["own_signal.py"])
    found = runpy.run_path(str(EXAMPLES / "example_market.py"))["candles"]()
    assert len(found.time) > 60_000
    assert "SYNTHETIC" in capsys.readouterr().out


@pytest.mark.slow
def test_read_trials(run: Any) -> None:
    grid = {"sweep.grid": {"stop.atr_period": [7, 14, 28]}, "sweep.min_trades": 1}
    quick = {"sweep.finalists": 1, "sweep.pruned_checks": 0, "sweep.jobs": 1}
    mine = {"strategy.trend_period": 6, "strategy.sides": "both"}
    stoptrail.sweep(
        data="candles.csv", overrides={**mine, **grid, **quick}, out="run", walk_forward=False
    )
    told = run("read_trials.py", "run")
    assert told.startswith("3 combinations of stop.atr_period")
    assert "verdict:" in told


def test_read_ledger(run: Any, folder: Path) -> None:
    url = f"sqlite:///{folder}/ledger.db"
    play(settings(), PlaybackStore(small_rows(700), WARM_UP, HOUR), url)
    told = run("read_ledger.py", folder / "ledger.db")
    heads = ["number", "side", "units", "entry_time", "entry", "exit_time", "exit", "pnl", "levels"]
    assert heads == re.findall(r"\w+", told.splitlines()[1])[:-1]  # none is left out for width
    count, pnl = re.search(r"closed: (\d+), together (-?[\d.]+)", told).groups()  # type: ignore[union-attr]
    assert int(count) > 5
    assert float(pnl) != 0.0


@pytest.mark.parametrize("name", ["read_trials.py", "read_ledger.py"])
def test_a_script_without_its_argument_says_how_it_is_called(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [name])
    with pytest.raises(SystemExit, match=f"usage: python examples/{name}"):
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def test_a_script_given_something_else_says_what_it_reads(run: Any, folder: Path) -> None:
    (folder / "market").mkdir()
    with pytest.raises(SystemExit, match=r"market has no trials\.parquet: name the folder of a"):
        run("read_trials.py", folder / "market")
    with pytest.raises(SystemExit, match=r"none\.db is not there: name the database"):
        run("read_ledger.py", folder / "none.db")
    sqlite3.connect(folder / "sweeps.db").close()
    with pytest.raises(SystemExit, match=r"sweeps\.db holds no paper session"):
        run("read_ledger.py", folder / "sweeps.db")


def test_every_example_is_listed() -> None:
    page = (EXAMPLES / "README.md").read_text("utf-8")
    for file in EXAMPLES.glob("*.*"):
        assert file.name in ("README.md", "example_market.py") or f"`examples/{file.name}`" in page


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_notebook_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, as Jupyter does."""
    nbformat = pytest.importorskip("nbformat", reason="needs nbclient and ipykernel")
    client = pytest.importorskip("nbclient", reason="needs nbclient and ipykernel")
    pytest.importorskip("ipykernel", reason="needs nbclient and ipykernel")
    monkeypatch.setenv(
        "PYTHONPATH", str(EXAMPLES.parent) + os.pathsep + os.environ.get("PYTHONPATH", "")
    )
    monkeypatch.setenv("MPLBACKEND", "agg")
    notebook = nbformat.read(EXAMPLES / "tour.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)
    client.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": folder}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    texts = [str(output.get("data", {}).get("text/plain", "")) for output in shown]
    assert any(text.startswith("<RunResult net_return=") for text in texts)
    assert any("stop.trailing_atr_multiplier" in text for text in texts)
    assert not [output for output in shown if output.output_type == "error"]
