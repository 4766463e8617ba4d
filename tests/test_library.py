"""The public face: light, complete, as docs/library.md says; and runs as functions."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import backtrader as bt
import numpy as np
import pandas as pd
import pytest

import runner
import stoptrail
from stoptrail.cli.main import main
from stoptrail.config.grid import build_grid
from stoptrail.config.load import SHIPPED, as_texts, with_overrides
from stoptrail.core import errors
from stoptrail.core.errors import ConfigError, DataError, OutputError, UsageError
from stoptrail.library import SyntheticMarketWarning
from tests.backtrader_runs import frame_of, pandas_feed, rounded
from tests.strategies.market import random_market

PAGE = (Path(runner.__file__).parent / "docs/library.md").read_text("utf-8")
CANDLES = rounded(random_market(11, 120, missing=0))
QUICK = {
    "strategy.trend": "price_ema",
    "strategy.trend_period": 6,
    "strategy.cycle_period": 8.0,
    "strategy.sides": "both",
}
GRID = {
    "sweep.grid": {"stop.trailing_atr_multiplier": [2.0, 4.0]},
    "sweep.min_trades": 2,
    "sweep.finalists": 1,
    "sweep.pruned_checks": 1,
    "sweep.jobs": 1,
    "sweep.permutations": 0,
}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    root = Path(runner.__file__).parent
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, cwd=root
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# The face


def test_importing_the_package_does_no_work() -> None:
    code = "import sys, stoptrail; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = set(python(code).split())
    assert "stoptrail" in loaded
    heavy = {
        "backtrader",
        "ccxt",
        "click",
        "numba",
        "numpy",
        "pandas",
        "peewee",
        "pydantic",
        "rich",
    }
    assert not loaded & heavy


def test_every_public_name_is_there_and_in_the_listing() -> None:
    for name in stoptrail.__all__:
        assert getattr(stoptrail, name) is not None
        assert name in dir(stoptrail)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        stoptrail.nothing  # noqa: B018


@pytest.mark.parametrize(
    "first", ["import stoptrail.backtest.engine, stoptrail.sweep.space", "pass"]
)
def test_the_functions_are_not_hidden_by_the_folders_of_their_names(first: str) -> None:
    code = (
        f"{first}\nimport stoptrail\nprint(callable(stoptrail.backtest), callable(stoptrail.sweep))"
    )
    assert python(code) == "True True"


def test_a_module_of_such_a_folder_can_be_imported_under_another_name() -> None:
    code = (
        "import stoptrail.sweep.price_paths as paths, stoptrail.backtest.engine as engine\n"
        "import stoptrail, stoptrail.sweep.statistics.verdict\n"
        "print(paths.__name__, engine.__name__, stoptrail.sweep.statistics.verdict.__name__,\n"
        "      stoptrail.sweep.price_paths is paths, stoptrail.sweep.__module__)"
    )
    assert python(code).split() == [
        "stoptrail.sweep.price_paths",
        "stoptrail.backtest.engine",
        "stoptrail.sweep.statistics.verdict",
        "True",
        "stoptrail.library",
    ]


def test_importing_a_folder_later_hides_no_function() -> None:
    code = (
        "import stoptrail; a = stoptrail.backtest\n"
        "import stoptrail.backtest.tables, stoptrail.sweep.store\n"
        "print(stoptrail.backtest is a, stoptrail.sweep.__name__)"
    )
    assert python(code) == "True sweep"


# The page


def test_every_public_name_is_documented() -> None:
    headed = set(re.findall(r"^### `(\w+)", PAGE, re.MULTILINE))
    assert headed | {"SweepResult"} == set(stoptrail.__all__)


def test_documented_signatures_are_those_of_the_code() -> None:
    shown = re.findall(r"^### `(\w+)(\(.*\))`", PAGE, re.MULTILINE)
    assert len(shown) == 4
    for name, text in shown:
        signature = inspect.signature(getattr(stoptrail, name))
        bare = [
            each.replace(annotation=inspect.Parameter.empty)
            for each in signature.parameters.values()
        ]
        assert text == str(inspect.Signature(bare)), name


@pytest.mark.parametrize("name", ["MtfStrategy"])
def test_documented_parameters_are_those_of_the_class(name: str) -> None:
    section = PAGE.partition(f"### `{name}`")[2].partition("###")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, re.MULTILINE))
    defaults = getattr(stoptrail, name).params._getitems()
    assert set(rows) == {key for key, _ in defaults}
    for key, default in defaults:
        if isinstance(default, int) and key != "sides":
            assert rows[key] == str(default)


@pytest.mark.parametrize("name", ["CandleBroker", "StopTrail", "RunResult", "Candles", "Signals"])
def test_documented_members_exist(name: str) -> None:
    section = PAGE.partition(f"### `{name}`")[2].partition("\n#")[0]
    kind = getattr(stoptrail, name)
    fields = {*dir(kind), *getattr(kind, "__dataclass_fields__", {}), *_assigned(kind)}
    rows = re.findall(r"^\| ((?:`\w+[^`]*`(?:, )?)+) \|", section, re.MULTILINE)
    named = [word for row in rows for word in re.findall(r"`(\w+)", row)]
    for word in named or re.findall(r"`(\w+)`", section.partition(":")[2]):
        if word.islower() and word not in ("now", "true"):
            assert word in fields, f"{name}.{word}"


def _assigned(kind: Any) -> set[str]:
    source = inspect.getsource(kind)
    return set(re.findall(r"self\.(\w+)", source))


def test_documented_errors_are_the_tree() -> None:
    named = set(re.findall(r"`(\w+Error)`", PAGE.partition("## Runs")[0]))
    tree = {name for name, kind in vars(errors).items() if inspect.isclass(kind)}
    assert named | {"StopTrailError"} == tree


# Runs


def test_a_run_is_what_the_command_writes(tmp_path: Path) -> None:
    frame_of(CANDLES).rename_axis("time").to_csv(tmp_path / "candles.csv")
    sets = [word for key, value in QUICK.items() for word in ("--set", f"{key}={value}")]
    assert main(["backtest", "--data", "candles.csv", "--out", "theirs", "--quiet", *sets]) == 0
    found = stoptrail.backtest(data="candles.csv", overrides=QUICK, out="ours")
    for file in ("trades.csv", "stops.csv", "equity.csv", "baseline_trades.csv", "config.toml"):
        assert (tmp_path / "ours" / file).read_bytes() == (tmp_path / "theirs" / file).read_bytes()
    summary = json.loads((tmp_path / "theirs/summary.json").read_text())
    assert found.metrics == summary["metrics"]
    assert found.folder == Path("ours")
    trades = pd.read_csv(tmp_path / "theirs/trades.csv")
    assert len(found.trades) == len(trades) > 3
    assert str(found.trades.entry_time.dtype).endswith("UTC]")
    assert found.equity.index.name == "day"
    assert found.equity.equity.iloc[-1] / 100_000.0 - 1.0 == pytest.approx(
        found.metrics["net_return"]
    )
    assert set(found.stops.trade) == set(found.trades.number)
    with pytest.raises(UsageError, match=r"^out=ours: .* or replace that run with force=True$"):
        stoptrail.backtest(data="candles.csv", overrides=QUICK, out="ours")
    stoptrail.backtest(data="candles.csv", overrides=QUICK, out="ours", force=True)


def test_a_run_of_a_table_that_is_kept_can_be_made_again_from_its_settings(tmp_path: Path) -> None:
    table = frame_of(CANDLES)
    first = stoptrail.backtest(data=table, overrides=QUICK, out="runs/one")
    (kept,) = tmp_path.glob("runs/*.parquet")
    again = stoptrail.backtest("runs/one/config.toml")
    pd.testing.assert_frame_equal(again.trades, first.trades)
    assert len(again.trades) > 3
    stoptrail.backtest(data=table, overrides=QUICK, out="runs/two")
    with pytest.raises(UsageError, match="runs/two"):
        stoptrail.backtest(data=table.iloc[:-1], overrides=QUICK, out="runs/two")
    with pytest.raises(DataError, match="3 candles"):
        stoptrail.backtest(data=table.iloc[::-1].tail(3), overrides=QUICK, out="runs/three")
    assert list(tmp_path.glob("runs/*.parquet")) == [kept]


def test_candles_and_tables_of_any_usual_shape_give_the_same(tmp_path: Path) -> None:
    frame = frame_of(CANDLES)
    local = frame.copy()
    local.index = local.index.tz_localize("UTC").tz_convert("Europe/Berlin")
    column = frame.rename_axis("time").reset_index()
    periods = frame.set_axis(frame.index.to_period("15min"))
    runs = [
        stoptrail.backtest(data=each, overrides=QUICK)
        for each in (CANDLES, frame, local, column, periods)
    ]
    for run in runs[1:]:
        assert run.metrics == runs[0].metrics
        pd.testing.assert_frame_equal(run.trades, runs[0].trades)
    assert list(tmp_path.iterdir()) == []
    assert runs[0].folder is None


def test_settings_come_checked_or_as_a_file_or_by_key(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[strategy]\ntrend = "price_ema"\ntrend_period = 6\ncycle_period = 8.0\n'
    )
    settings = stoptrail.load_settings("mine.toml")
    one = stoptrail.backtest("mine.toml", data=CANDLES)
    two = stoptrail.backtest(settings, data=CANDLES)
    three = stoptrail.backtest(stoptrail.Settings(), data=CANDLES, overrides=QUICK)
    four = stoptrail.backtest(settings, data=CANDLES, overrides=["stop.atr_period=5"])
    assert one.metrics == two.metrics == three.metrics != four.metrics
    five = stoptrail.backtest(settings, data=CANDLES, overrides={"stop.atr_period": np.int64(5)})
    assert four.metrics == five.metrics


def test_settings_in_a_cerebro_of_ones_own_trade_as_the_command_does() -> None:
    settings = stoptrail.load_settings(SHIPPED, as_texts({**QUICK, "stop.atr_period": 9}))
    run = stoptrail.backtest(settings, data=CANDLES)
    cerebro = bt.Cerebro()
    cerebro.adddata(pandas_feed(CANDLES))
    cerebro.setbroker(stoptrail.CandleBroker(settings=settings))
    cerebro.addstrategy(stoptrail.MtfStrategy, **settings.strategy_options)
    cerebro.addanalyzer(bt.analyzers.TradeAnalyzer, _name="trades")
    (strategy,) = cerebro.run()
    found = strategy.analyzers.trades.get_analysis()
    assert found.total.closed == run.metrics["trades"] > 3
    assert cerebro.broker.getvalue() == pytest.approx(run.equity.equity.iloc[-1], rel=1e-12)


def test_a_whole_grid_is_kept_when_the_signal_changes_too() -> None:
    wanted = {"strategy.entry_period": [20, 40], "stop.atr_period": [7]}
    changed = {"sweep.grid": wanted, "strategy.signal": "donchian_breakout"}
    settings = with_overrides(stoptrail.load_settings(SHIPPED), as_texts(changed))
    grid = build_grid(settings)
    assert dict(zip(grid.keys, map(list, grid.values), strict=True)) == wanted


@pytest.mark.slow
def test_a_sweep_brings_its_trials(tmp_path: Path) -> None:
    found = stoptrail.sweep(data=CANDLES, overrides={**QUICK, **GRID}, walk_forward=False)
    assert len(found.trials) == 2
    assert found.best == {
        "stop.trailing_atr_multiplier": found.best["stop.trailing_atr_multiplier"]
    }
    best = found.trials.iloc[found.summary["best"]["combination"]]
    assert best["stop.trailing_atr_multiplier"] == found.best["stop.trailing_atr_multiplier"]
    assert best["net_return"] == pytest.approx(found.metrics["net_return"], rel=1e-9)
    alone = stoptrail.backtest(data=CANDLES, overrides={**QUICK, **found.best})
    pd.testing.assert_frame_equal(alone.trades, found.trades)
    assert "sweep" in repr(found).lower()
    assert {path.name for path in tmp_path.iterdir()} <= {"state"}


def test_invented_candles_are_a_warning() -> None:
    wanted = {"data.source": "synthetic", "data.start": "2024-01-01", "data.end": "2024-02-01"}
    with pytest.warns(SyntheticMarketWarning, match="no real prices"):
        found = stoptrail.backtest(overrides=wanted)
    assert found.summary["data"]["synthetic"]
    assert any("SYNTHETIC" in line for line in found.notices)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"overrides": {"stop.atr_perid": 3}}, ConfigError, "atr_period"),
        ({"overrides": {"stop.atr_period": None}}, ConfigError, "no value of a setting"),
        (
            {"overrides": {"stop.atr_period": 0}},
            ConfigError,
            r"stop\.atr_period must be .*received 0",
        ),
        ({"overrides": "stop.atr_period=3"}, UsageError, "must be a mapping or a list"),
        ({"settings": "no.toml"}, ConfigError, "no.toml"),
        ({"data": "no.csv"}, DataError, "no.csv"),
        ({"data": 3}, DataError, "not int"),
        ({"data": pd.DataFrame({"close": [1.0]})}, DataError, "^data: "),
        (
            {"data": pd.DataFrame([[1.0, 2.0]], columns=["close", "close"])},
            DataError,
            "^data: .*close",
        ),
        ({"data": pd.DataFrame({"time": [1, "x"]})}, DataError, "^data: is no plain table"),
        ({"settings": 3}, UsageError, "settings: must be Settings or a TOML file, not int"),
        ({"settings": {"stop.atr_period": 3}}, UsageError, "not dict; .* are overrides"),
        (
            {"data": CANDLES, "manager": stoptrail.StopTrail},
            UsageError,
            "manager: .*Cerebro of your own",
        ),
        (
            {"data": CANDLES, "sizer": stoptrail.AtrRiskSizer},
            UsageError,
            "sizer: .*Cerebro of your own",
        ),
        ({"data": CANDLES, "out": "/proc/nowhere"}, OutputError, "/proc"),
        ({"overrides": {"strategy.manager": "mine:Trail"}}, ConfigError, "Cerebro of your own"),
        ({"overrides": {"strategy.sizer": "mine:Sizer"}}, ConfigError, "Cerebro of your own"),
    ],
)
@pytest.mark.parametrize("run", [stoptrail.backtest, stoptrail.sweep])
def test_what_has_to_change_is_said_in_one_line(
    run: Any, arguments: dict[str, Any], kind: Any, message: str
) -> None:
    with pytest.raises(kind, match=message) as failed:
        run(**arguments)
    assert "\n" not in str(failed.value)
    assert "stoptrail-" not in str(failed.value)  # the file that a table was written to
