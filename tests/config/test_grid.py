from __future__ import annotations

from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoptrail.config.grid import Grid, build_grid, settings_for
from stoptrail.config.load import load_settings, to_toml
from stoptrail.config.search import value_lists
from stoptrail.config.settings import value_at
from stoptrail.core.errors import ConfigError
from stoptrail.sweep.objective import axes_of
from tests.config.example_signal import Model
from tests.config.files import example_settings, refusal, written

_shapes = st.lists(st.integers(1, 4), min_size=0, max_size=5)


def _grid(shape: list[int]) -> Grid:
    return Grid(tuple(f"key{k}" for k in range(len(shape))), tuple(tuple(range(n)) for n in shape))


@given(_shapes)
def test_combinations_are_numbered_with_the_last_key_fastest(shape: list[int]) -> None:
    grid = _grid(shape)
    expected = list(product(*grid.values))
    assert [tuple(one.values()) for one in grid.combinations()] == expected
    assert grid.size == len(expected)


@pytest.mark.parametrize("index", [-1, 6])
def test_a_number_outside_the_grid_is_refused(index: int) -> None:
    with pytest.raises(IndexError):
        _grid([2, 3]).combination(index)


def test_a_huge_grid_is_not_held_in_memory() -> None:
    grid = Grid(tuple("abcdefgh"), (tuple(range(1000)),) * 8)
    assert grid.size == 10**24
    assert set(grid.combination(grid.size - 1).values()) == {999}


@given(
    st.decimals(-100, 100, places=2),
    st.decimals("0.01", 10, places=2),
    st.integers(0, 50),
)
def test_a_range_counts_in_decimals_and_includes_its_end(
    first: Decimal, step: Decimal, steps: int
) -> None:
    last = first + steps * step
    entry = {"from": float(first), "to": float(last), "step": float(step)}
    expected = [float(first + k * step) for k in range(steps + 1)]
    assert value_lists({"key": entry}) == {"key": expected}


def test_a_range_that_misses_its_end_stops_before() -> None:
    assert value_lists({"key": {"from": 1, "to": 6, "step": 2}}) == {"key": [1, 3, 5]}


def test_keys_may_be_quoted_or_nested(tmp_path: Path) -> None:
    text = "[sweep.grid]\nstop.atr_period = [3, 4]\n'strategy.trend' = ['ema', 'roc']\n"
    text += "[sweep.grid.stop.trailing_atr_multiplier]\nfrom = 1\nto = 2\nstep = 0.5"
    grid = build_grid(load_settings(written(tmp_path, text)))
    assert dict(zip(grid.keys, grid.values, strict=True)) == {
        "stop.atr_period": (3, 4),
        "stop.trailing_atr_multiplier": (1.0, 1.5, 2.0),
        "strategy.trend": ("ema", "roc"),
    }


NAMED = """strategy.signal = "tests.config.example_signal:named"
[sweep.grid]
"strategy.literal" = [1, 2, 3]
"strategy.model" = [1, 2, 3]
"strategy.tone" = ["loud", "soft"]
"strategy.maybe" = [4, 5, 6]
"strategy.period" = [1, 2, 3]
"strategy.word" = ["1", "2"]
"stop.atr_period" = [3, 4]
"""


def test_numbers_of_a_literal_or_an_enum_are_names(tmp_path: Path) -> None:
    file = tmp_path / "named.toml"
    file.write_text(NAMED)
    settings = load_settings(file)
    grid = build_grid(settings)
    assert grid.values[:3] == ((1, 2, 3), (1, 2, 3), ("loud", "soft"))
    assert {axis.name for axis in axes_of(grid) if axis.ordered} == {
        "strategy.period",
        "stop.atr_period",
    }
    for number in range(0, grid.size, 7):
        one = settings_for(settings, grid.combination(number))
        assert one.strategy.parameters["model"] == Model(grid.combination(number)["strategy.model"])
        (tmp_path / "one.toml").write_text(to_toml(one))
        assert load_settings(tmp_path / "one.toml").strategy == one.strategy


def test_a_default_that_is_none_is_left_out_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "named.toml"
    file.write_text(NAMED.partition("[")[0])
    settings = load_settings(file)
    assert settings.strategy.parameters["maybe"] is None
    assert "maybe" not in to_toml(settings)


def test_no_member_of_an_enum_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "named.toml"
    file.write_text(NAMED.replace('["loud", "soft"]', '["loud", "shrill"]'))
    with pytest.raises(ConfigError, match=r"sweep.grid.strategy.tone.*'loud' or 'soft'.*shrill"):
        build_grid(load_settings(file))


@pytest.mark.parametrize("key", ['"stop.atr_period"', "'stop.atr_period'", "stop.atr_period"])
def test_an_override_may_quote_the_key_as_a_file_does(tmp_path: Path, key: str) -> None:
    file = written(tmp_path, "[sweep.grid]\n'stop.atr_period' = [3, 4]")
    grid = build_grid(load_settings(file, (f"sweep.grid.{key}=[5, 6]",)))
    assert (grid.keys, grid.values) == (("stop.atr_period",), ((5, 6),))


