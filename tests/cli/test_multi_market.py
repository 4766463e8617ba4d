from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import runner
from stoptrail.cli.market import paired
from stoptrail.core.errors import DataError, UsageError
from tests.sweep.small import contents, small_market, sweep, write_candles, write_inputs


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """A sweep over two markets, and their files."""
    folder = tmp_path_factory.mktemp("several")
    config = write_inputs(folder)
    files = [write_candles(folder / f"m{seed}.parquet", small_market(seed)) for seed in (3, 4)]
    data = [part for file in files for part in ("--data", str(file))]
    more = ["--symbols", "AAA/USDT", "--no-walk-forward", *data]
    assert sweep(config, folder / "out", *more) == 0
    return folder / "out", files


def test_each_market_has_a_complete_run_of_its_own(done: tuple[Path, list[Path]]) -> None:
    out, _ = done
    for name in ("AAA-USDT", "m4"):
        assert contents(out / name)
        assert (out / name / "report.html").exists()


def test_a_market_is_swept_as_it_would_be_alone(
    done: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    out, files = done
    config = write_inputs(tmp_path)
    more = ("--data", str(files[1]), "--symbols", "m4", "--no-walk-forward")
    assert sweep(config, tmp_path / "alone", *more) == 0
    for name in ("trials.parquet", "trades.csv", "equity.csv", "stops.csv"):
        assert contents(out / "m4")[name] == contents(tmp_path / "alone")[name]


def test_across_is_the_mean_and_the_worst_of_the_markets_objectives(
    done: tuple[Path, list[Path]],
) -> None:
    out, _ = done
    columns = []
    for name in ("AAA-USDT", "m4"):
        column = pq.read_table(out / name / "trials.parquet")["objective"]
        columns.append(np.array(column.to_pylist(), float))
    table = pq.read_table(out / "across.parquet")
    mean, worst = (np.array(table[name].to_pylist(), float) for name in ("mean", "worst"))
    np.testing.assert_allclose(mean, np.mean(columns, axis=0), rtol=1e-12)
    np.testing.assert_array_equal(worst, np.where(np.isnan(mean), np.nan, np.min(columns, axis=0)))
    across = json.loads((out / "across.json").read_text())
    assert across["markets"] == 2
    assert across["warnings"] == []
    assert across["enough_trades_in_each"] == int(np.sum(~np.isnan(mean))) > 0
    assert across["best"][0]["combination"] == int(np.nanargmax(mean))
    assert [row["mean"] for row in across["best"]] == sorted(
        (row["mean"] for row in across["best"]), reverse=True
    )


def test_markets_are_ranked_by_their_best_set(done: tuple[Path, list[Path]]) -> None:
    markets = json.loads((done[0] / "markets.json").read_text())
    assert {row["symbol"] for row in markets} == {"AAA/USDT", "m4"}
    assert markets[0]["objective"] >= markets[1]["objective"]


def test_a_stopped_sweep_over_markets_goes_on(done: tuple[Path, list[Path]]) -> None:
    out, _ = done
    before = (out / "across.parquet").read_bytes()
    (out / "across.parquet").unlink()
    command = ["backtest", "--sweep", "--quiet", "--no-walk-forward", "--resume", str(out)]
    assert runner.main([*command, "--config", str(out.parent / "strategy.toml")]) == 0
    assert (out / "across.parquet").read_bytes() == before


def test_symbols_and_files_pair_up_by_order(tmp_path: Path) -> None:
    files = [tmp_path / "a.csv", tmp_path / "b_15m.csv"]
    for file in files:
        file.write_text("")
    found = paired(files, ["X/USDT"])
    assert [(market.symbol, market.file) for market in found] == [
        ("X/USDT", str(files[0])),
        ("b_15m", str(files[1])),
    ]
    assert [market.folder for market in found] == ["X-USDT", "b_15m"]
    assert [market.file for market in paired([], ["X/USDT", "Y/USDT"])] == ["", ""]


def test_a_second_data_stays_a_second_market_whatever_kind_of_path_it_is(tmp_path: Path) -> None:
    for name in ("btc", "eth"):
        (tmp_path / name).mkdir()
    (tmp_path / "sol.2024.zip").touch()
    paths = [tmp_path / "btc", tmp_path / "eth" / "*.csv", tmp_path / "sol.2024.zip"]
    paths.append(tmp_path / "XRPUSDT-15m-*.zip")
    found = paired(paths, [])
    assert [market.symbol for market in found] == ["btc", "eth", "sol", "XRPUSDT-15m"]
    assert [Path(market.file) for market in found] == paths
    assert len({market.folder for market in found}) == len(paths)


def test_a_folder_a_pattern_and_an_archive_are_swept_as_markets_of_their_own(
    tmp_path: Path,
) -> None:
    config = write_inputs(tmp_path)
    for seed, name in ((3, "one"), (4, "two")):
        (tmp_path / name).mkdir()
        write_candles(tmp_path / name / "m.parquet", small_market(seed))
    data = [part for path in ("one", "two/*.parquet") for part in ("--data", str(tmp_path / path))]
    assert sweep(config, tmp_path / "out", "--no-walk-forward", *data) == 0
    runs = {name: contents(tmp_path / "out" / name)["trades.csv"] for name in ("one", "two")}
    assert runs["one"] != runs["two"]


def test_markets_that_do_not_pair_up_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("")
    with pytest.raises(UsageError, match="3 markets for 1"):
        paired([tmp_path / "a.csv"], ["X", "Y", "Z"])
    with pytest.raises(UsageError, match="X is given twice"):
        paired([], ["X", "X"])
    with pytest.raises(DataError, match="no such candle file"):
        paired([tmp_path / "a.csv", tmp_path / "none.csv"], [])


def test_months_of_one_market_are_no_two_markets(tmp_path: Path) -> None:
    months = [tmp_path / f"BTCUSDT-15m-2024-0{month}.csv" for month in (1, 2)]
    other = tmp_path / "ETHUSDT-15m-2024-01.csv"
    for file in (*months, other):
        file.write_text("")
    with pytest.raises(UsageError, match=r"are one market by their names.*pattern in quotes"):
        paired(months, [])
    assert [market.symbol for market in paired(months, ["A", "B"])] == ["A", "B"]
    assert len(paired([months[0], other], [])) == 2


@pytest.mark.parametrize("name", ["../x", "..", "/", "a/../../b", "A/B/C", "/etc", ". /x", "a\\b"])
def test_a_symbol_that_leads_elsewhere_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_inputs(tmp_path)
    command = ["backtest", "--config", str(config), "--sweep", "--out", str(tmp_path / "out")]
    assert runner.main([*command, "--symbols", name]) == 2
    assert "must name a market, such as BTC/USDT" in capsys.readouterr().err
    assert not list(tmp_path.glob("out*"))


def test_folders_never_meet() -> None:
    found = paired([], ["A/B", "A:B"])
    assert len({market.folder for market in found}) == 2


def test_one_file_in_the_settings_is_no_source_for_several_markets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_inputs(tmp_path)
    assert sweep(config, tmp_path / "out", "--symbols", "A/B,C/D") == 2
    assert "give each its own --data" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
