"""`backtest` of one set: other candles than the grid was made for, and signals of other kinds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import runner
from stoptrail.backtest.inputs import plan_of, prepare
from stoptrail.cli.console import Voice
from stoptrail.cli.market import wanted
from stoptrail.cli.results import signal_notice
from stoptrail.config.load import load_settings
from stoptrail.feeds.source import load_market
from stoptrail.feeds.synthetic import synthetic_candles
from stoptrail.strategies.signals.mtf_cycle import mtf_cycle
from tests.sweep.small import DAY, FIRST, HOUR, ROOT, small_market, write_candles

DAILY = """
[strategy]
trend_period = 20
structure = "average"
cycle_period = 18.0
[stop]
atr_timeframe = "1d"
[sweep.grid]
stop.atr_timeframe = ["4h", "12h"]
"""


def config_of(folder: Path, candles: Any, timeframe: str, text: str) -> Path:
    file = write_candles(folder / "candles.parquet", candles)
    table = f'[data]\npath = "{file}"\nsource = "file"\ntimeframe = "{timeframe}"\nsymbol = "A/B"\n'
    (folder / "strategy.toml").write_text(table + text)
    return folder / "strategy.toml"


def run(config: Path, out: Path, *more: str) -> dict[str, Any]:
    assert runner.main(["backtest", "--config", str(config), "--out", str(out), *more]) == 0
    table: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return table


def test_daily_candles_are_not_refused_for_a_grid_that_is_not_searched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    candles = synthetic_candles(2, DAY, FIRST, FIRST + 1500 * DAY)
    config = config_of(tmp_path, candles, "1d", DAILY)
    table = run(config, tmp_path / "out", "--set", "data.start=2021-01-01")
    said = capsys.readouterr().err
    assert table["metrics"]["trades"] >= 0
    assert "18 is 0.75 candles of 24 h" in said
    assert "192 hours are taken" in said
    assert "structure average is of 4h candles" in said
    assert runner.main(["backtest", "--sweep", "--config", str(config)]) == 2
    assert "sweep.grid.stop.atr_timeframe" in capsys.readouterr().err


def test_a_swap_without_funding_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As its candles are loaded, not again with the result; summary.json warns of it."""
    candles = synthetic_candles(2, HOUR, FIRST, FIRST + 40 * DAY)
    config = config_of(tmp_path, candles, "1h", 'signal = "donchian_breakout"\n')
    config.write_text(config.read_text().replace('"A/B"', '"A/B:B"\n[strategy]'))
    table = run(config, tmp_path / "out")
    assert capsys.readouterr().err.count("its funding is not known") == 1
    assert sum("its funding is not known" in line for line in table["warnings"]) == 1


@pytest.mark.parametrize(
    ("hours", "parameters", "lines"),
    [
        (1, {"cycle_period": 8.0}, 0),
        (1, {"cycle_period": 7.5}, 1),
        (4, {"cycle_period": 32.0, "structure": "swing"}, 0),
        (6, {"cycle_period": 48.0, "structure": "swing"}, 1),
        (6, {"cycle_period": 47.0, "structure": "none"}, 1),
    ],
)
def test_what_a_timeframe_cannot_resolve_is_said(
    hours: int, parameters: dict[str, Any], lines: int
) -> None:
    found = mtf_cycle.reinterpreted(hours * HOUR, **parameters)  # type: ignore[attr-defined]
    assert len(found) == lines


@pytest.mark.parametrize(("period", "said"), [(24.0, "1 candle of"), (36.0, "1.5 candles of")])
def test_one_candle_is_no_candles(period: float, said: str) -> None:
    line, *_ = mtf_cycle.reinterpreted(24 * HOUR, cycle_period=period)  # type: ignore[attr-defined]
    assert f"is {said} 24 h" in line


STRENGTH = 'strategy.trend_strength 2 does nothing where strategy.trend is "roc"'
PERIOD = 'strategy.structure_period 9 does nothing where strategy.structure is "none"'
BOTH = {"trend": "roc", "trend_strength": 2.0, "structure": "none", "structure_period": 9}


