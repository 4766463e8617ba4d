"""A grid over exits: every combination as the plain loop runs it, one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stoptrail.backtest.inputs import Inputs, prepare
from stoptrail.config.grid import build_grid
from stoptrail.config.load import load_settings
from stoptrail.config.settings import Settings
from stoptrail.core.errors import ConfigError
from stoptrail.feeds.source import Wanted, load_market
from stoptrail.sweep.kernel.results import COLUMN
from stoptrail.sweep.plain_run import quick_run
from stoptrail.sweep.screen import screen_all, shared
from stoptrail.sweep.space import Space
from tests.sweep.small import write_inputs

GRID = (
    "sweep.grid.strategy.cycle_period=[12.0,16.0]",
    "sweep.grid.exits.target=[0.0,1.5]",
    "sweep.grid.exits.scale_out=[[],[{at=0.5,fraction=0.5}]]",
    "sweep.grid.exits.time_hours=[0.0,30.0]",
    "sweep.grid.stop.trail=['dynamic','chandelier','none']",
    "sweep.grid.strategy.exits=['stop_trail','tests.contract.own_exits:sar','cycle']",
    "sweep.grid.costs.maker_fee=[0.0,0.0005]",
    "sweep.grid.costs.taker_fee=[0.0005,0.001]",
)


def space_of(settings: Settings) -> tuple[Space, Inputs]:
    """The grid of `settings` over their candles."""
    data = settings.data
    wanted = Wanted(data.symbol, data.interval, data.start_ms, None, "file", Path(data.path))
    inputs = prepare(load_market(wanted, None, None), settings)
    return Space(settings, build_grid(settings), inputs), inputs


def test_every_combination_is_run_as_the_plain_loop_runs_it(tmp_path: Path) -> None:
    file = write_inputs(tmp_path)
    text = file.read_text()
    file.write_text(text[: text.index("[sweep.grid]")] + text[text.index("[walk_forward]") :])
    settings = load_settings(file, GRID)
    space, inputs = space_of(settings)
    assert space.size == 2**5 * 3 * 3 * 2
    results = screen_all(shared(space, inputs), 1)
    chosen = np.random.default_rng(4).permutation(space.size)[:60]
    seen = set()
    for number in chosen.tolist():
        outcome = quick_run(space.plan(number), inputs)
        np.testing.assert_array_equal(results.metrics[number], np.array(outcome.metrics))
        seen.add(results.metrics[number][COLUMN.net_return])
    assert len(seen) > 25


def test_a_rule_without_a_level_is_told_in_one_line(tmp_path: Path) -> None:
    settings = load_settings(
        write_inputs(tmp_path), ("strategy.exits=tests.contract.own_exits:lost",)
    )
    space, inputs = space_of(settings)
    with pytest.raises(ConfigError, match=r"own_exits:lost returned nan at the close of the"):
        screen_all(shared(space, inputs), 1)
