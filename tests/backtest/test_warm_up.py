"""What a span has to have before it, and targets that cost more to reach than they take (C18)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stoptrail.backtest.inputs import Inputs, atr_of, plan_of, prepare
from stoptrail.backtest.warm_up import (
    idle_words,
    require_any_worthwhile,
    require_worthwhile,
    warm_index,
)
from stoptrail.cli.market import wanted
from stoptrail.config.grid import build_grid
from stoptrail.config.load import load_settings
from stoptrail.config.settings import Settings
from stoptrail.core.errors import ConfigError
from stoptrail.feeds.source import load_market
from stoptrail.feeds.tables.columns import columns_of
from stoptrail.rules.candles import Candles
from tests.sweep.small import DAY, HOUR, sweep, write_inputs


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_inputs(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def inputs(config: Path) -> Inputs:
    settings = load_settings(config, ())
    return prepare(load_market(wanted(settings)), settings)


def settings_of(config: Path, *overrides: str) -> Settings:
    return load_settings(config, overrides)


def idle(config: Path, start: str) -> tuple[str, Inputs]:
    settings = settings_of(config, f"data.start={start}")
    inputs = prepare(load_market(wanted(settings)), settings)
    return idle_words(plan_of(settings, inputs), inputs), inputs


def test_a_part_of_the_span_without_signals_is_told_and_the_remedy_leaves_it_out(
    config: Path,
) -> None:
    words, inputs = idle(config, "2020-01-01")
    said = re.fullmatch(
        r"no signal can come before (\S+): the settings need (\d+) days of candles, which begin on "
        r"2020-01-01; (\d+)% of the span stands idle and counts in every figure; set data\.start = "
        r'"(2020-\d\d-\d\d)"',
        words,
    )
    assert said, words
    first = int(pd.Timestamp(said[1]).value // 10**6)
    plan, time = plan_of(settings_of(config), inputs), inputs.candles.time
    at = int(np.searchsorted(time, first))
    for known, count in ((True, at + 1), (False, at)):
        cut = Candles(*(column[:count] for column in columns_of(inputs.candles)), HOUR)
        assert (warm_index(plan, cut) is not None) is known
    assert int(said[2]) == -(-(first - time[0]) // DAY)
    assert int(said[3]) == round(100 * (first - time[0]) / (len(time) * HOUR))
    assert idle(config, said[4])[0] == ""


def test_a_span_that_is_warm_or_next_to_it_goes_without_a_word(config: Path) -> None:
    assert idle(config, "2020-02-15")[0] == ""
    warm = re.search(r'data\.start = "([\d-]+)"', idle(config, "2020-01-01")[0])
    assert warm
    before = pd.Timestamp(warm[1]) - pd.Timedelta("1D")
    assert idle(config, str(before.date()))[0] == ""  # below a hundredth of 290 days


def told(settings: Settings, inputs: Inputs) -> str:
    with pytest.raises(ConfigError) as refused:
        require_worthwhile(plan_of(settings, inputs), inputs)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("overrides", "unit"),
    [
        (("exits.target=AT",), "R"),
        (("exits.target=AT", "exits.target_unit=atr"), "ATR"),
        (("exits.scale_out=[{at=AT,fraction=0.5}]",), "R"),
        (("exits.scale_out=[{at=AT,fraction=0.5}]", "exits.target=50"), "R"),
        (("exits.scale_out=[{at=50.0,fraction=0.5}]", "exits.target=AT"), "R"),
        (("exits.target=AT", "costs.maker_fee=0.0"), "R"),
    ],
)
def test_the_nearest_target_has_to_lie_beyond_its_costs_at_the_median_atr(
    config: Path, inputs: Inputs, overrides: tuple[str, ...], unit: str
) -> None:
    def at(place: float) -> Settings:
        return settings_of(config, *(one.replace("AT", f"{place:.6f}") for one in overrides))

    settings = at(1.0)
    ratio = float(
        np.nanmedian(atr_of(plan_of(settings, inputs), inputs.candles) / inputs.candles.close)
    )
    maker = settings.costs.maker_fee
    paid = settings.costs.taker_fee + settings.costs.slippage
    paid += settings.costs.taker_fee if maker is None else maker
    least = paid / ratio / (settings.stop.trailing_atr_multiplier if unit == "R" else 1.0)
    said = told(at(0.9 * least), inputs)
    assert said.startswith(
        overrides[0].partition("=")[0] if "50.0" not in overrides[0] else "exits.target"
    )
    assert f" {unit} lies {0.9 * paid:.3%} from the entry" in said
    assert f"costs take {paid:.3%}" in said
    (enough,) = re.findall(r"put it at (.+) or beyond$", said)
    assert least < float(enough) <= 1.1 * least
    require_worthwhile(plan_of(at(float(enough)), inputs), inputs)


def test_without_a_target_nothing_is_asked(config: Path, inputs: Inputs) -> None:
    require_worthwhile(plan_of(settings_of(config), inputs), inputs)


@pytest.mark.parametrize(
    ("grid", "refused"),
    [
        (("exits.target=[0.001,0.002]",), True),
        (("exits.target=[0.001,0.0]",), False),
        (("exits.target=[0.001,5.0]",), False),
        (("exits.target=[0.001]", "stop.trailing_atr_multiplier=[1.0,2.0]"), True),
        (("exits.target=[0.05]", "stop.trailing_atr_multiplier=[0.1,90.0]"), False),
        (("strategy.sides=['long','both']",), False),
    ],
)
def test_a_grid_is_refused_where_none_of_its_sets_is_worth_its_costs(
    config: Path, inputs: Inputs, grid: tuple[str, ...], refused: bool
) -> None:
    text = config.read_text()
    bare = config.with_name("bare.toml")
    start, end = text.index("[sweep.grid]"), text.index("[walk_forward]")
    bare.write_text(text[:start] + text[end:])
    settings = settings_of(bare, *(f"sweep.grid.{axis}" for axis in grid))
    given = settings, build_grid(settings), inputs
    if refused:
        with pytest.raises(ConfigError, match=r"exits\.target at 0\.00. R lies .* put it at"):
            require_any_worthwhile(*given)
    else:
        require_any_worthwhile(*given)


def test_a_sweep_of_targets_below_their_costs_ends_in_one_line(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(config, tmp_path / "out", "--set", "exits.target=0.001") == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert "exits.target at 0.001 R lies" in lines[0]