@pytest.mark.parametrize(
    ("sets", "lines"),
    [
        ([BOTH], [STRENGTH, PERIOD]),
        ([{**BOTH, "trend_strength": 0.5, "structure_period": 12}], []),  # the defaults
        ([{**BOTH, "trend": "blend", "structure": "swing"}], []),
        ([BOTH, {**BOTH, "trend": "momentum"}], [PERIOD]),
        ([{**BOTH, "trend_strength": 0.5}, BOTH], [PERIOD, STRENGTH]),
    ],
)
def test_parameters_that_no_set_reads_are_named(
    sets: list[dict[str, Any]],
    lines: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = load_settings(config_of(tmp_path, small_market(days=90), "1h", ""))
    inputs = prepare(load_market(wanted(settings)), settings)
    plan = plan_of(settings, inputs)
    plans = (plan._replace(parameters={**plan.parameters, **each}) for each in sets)
    signal_notice(plans, inputs, Voice())
    assert capsys.readouterr().err.splitlines() == lines


def test_a_signal_without_exit_zones_has_no_legacy_exits_to_stand_beside(tmp_path: Path) -> None:
    text = '[strategy]\nsignal = "tests.sweep.planted:no_exits"\n'
    config = config_of(tmp_path, small_market(days=90), "1h", text)
    table = run(config, tmp_path / "out")
    assert table["metrics"]["trades"] > 0
    assert table["baseline"] == {}
    assert not list((tmp_path / "out").glob("baseline_*"))
    assert (tmp_path / "out" / "report.html").exists()


def test_the_legacy_exits_are_told_with_the_same_sizes_too(tmp_path: Path) -> None:
    text = "[strategy]\ntrend = 'roc'\ntrend_period = 8\nstructure = 'none'\ncycle_period = 16.0\n"
    table = run(config_of(tmp_path, small_market(days=150), "1h", text), tmp_path / "out")
    baseline = table["baseline"]
    assert baseline["metrics"]["trades"] == baseline["same_sizing"]["trades"] > 0
    assert abs(baseline["same_sizing"]["net_return"]) < abs(baseline["metrics"]["net_return"])


def test_a_single_run_tells_its_price_paths_and_what_it_hangs_on(tmp_path: Path) -> None:
    text = "[strategy]\ntrend = 'roc'\ntrend_period = 8\nstructure = 'none'\ncycle_period = 16.0\n"
    table = run(config_of(tmp_path, small_market(days=150), "1h", text), tmp_path / "out")
    evidence = table["evidence"]
    assert set(evidence["envelope"]) == {"candle", "high_first", "low_first"}
    assert "profit_factor_without_best_three" in evidence["concentration"]
    assert evidence["paper"]["ratchet"] == "tick"
    assert table["metrics"]["scratches"] <= table["metrics"]["trades"]


def test_a_run_says_which_exits_do_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "[strategy]\ntrend = 'roc'\ntrend_period = 8\nstructure = 'none'\ncycle_period = 16.0\n"
    config = config_of(tmp_path, small_market(days=90), "1h", text)
    run(config, tmp_path / "out", "--set", "exits.time_below=0.5")
    said = capsys.readouterr().err
    assert said.count("exits.time_below 0.5 does nothing without exits.time_hours") == 1


def test_a_run_loads_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    """Each of these takes longer to load than the candles of years take to read."""
    text = "[strategy]\ntrend = 'roc'\ntrend_period = 8\nstructure = 'none'\ncycle_period = 16.0\n"
    config = config_of(tmp_path, small_market(days=90), "1h", text)
    table = pd.read_parquet(tmp_path / "candles.parquet")
    table.assign(source="an_exchange").to_parquet(tmp_path / "candles.parquet")
    code = """
import sys
import runner
assert runner.main(sys.argv[1:]) == 0
print(*{"pandas", "pyarrow.compute", "scipy.linalg", "ccxt", "peewee"} & set(sys.modules))
"""
    options = ["backtest", "--quiet", "--config", str(config), "--out", str(tmp_path / "out")]
    command = [sys.executable, "-c", code, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