def test_without_keys_there_is_one_combination_which_changes_nothing() -> None:
    settings = example_settings()
    grid = build_grid(settings)
    assert grid.size == 1
    assert settings_for(settings, grid.combination(0)) == settings


def test_a_combination_gives_its_settings(tmp_path: Path) -> None:
    text = "[sweep.grid]\nstop.atr_period = [3, 4]\nstrategy.trend_period = [5, 6]"
    base = load_settings(written(tmp_path, text))
    for combination in build_grid(base).combinations():
        settings = settings_for(base, combination)
        assert {key: value_at(settings, key) for key in combination} == combination


def test_values_take_the_type_of_their_key(tmp_path: Path) -> None:
    text = "[sweep.grid]\nstop.trailing_atr_multiplier = [2, 3]"
    (values,) = build_grid(load_settings(written(tmp_path, text))).values
    assert all(isinstance(value, float) for value in values)


def test_values_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    base = load_settings(written(tmp_path, ""))
    with pytest.raises(ConfigError, match="multiple of"):
        settings_for(base, {"stop.atr_timeframe": "5m"})


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        ("stop.atr_period = []", "stop.atr_period must have at least one value, received []"),
        ("stop.atr_period = 3", "stop.atr_period must be a list"),
        ("stop.atr_period = {from = 1, to = 3}", "exactly from, to and step"),
        ("stop.atr_period = {from = 1, to = 3, step = 1, by = 2}", "exactly from, to and step"),
        ("stop.atr_period = {from = 1, to = 3, step = 0}", "step must be greater than 0"),
        ("stop.atr_period = {from = 1, to = 3, step = -1}", "step must be greater than 0"),
        ("stop.atr_period = {from = 3, to = 1, step = 1}", "must not be below from"),
        ("stop.atr_period = {from = '1', to = 3, step = 1}", "from must be a number"),
        ("stop.atr_period = {from = true, to = 3, step = 1}", "from must be a number"),
        ("stop.atr_period = {from = 1, to = inf, step = 1}", "to must be a finite number"),
        ("stop.atr_period = {from = 1, to = 1e9, step = 1}", "at most 100,000 values"),
        ("stop.atr_period = [3, 4, 3]", "holds the value 3 twice"),
        ("risk.max_leverage = [1, 1.0]", "holds the value 1.0 twice"),
        ("stop.atr_period = [3, -1]", "greater than or equal to 1, received -1"),
        ("strategy.trend = ['ema', 'emma']", "received 'emma'"),
        ("stop.atr_perod = [3]", "did you mean stop.atr_period?"),
        ("atr_period = [3]", "did you mean stop.atr_period?"),
        ("strategy.cycle_period = [12.0]", "is a parameter of the signal mtf_cycle, not of"),
        ("data.path = ['x']", "cannot vary within a sweep"),
        ("stop.atr_timeframe = ['5m']", "multiple of data.timeframe"),
    ],
)
def test_a_grid_that_cannot_be_run_is_refused(tmp_path: Path, entry: str, rule: str) -> None:
    message = refusal(tmp_path, f"[sweep.grid]\n{entry}")
    assert message.startswith(f"{tmp_path / 'strategy.toml'}: sweep.grid.")
    assert rule in message


def test_all_parameters_of_another_signal_are_named_at_once(tmp_path: Path) -> None:
    keys = [
        "strategy.cycle_period = [12.0]",
        "stop.atr_period = [3]",
        "strategy.structure = ['none']",
    ]
    message = refusal(tmp_path, "[sweep.grid]\n" + "\n".join(keys))
    assert "sweep.grid.strategy.cycle_period is a parameter of the signal mtf_cycle" in message
    assert message.endswith(": leave it out, and strategy.structure")


def test_too_many_combinations_are_counted(tmp_path: Path) -> None:
    text = "[sweep]\nmax_combinations = 99\n[sweep.grid]\n"
    text += "stop.atr_period = {from = 1, to = 10, step = 1}\n"
    text += "stop.cooldown_candles = {from = 1, to = 10, step = 1}\n"
    message = refusal(tmp_path, text)
    assert "100 combinations" in message
    assert message.endswith("sweep.max_combinations = 99")
    lower = refusal(tmp_path, text, "sweep.max_combinations=9")
    assert lower.startswith(f"{tmp_path / 'strategy.toml'}: sweep.grid has 100 combinations")
    assert lower.endswith("sweep.max_combinations = 9 (--set)")


def test_an_override_of_the_grid_is_named_as_the_source(tmp_path: Path) -> None:
    assert refusal(tmp_path, "", "sweep.grid.stop.atr_period=[]").startswith("--set: sweep.grid.")
