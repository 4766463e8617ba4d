"""[exits], rules of one's own, and what is said of those that cannot be meant."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from stoptrail.config.grid import build_grid
from stoptrail.config.load import load_settings
from stoptrail.config.own_code import exit_rule_of
from stoptrail.config.run_rules import exit_rules_of, market_rules, run_rules_of
from stoptrail.core.errors import ConfigError
from stoptrail.rules.costs import AS_TAKER, maker_rate
from stoptrail.rules.exits import NO_EXITS, NO_PART, ScaleOut
from stoptrail.rules.stops import CHANDELIER
from tests.config.files import said_of


def test_everything_is_off_by_default() -> None:
    settings = load_settings(None, ())
    assert exit_rules_of(settings) == NO_EXITS
    assert exit_rule_of(settings.strategy.exits) is None
    rules = run_rules_of(settings, market_rules(settings.market.filters(""), 2, 2)).trade_rules
    assert rules.costs.maker_fee == AS_TAKER
    assert maker_rate(rules.costs) == settings.costs.taker_fee
    assert not rules.stop.ruled


def test_parts_stand_in_order_whatever_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "strategy.toml"
    file.write_text(
        '[exits]\ntarget = 4.0\ntarget_unit = "atr"\n'
        "[[exits.scale_out]]\nat = 2.0\nfraction = 0.25\n"
        "[[exits.scale_out]]\nat = 1.0\nfraction = 0.5\n"
        '[stop]\ntrail = "chandelier"\ntrail_candles = 9\n'
    )
    settings = load_settings(file, ("exits.time_hours=12", "exits.trail_from=1"))
    rules = run_rules_of(settings, market_rules(settings.market.filters(""), 2, 2)).trade_rules
    exits = rules.exits
    assert (exits.first, exits.second) == (ScaleOut(1.0, 0.5), ScaleOut(2.0, 0.25))
    assert (exits.third, exits.fourth) == (NO_PART, NO_PART)
    assert (exits.target, exits.in_atrs, exits.time_hours) == (4.0, True, 12.0)
    assert exits.time_below == math.inf
    assert (rules.stop.trail, rules.stop.trail_candles) == (CHANDELIER, 9)
    assert rules.stop.trail_from == 1.0


def test_fractions_above_one_are_refused() -> None:
    parts = "[{at=1.0,fraction=0.6},{at=2.0,fraction=0.6}]"
    said = "has fractions that add up to 1.2, more than 1: 0.6 at 1, 0.6 at 2"
    assert said_of(f"exits.scale_out={parts}") == f"--set: exits.scale_out {said}"
    assert "fraction" in said_of("exits.scale_out=[{at=1.0,fraction=1.5}]")


def test_a_target_named_twice_is_refused() -> None:
    parts = "[{at=1.0,fraction=0.2},{at=1.0,fraction=0.3}]"
    said = "--set: exits.scale_out names the target 1 twice: add up the fractions"
    assert said_of(f"exits.scale_out={parts}") == said


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("exits.target_unit=percent", "target_unit"),
        ("exits.target=-1", "target"),
        ("exits.time_hours=-2", "time_hours"),
        ("exits.trial_from=1", "did you mean trail_from?"),
        ("stop.trail=chandellier", "trail"),
        ("stop.trail_percent=5", "trail_percent"),
        ("costs.maker_fee=0.5", "maker_fee"),
        ("strategy.exits=stop_trial", "stop_trail, cycle"),
        ("strategy.exits=nowhere:rule", "strategy.exits module nowhere cannot be imported"),
        ("strategy.exits=tests.contract.own_exits:sarr", "did you mean sar?"),
    ],
)
def test_what_cannot_be_meant_is_told_in_one_line(override: str, words: str) -> None:
    assert words in said_of(override)


def test_every_exit_may_stand_in_a_grid(tmp_path: Path) -> None:
    file = tmp_path / "strategy.toml"
    file.touch()
    overrides = (
        "sweep.grid.exits.target=[0.0,2.0]",
        "sweep.grid.exits.target_unit=['r','atr']",
        "sweep.grid.exits.scale_out=[[],[{at=1.0,fraction=0.5}]]",
        "sweep.grid.exits.time_hours=[0.0,24.0]",
        "sweep.grid.exits.time_below=[0.0,1.0]",
        "sweep.grid.exits.trail_from=[0.0,1.0]",
        "sweep.grid.stop.trail=['dynamic','none','chandelier','percent']",
        "sweep.grid.costs.maker_fee=[0.0,0.001]",
        "sweep.grid.strategy.exits=['stop_trail','tests.contract.own_exits:sar']",
    )
    assert build_grid(load_settings(file, overrides)).size == 2**8 * 4


def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, body: str) -> str:
    (tmp_path / f"{name}.py").write_text(body)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        exit_rule_of(load_settings(None, (f"strategy.exits={name}:rule",)).strategy.exits)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_rule_that_fails_is_told_with_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "def rule(position, stop, candle, atr):\n    return 1.0 / (candle.close - 102.0)\n"
    said = own(tmp_path, monkeypatch, "failing_exit", body)
    assert "failing_exit:rule fails" in said
    assert "ZeroDivisionError" in said


def test_a_rule_that_takes_other_arguments_is_told_how_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = own(tmp_path, monkeypatch, "other_exit", "def rule(candle):\n    return 1.0\n")
    assert "rule(position, stop, candle, atr)" in said


def test_a_rule_that_cannot_be_compiled_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = (
        "import random\n\n\ndef rule(position, stop, candle, atr):\n"
        "    return stop.level + len(open.__name__) * random.Random(1).random()\n"
    )
    assert "cannot be compiled" in own(tmp_path, monkeypatch, "odd_exit", body)


def test_a_rule_of_chance_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numba compiles it, and its runs would differ from each other."""
    body = (
        "import numpy as np\n\n\ndef rule(position, stop, candle, atr):\n"
        "    return stop.level + np.random.random()\n"
    )
    said = own(tmp_path, monkeypatch, "chance_exit", body)
    assert said.startswith("strategy.exits chance_exit:rule answers 94.")
    assert "to the same question: it has to follow from its arguments alone" in said
