"""What a user can get wrong: one clear line, exit code 2, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import runner
from tests.sweep.small import small_market, write_inputs

Spoil = Callable[[pd.DataFrame], pd.DataFrame]


def _table() -> pd.DataFrame:
    market = small_market(days=60)
    columns = {k: getattr(market, k) for k in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame({"timestamp": pd.to_datetime(market.time, unit="ms", utc=True), **columns})


def _with(column: str, value: float) -> Spoil:
    def spoil(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[500, column] = value
        return table

    return spoil


def _doubled(table: pd.DataFrame) -> pd.DataFrame:
    again = table.iloc[299:300].assign(close=table.close[299] * 1.0001, high=table.high.max())
    return pd.concat([table.iloc[:300], again, table.iloc[300:]], ignore_index=True)


BAD_TABLES: dict[str, tuple[Spoil, str]] = {
    "a column is missing": (lambda t: t.drop(columns="low"), "low"),
    "unsorted": (lambda t: t.sample(frac=1, random_state=1), "sort the file"),
    "a time twice": (_doubled, "comes twice"),
    "not a number": (_with("close", np.nan), "close"),
    "high below low": (_with("high", 0.01), "high"),
    "negative price": (_with("low", -1.0), "low"),
    "wrong timeframe": (lambda t: t.iloc[::4], "timeframe"),
    "too few candles": (lambda t: t.iloc[1100:1200], "warm-up"),
}

BAD_SETTINGS: dict[str, tuple[tuple[str, ...], str]] = {
    "an empty span": (("data.start=2031-01-01", "data.end=2031-02-01"), "2031"),
    "a span the wrong way round": (("data.start=2020-03-01", "data.end=2020-02-20"), "before"),
    "an unknown key": (("stop.atr_perod=3",), "atr_period"),
    "an unknown section": (("stops.atr_period=3",), "stop"),
    "a value out of range": (("risk.risk_per_trade=7",), "risk_per_trade"),
    "an empty list in the grid": (('sweep.grid."stop.atr_period"=[]',), "atr_period"),
    "an unknown signal": (("strategy.signal=mtf_cicle",), "mtf_cycle"),
}


def refused(folder: Path, capsys: pytest.CaptureFixture[str], *command: str) -> str:
    """The one line that a sweep and a single run are refused with, less the notices."""
    before = set(folder.rglob("*"))
    for extra in ((), ("--sweep",)):
        out = folder / "out" / "deep"
        arguments = ["backtest", *extra, "--quiet", *command, "--out", str(out)]
        assert runner.main(arguments) == 2, arguments
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith("error: ")
        assert "Traceback" not in lines[0]
        left = set(folder.rglob("*")) - before
        assert left <= {folder / "trials.db"}, left
    return lines[0]


@pytest.mark.parametrize("name", BAD_TABLES)
@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_bad_candle_file(
    name: str, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, word = BAD_TABLES[name]
    config = write_inputs(tmp_path)
    file = tmp_path / f"bad.{kind}"
    table = spoil(_table())
    if kind == "csv":
        table.to_csv(file, index=False)
    else:
        table.to_parquet(file)
    line = refused(tmp_path, capsys, "--config", str(config), "--data", str(file))
    assert word in line.lower()


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_a_bad_setting(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overrides, word = BAD_SETTINGS[name]
    config = write_inputs(tmp_path)
    more = [part for override in overrides for part in ("--set", override)]
    assert word in refused(tmp_path, capsys, "--config", str(config), *more)


def test_a_grid_that_is_too_large_is_refused_by_a_sweep_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["backtest", "--quiet", "--config", str(write_inputs(tmp_path))]
    command += ["--set", "sweep.max_combinations=3", "--out", str(tmp_path / "out")]
    assert runner.main([*command, "--sweep"]) == 2
    assert "24 combinations" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert runner.main(command) == 0


def test_a_candle_file_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_inputs(tmp_path)
    missing = tmp_path / "none.parquet"
    assert "none.parquet" in refused(
        tmp_path, capsys, "--config", str(config), "--data", str(missing)
    )


@pytest.mark.parametrize("name", ["picture.parquet", "words.csv", "strategy.toml"])
def test_a_file_that_holds_no_candles(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_inputs(tmp_path)
    file = tmp_path / name
    if name != "strategy.toml":
        file.write_bytes(b"\x89PNG\r\n\x1a\n nothing to see" * 20)
    assert name in refused(tmp_path, capsys, "--config", str(config), "--data", str(file))
