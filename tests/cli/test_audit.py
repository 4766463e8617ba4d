from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

import runner
from tests.sweep.small import small_market, write_candles

PLANTED = "tests.sweep.planted:"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit")
    file = write_candles(folder / "candles.parquet", small_market(days=130))
    text = f'[data]\npath = "{file}"\nsource = "file"\ntimeframe = "1h"\nsymbol = "SMALL/USDT"\n'
    (folder / "strategy.toml").write_text(text)
    return folder / "strategy.toml"


@pytest.fixture(autouse=True)
def fewer_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    from stoptrail.sweep.audit import signal

    monkeypatch.setattr(signal, "EACH", 60)


def audited(
    signal: str, config: Path, capsys: pytest.CaptureFixture[str], *more: str
) -> tuple[int, dict[str, Any]]:
    code = runner.main(["audit", signal, "--config", str(config), "--json", *more])
    return code, json.loads(capsys.readouterr().out)


def found_in(table: dict[str, Any]) -> set[str]:
    return {check["name"].partition(",")[0] for check in table["checks"] if check["findings"]}


@pytest.mark.parametrize(
    ("signal", "more"),
    [
        ("mtf_cycle", ("strategy.trend_period=10", "strategy.cycle_period=24.0")),
        ("donchian_breakout", ()),
        (f"{PLANTED}honest", ()),
    ],
)
def test_a_signal_that_looks_back_only_passes(
    signal: str, more: tuple[str, ...], config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = [part for key in more for part in ("--set", key)]
    code, table = audited(signal, config, capsys, *overrides)
    assert (code, found_in(table)) == (0, set())
    assert table["passed"] is True
    assert sum(check["tried"] for check in table["checks"]) > 500


@pytest.mark.parametrize(
    "signal", ["one_candle_ahead", "seldom_ahead", "unfinished_day", "scaled_by_all"]
)
def test_a_planted_look_ahead_is_found(
    signal: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, table = audited(f"{PLANTED}{signal}", config, capsys)
    assert code == 1
    assert "later candles" in found_in(table)


def test_a_signal_that_fails_on_fewer_candles_loses_no_finding(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, table = audited(f"{PLANTED}ahead_and_picky", config, capsys)
    assert code == 1
    assert {"later candles", "works on other candles"} <= found_in(table)
    lines = [line for check in table["checks"] for line in check["findings"]]
    assert any("it knows something 1 candle later" in line for line in lines)
    assert any("ValueError: 2,000 candles are needed" in line for line in lines)


def test_dates_that_are_known_by_heart_are_found(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, table = audited(f"{PLANTED}by_heart", config, capsys)
    assert (code, found_in(table)) == (1, {"the same candles 28 years later"})


def test_a_step_that_fails_is_a_finding(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, table = audited(f"{PLANTED}with_a_step", config, capsys)
    (check,) = [check for check in table["checks"] if check["findings"]]
    assert (code, check["tried"]) == (1, 100)
    assert "the step fails: RuntimeError: the hundredth" in check["findings"][0]


def test_a_warm_up_that_is_too_short_is_found_and_measured(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, table = audited(f"{PLANTED}warm_too_soon", config, capsys)
    assert code == 1
    assert found_in(table) == {"warm-up: data that begins later"}
    (check,) = [check for check in table["checks"] if check["findings"]]
    assert check["note"].startswith("warm after 20 candles; it takes ")
    takes = int(check["note"].split("takes ")[1].split()[0].replace(",", ""))
    assert 20 < takes < 2000


def test_the_terminal_names_what_was_found(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runner.main(["audit", f"{PLANTED}one_candle_ahead", "--config", str(config)]) == 1
    out = capsys.readouterr().out
    assert "FOUND" in out
    assert "it knows something 1 candle later" in out
    assert "do not trust results of it" in out


def no_units(decision: Any) -> float:
    """A size that is none."""
    return math.nan


def no_level(position: Any, stop: Any, candle: Any, atr: float) -> float:
    """A stop level, but of the trade that every rule is tried on alone no price."""
    return float(stop.level if position.fill == 100.0 else -5.0)


@pytest.mark.parametrize(
    ("key", "name"), [("risk.sizing", "no_units"), ("strategy.exits", "no_level")]
)
def test_code_that_fails_on_the_candles_as_they_are_has_to_change(
    key: str, name: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    override = f'{key}="{__name__}:{name}"'
    command = ["audit", "donchian_breakout", "--config", str(config), "--set", override]
    assert runner.main(command) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"error: {key} {__name__}:{name} returned")
