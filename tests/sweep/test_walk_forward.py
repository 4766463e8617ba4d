from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from stoptrail.backtest.inputs import Inputs, prepare
from stoptrail.config.grid import build_grid
from stoptrail.core.time import iso
from stoptrail.feeds.source import Wanted, load_market
from stoptrail.rules.types import OPEN
from stoptrail.sweep.phases import SWEEP, walk_forward
from stoptrail.sweep.pools.processes import Processes
from stoptrail.sweep.screen import shared
from stoptrail.sweep.search import Tools
from stoptrail.sweep.space import Space
from stoptrail.sweep.statistics.windows import windows
from stoptrail.sweep.walk_forward import Chained, step_table
from tests.sweep.small import DAY, altered_from, small_market, small_settings, write_candles

STEPS = ("market.tick=0.01", "market.lot=0.00001")
"""Given, so that altered candles with more decimals do not change what is inferred."""


def chained(folder: Path, inputs: Inputs, settings) -> Chained:
    space = Space(settings, build_grid(settings), inputs)
    tools = Tools(1, Processes(1), False, None)
    found = walk_forward(settings, shared(space, inputs), tools, lambda done, total: None)
    assert len(found) == settings.walk_forward.phases
    return found[0].chained[SWEEP]


def inputs_of(file: Path, settings) -> Inputs:
    start = settings.data.start_ms
    market = load_market(
        Wanted("SMALL/USDT", settings.data.interval, start, None, "file", file), None, None
    )
    return prepare(market, settings)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("walk")
    settings = small_settings(folder, "stop.cooldown_candles=3", *STEPS)
    inputs = inputs_of(folder / "candles.parquet", settings)
    return folder, settings, inputs, chained(folder, inputs, settings)


def test_windows_chain_and_never_overlap(world) -> None:
    _, _, inputs, found = world
    expected = windows(int(inputs.marks.time[0]), int(inputs.marks.time[-1]), 90, 45)
    assert [step.window for step in found.steps] == expected
    assert len(expected) >= 3
    for before, after in pairwise(expected):
        assert before.test_end == after.test_start
    assert all(w.train_end == w.test_start for w in expected)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_candles_after_a_train_window_do_not_change_its_choice(
    number: int, world, tmp_path: Path
) -> None:
    folder, settings, _, found = world
    end = found.steps[number].window.train_end
    file = write_candles(tmp_path / "candles.parquet", altered_from(small_market(), end))
    other = chained(folder, inputs_of(file, settings), settings)
    for ours, theirs in zip(found.steps[: number + 1], other.steps, strict=False):
        assert ours.combination == theirs.combination
        assert ours.train == pytest.approx(theirs.train, nan_ok=True, rel=0, abs=0)
    changed = [step.test.pnl.tolist() for step in found.steps if step.test is not None]
    assert changed != [step.test.pnl.tolist() for step in other.steps if step.test is not None]


def test_entries_lie_in_the_window_that_made_them(world) -> None:
    _, _, _, found = world
    times, entered = found.inputs.candles.time, 0
    for step in found.steps:
        if step.test is None:
            continue
        signals = times[step.test.signal]
        assert ((signals >= step.window.test_start) & (signals < step.window.test_end)).all()
        entered += len(signals)
    assert entered > 20


def test_one_position_at_a_time_across_windows(world) -> None:
    _, settings, _, found = world
    trades = found.outcome.record.trades
    closed = trades.exit != OPEN
    assert closed[:-1].all()
    cooldown = settings.stop.cooldown_candles
    assert (trades.signal[1:] >= trades.exit[:-1] + cooldown).all()
    assert (np.diff(trades.entry) > 0).all()


def test_capital_is_carried_on(world) -> None:
    _, settings, _, found = world
    cash = settings.account.cash
    total = sum(float(step.test.pnl.sum()) for step in found.steps if step.test is not None)
    assert found.outcome.equity[0] == cash
    assert found.outcome.equity[-1] == pytest.approx(cash + total, rel=1e-12)
    balance = cash
    for step in found.steps:
        if step.test is None or not len(step.test.pnl):
            continue
        first = step.test
        risk = first.units[0] * abs(first.fill[0] - first.initial[0])
        assert risk <= balance * settings.risk.risk_per_trade * 1.05
        balance += float(first.pnl.sum())


def test_the_last_window_ends_with_the_data(world) -> None:
    _, _, inputs, found = world
    last = found.steps[-1].window
    assert last.test_end <= int(inputs.marks.time[-1])
    assert int(inputs.marks.time[-1]) - last.test_end < DAY


def test_a_window_is_told_by_its_own_trades_and_days(world) -> None:
    _, _, _, found = world
    times, told = found.inputs.marks.time, 0
    for step in found.steps:
        row = step_table(found, step, {"a": 1})
        assert (row["test_start"], row["params"]) == (iso(step.window.test_start), {"a": 1})
        inside = (times >= step.window.test_start) & (times <= step.window.test_end)
        marks = found.outcome.equity[inside]
        returns = marks[1:] / marks[:-1] - 1.0
        test = row["test_metrics"]
        if returns.any():
            expected = returns.mean() / returns.std(ddof=1) * math.sqrt(365)
            assert test["sharpe"] == pytest.approx(expected)
        if step.test is None:
            assert (test["trades"], test["pnl"]) == (0, 0.0)
            continue
        closed = step.test.pnl[step.test.exit != OPEN]
        won, lost = closed[closed > 0].sum(), -closed[closed < 0].sum()
        assert test["trades"] == len(closed)
        assert test["pnl"] == pytest.approx(step.test.pnl.sum())
        if lost > 0:
            assert test["profit_factor"] == pytest.approx(won / lost)
            told += won != lost
    assert told > 1
