from pathlib import Path

import numpy as np
import pytest

from stoptrail.backtest.inputs import prepare
from stoptrail.config.grid import build_grid
from stoptrail.config.load import load_settings
from stoptrail.feeds.source import Wanted, load_market
from stoptrail.sweep.kernel.rule_table import need_turn, rule_row
from stoptrail.sweep.space import Space
from tests.sweep.small import small_settings

TRADING = """
[sweep.grid]
"strategy.sides" = ["both", "short"]
"strategy.exits" = ["stop_trail", "cycle"]
"stop.atr_timeframe" = ["4h", "1d"]
"stop.atr_period" = [5, 14]
"stop.trailing_atr_multiplier" = [2, 3.5]
"risk.sizing" = ["risk", "tests.sweep.own_code:tenth", "kelly", "tests.sweep.own_code:less"]
"costs.slippage" = [0.0, 0.001]
"""
SIGNALS = {
    "parameters": '"strategy.cycle_period" = [12, 16.0]\n"strategy.trend" = ["roc", "momentum"]\n',
    "functions": '"strategy.signal" = '
    '["mtf_cycle", "stoptrail.strategies.signals.mtf_cycle:mtf_cycle"]\n',
    "none": "",
}


@pytest.mark.parametrize("signal", SIGNALS)
def test_parts_and_rows_are_the_plans_of_their_combinations(signal: str, tmp_path: Path) -> None:
    settings = small_settings(tmp_path)
    grid_file = tmp_path / "grid.toml"
    grid_file.write_text(TRADING + SIGNALS[signal])
    grid = load_settings(grid_file, ()).sweep.grid
    settings = settings.model_copy(
        update={"sweep": settings.sweep.model_copy(update={"grid": grid})}
    )
    data = settings.data
    wanted = Wanted(data.symbol, data.interval, data.start_ms, None, "file", Path(data.path))
    inputs = prepare(load_market(wanted, None, None), settings)
    space = Space(settings, build_grid(settings), inputs)
    seen = []
    for number in range(space.group_count):
        group = space.group(number)
        assert np.array_equal(
            space.members(number), np.concatenate([part.combinations for part in group.parts])
        )
        assert set(space.groups_of(space.members(number)).tolist()) == {number}
        for part in group.parts:
            rows = space.rows(part.combinations)
            assert list(part.combinations) == sorted(part.combinations)
            for combination, row in zip(part.combinations, rows, strict=True):
                plan = space.plan(int(combination))
                assert plan._replace(run_rules=None) == part.plan._replace(run_rules=None)
                assert np.array_equal(row, rule_row(plan.run_rules))
                seen.append(int(combination))
        for most in (7, space.size):
            assert_tables(space, number, most)
    assert sorted(seen) == list(range(space.size))


def assert_tables(space: Space, number: int, most: int) -> None:
    """The rows of a group, `most` at a time, are those of its parts in order."""
    group, places, rows = space.group(number), [], []
    for first in range(0, len(space.members(number)), most):
        tables = space.tables(first, most)
        assert sum(len(table.rows) for _, table in tables) <= most
        assert space.tables(first, most) is tables
        for place, table in tables:
            assert table.needs_turn == need_turn(table.rows)
            places += [place] * len(table.rows)
            rows.append(table.rows)
    assert places == [k for k, part in enumerate(group.parts) for _ in part.combinations]
    assert np.array_equal(np.concatenate(rows), space.rows(space.members(number)))
