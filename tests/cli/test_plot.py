from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

import runner
from stoptrail.cli.plot import by_r, chosen_trades, trade_name
from stoptrail.core.errors import UsageError
from stoptrail.core.time import time_ms
from stoptrail.reports.run_files import read_run
from tests.sweep.small import altered_from, small_market, write_candles, write_inputs


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a backtest with plots."""
    folder = tmp_path_factory.mktemp("plot")
    config = write_inputs(folder)
    command = ["backtest", "--quiet", "--plot", "--config", str(config), "--out"]
    assert runner.main([*command, str(folder / "out")]) == 0
    return folder / "out"


@pytest.fixture(autouse=True)
def no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)


def plotting(run: Path) -> list[str]:
    """The command, with the settings that the run was made with."""
    return ["plot", str(run), "--config", str(run.parent / "strategy.toml")]


def without_seconds(run: Path) -> str:
    """The run's report but for how long everything took."""
    page = (run / "report.html").read_text()
    return re.sub(r'<tr><th scope="row">seconds\.\w+</th><td>[\d.]+</td></tr>', "", page)


def pictures(folder: Path) -> set[str]:
    return {file.name for file in folder.glob("*.png")}


def test_a_backtest_draws_the_whole_and_its_extremes(done: Path) -> None:
    ranked = by_r(read_run(done).trades)
    names = pictures(done / "plots")
    (overview,) = {name for name in names if "overview" in name}
    data = read_run(done).summary["data"]
    assert overview.endswith(f"-overview-{data['start'][:10]}-to-{data['end'][:10]}.png")
    assert names - {overview} == {trade_name(data["symbol"], t) for t in (ranked[0], ranked[-1])}
    for name in names:
        with Image.open(done / "plots" / name) as picture:
            assert picture.size[0] > 1000


def test_the_worst_trades_are_those_with_the_lowest_r(
    done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runner.main([*plotting(done), "--worst", "2", "--out", str(tmp_path / "p")]) == 0
    lowest = sorted(read_run(done).trades, key=lambda trade: trade.r_multiple)[:2]
    symbol = read_run(done).summary["data"]["symbol"]
    assert pictures(tmp_path / "p") == {trade_name(symbol, trade) for trade in lowest}
    assert len(capsys.readouterr().out.split()) == 2


def test_last_is_the_newest_run(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(done, tmp_path / "runs" / "newest")
    monkeypatch.chdir(tmp_path)
    config = done.parent / "strategy.toml"
    assert runner.main(["plot", "last", "--config", str(config), "--trade", "1", "--out", "p"]) == 0
    assert len(pictures(tmp_path / "p")) == 1
    page = tmp_path / "runs" / "newest" / "report.html"
    page.unlink()
    assert runner.main(["report", "last", "--config", str(config)]) == 0
    assert page.exists()


def test_a_picture_s_name_says_what_it_shows(done: Path) -> None:
    trade = (
        read_run(done)
        .trades[0]
        ._replace(number=26, side=-1, entry_time=time_ms("2023-01-08T14:15:00Z"), exit_time=1)
    )
    lost = trade._replace(pnl=-3.0, r_multiple=-1.034)
    assert trade_name("BTC/USDT", lost) == "BTC-USDT-trade-26-short-2023-01-08-lost-1.03R.png"
    won = trade._replace(side=1, pnl=3.0, r_multiple=15.87)
    assert trade_name("BTC/USDT:USDT", won) == (
        "BTC-USDT-USDT-trade-26-long-2023-01-08-won-15.87R.png"
    )
    assert trade_name("", won._replace(exit_time=None)).endswith("-open.png")


def test_best_and_worst_are_mirror_images(done: Path) -> None:
    trades = read_run(done).trades
    best = chosen_trades(trades, None, None, 3)
    worst = chosen_trades(trades, None, len(trades), None)
    assert best is not None
    assert worst is not None
    assert best == worst[::-1][:3]
    assert best[0].r_multiple == max(t.r_multiple for t in trades if t.exit_time is not None)


def test_a_trade_that_is_not_there_is_told(done: Path) -> None:
    with pytest.raises(UsageError, match="--trade 5000: there is no such trade"):
        chosen_trades(read_run(done).trades, 5000, None, None)


@pytest.fixture
def older(done: Path, tmp_path: Path) -> Path:
    """The same run of a version that kept no candles in the folder."""
    folder = tmp_path / "older"
    ignored = shutil.ignore_patterns("candles.parquet", "manifest.json")
    shutil.copytree(done, folder, ignore=ignored)
    return folder


def test_the_folder_of_a_run_is_enough(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = tmp_path / "elsewhere" / "run"
    shutil.copytree(done, moved)
    monkeypatch.chdir(tmp_path)
    (done.parent / "candles.parquet").rename(tmp_path / "gone.parquet")
    try:
        assert runner.main(["plot", str(moved), "--trade", "1", "--out", str(tmp_path / "p")]) == 0
        before = without_seconds(moved)
        (moved / "report.html").unlink()
        assert runner.main(["report", str(moved)]) == 0
        assert without_seconds(moved) == before
    finally:
        (tmp_path / "gone.parquet").rename(done.parent / "candles.parquet")


def test_the_run_of_a_swap_is_drawn_by_whoever_trades_spot(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = done.parent / "strategy.toml"
    swap = ["--set", "data.symbol=SMALL/USDT:USDT", "--set", "costs.funding_rate=0.0001"]
    command = ["backtest", "--quiet", "--config", str(config), "--out", str(tmp_path / "run")]
    assert runner.main([*command, *swap]) == 0
    monkeypatch.chdir(tmp_path)
    for words in (["plot", "run", "--trade", "1", "--out", "p"], ["report", "run"]):
        assert runner.main(words) == 0
    assert len(pictures(tmp_path / "p")) == 1


def test_other_candles_than_those_of_the_run_are_refused(
    done: Path, older: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    market = small_market()
    other = write_candles(tmp_path / "other.parquet", altered_from(market, int(market.time[-9])))
    command = ["plot", str(older), *plotting(done)[2:]]
    assert runner.main([*command, "--set", f"data.path={other}"]) == 2
    assert "are not those of the run" in capsys.readouterr().err


def test_a_name_that_is_neither_run_nor_session_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_inputs(tmp_path)
    assert runner.main(["plot", "nothing", "--config", str(config)]) == 2
    assert "nothing is neither the folder of a run nor a session" in capsys.readouterr().err


def test_the_folder_of_somebody_else_opens_no_file(
    older: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)  # without settings of one's own
    assert runner.main(["plot", str(older)]) == 2
    line = capsys.readouterr().err
    assert "data.path = " in line
    assert "--trust" in line


def test_a_trusted_folder_says_where_its_candles_are(
    done: Path, older: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["plot", str(older), "--trade", "1", "--out", str(tmp_path / "p")]
    assert runner.main([*command, "--trust"]) == 0
    (name,) = pictures(tmp_path / "p")
    assert "-trade-1-" in name
    file = done.parent / "candles.parquet"
    assert runner.main([*command, "--set", f"data.path={file}"]) == 0


def test_a_run_whose_tables_are_cut_is_not_shown(
    done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "cut"
    shutil.copytree(done, cut)
    assert runner.main(["runs", "show", str(cut)]) == 0
    whole = (cut / "trades.csv").read_bytes()
    (cut / "trades.csv").write_bytes(whole[:100])
    capsys.readouterr()
    assert runner.main(["runs", "show", str(cut)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"error: {cut}/trades.csv: is not as the run left it (100 bytes instead of {len(whole)}); "
        "restore the folder or run it again\n"
    )
