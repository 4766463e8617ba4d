"""Phases and ways of choosing, on a small market and grid."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stoptrail.backtest.inputs import prepare
from stoptrail.config.grid import build_grid
from stoptrail.feeds.source import Wanted, load_market
from stoptrail.rules.metrics import Metrics, daily_returns
from stoptrail.rules.types import OPEN
from stoptrail.sweep.kernel.results import COLUMN
from stoptrail.sweep.objective import raw_objective, rule_of, scored
from stoptrail.sweep.permutation import STAGE as PERMUTATIONS
from stoptrail.sweep.permutation import found_by, p_value, permutation_test, permuted
from stoptrail.sweep.phases import (
    AVERAGES,
    SINGLE,
    SWEEP,
    Trained,
    _packed,
    _unpacked,
    walk_forward,
)
from stoptrail.sweep.plain_run import quick_run
from stoptrail.sweep.pools.processes import Processes
from stoptrail.sweep.price_paths import worst_objectives
from stoptrail.sweep.screen import screen_all, shared, until
from stoptrail.sweep.search import Tools
from stoptrail.sweep.side_by_side import equity_marks, mean_returns
from stoptrail.sweep.space import Space
from stoptrail.sweep.walk_forward import enough_trades
from stoptrail.sweep.walk_forward_table import same_span, walk_table
from tests.sweep.small import small_settings

TOOLS = Tools(1, Processes(1), False, None)


def quiet(_done: int, _total: int) -> None:
    """Nobody looks."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("phases")
    settings = small_settings(folder, "market.tick=0.01", "market.lot=0.00001")
    file, data = folder / "candles.parquet", settings.data
    wanted = Wanted("SMALL/USDT", data.interval, data.start_ms, None, "file", file)
    inputs = prepare(load_market(wanted, None, None), settings)
    space = Space(settings, build_grid(settings), inputs)
    share = shared(space, inputs)
    return settings, share, walk_forward(settings, share, TOOLS, quiet)


def test_progress_is_told_from_the_first_window_to_the_last(world: Any) -> None:
    settings, share, _ = world
    once = settings.walk_forward.model_copy(update={"phases": 1})
    told: list[tuple[int, int]] = []
    (walked,) = walk_forward(
        settings.model_copy(update={"walk_forward": once}),
        share,
        TOOLS,
        lambda *progress: told.append(progress),
    )
    total = len(walked.phase.windows) * share.space.size
    assert {whole for _, whole in told} == {total}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == total


def test_phases_shift_the_windows_by_parts_of_a_test_window(world: Any) -> None:
    _, share, walked = world
    assert [found.phase.shift_days for found in walked] == [0, 22]
    assert walked[0].phase.windows[0].train_start == share.inputs.marks.time[0]
    first, second = (found.phase.windows[0] for found in walked)
    assert second.train_start - first.train_start == 22 * 86_400_000


def test_each_way_of_choosing_takes_the_best_by_its_own_score(world: Any) -> None:
    settings, share, walked = world
    window, space = walked[1].phase.windows[0], share.space
    trained = until(share, window)
    metrics = screen_all(trained, 1).metrics
    needed = enough_trades(settings.walk_forward.min_trades_per_year, window)
    for name in SINGLE[1:]:
        rule = rule_of(settings.sweep)._replace(selection=name)
        score = scored(rule, space.grid, metrics, needed).score
        step = walked[1].chained[name].steps[0]
        assert step.combination == int(np.nanargmax(score))
        assert step.train["sharpe"] == metrics[step.combination, COLUMN.sharpe]


def test_the_sweeps_own_way_looks_at_the_worst_path_of_its_finalists(world: Any) -> None:
    settings, share, walked = world
    window = walked[0].phase.windows[0]
    trained = until(share, window)
    needed = enough_trades(settings.walk_forward.min_trades_per_year, window)
    values = raw_objective("sharpe", screen_all(trained, 1).metrics, needed)
    chosen = walked[0].chained[SWEEP].steps[0].combination
    best = np.argsort(-np.nan_to_num(values, nan=-9.0), kind="stable")[: settings.sweep.finalists]
    worst = worst_objectives("sharpe", [share.space.plan(int(k)) for k in best], trained.inputs)
    own = worst_objectives("sharpe", [share.space.plan(chosen)], trained.inputs)
    assert own[0] >= worst.max()


def test_sets_side_by_side_earn_the_mean_of_their_returns(world: Any) -> None:
    _, share, _ = world
    sets = [np.array([0, 5, 17]), np.array([3]), np.array([], np.int64)]
    found = mean_returns(share, sets, 2)
    runs = [quick_run(share.space.plan(int(number)), share.inputs).equity for number in sets[0]]
    assert found[0] == pytest.approx(daily_returns(np.array(runs)).mean(axis=0), abs=1e-15)
    alone = quick_run(share.space.plan(3), share.inputs)
    assert found[1] == pytest.approx(daily_returns(alone.equity), abs=1e-15)
    assert not found[2].any()
    assert not mean_returns(share, sets[2:], 2).any()


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_equity_of_some_sets_is_that_of_their_runs_in_the_order_asked_for(
    jobs: int, world: Any
) -> None:
    _, share, _ = world
    numbers = np.array([17, 3, 20, 3])
    runs = [quick_run(share.space.plan(int(k)), share.inputs).equity for k in numbers]
    assert equity_marks(share, numbers, jobs) == pytest.approx(np.array(runs), rel=1e-12)


def test_any_number_of_jobs_gives_the_same_averages_to_the_bit(world: Any) -> None:
    _, share, _ = world
    sets = [np.arange(24), np.array([3, 9])]
    assert mean_returns(share, sets, 1).tobytes() == mean_returns(share, sets, 3).tobytes()


def test_averages_cover_the_days_of_all_test_windows(world: Any) -> None:
    _, _, walked = world
    for found in walked:
        first, last = found.phase.windows[0].test_start, found.phase.windows[-1].test_end
        days = -(-(last - first) // 86_400_000)
        assert {len(found.averages[name]) for name in AVERAGES} == {days}


def test_the_table_tells_phases_interval_selections_and_the_same_span(world: Any) -> None:
    _, share, walked = world
    best = quick_run(share.space.plan(0), share.inputs)
    table = walk_table(walked, share.space, {"in_sample": best}, share.inputs, 1)
    assert [row["shift_days"] for row in table["phases"]] == [0, 22]
    assert table["phases"][0]["sharpe"] == table["out_of_sample"]["sharpe"]
    assert table["interval"]["low"] <= table["out_of_sample"]["sharpe"] <= table["interval"]["high"]
    assert table["interval"]["level"] == 0.9
    sharpes = [row["sharpe"] for row in table["phases"]]
    assert (table["range"]["low"], table["range"]["high"]) == (min(sharpes), max(sharpes))
    assert set(table["selections"]) == {*SINGLE, *AVERAGES}
    at = int(np.searchsorted(share.inputs.marks.time, walked[0].phase.windows[0].test_start))
    own = daily_returns(best.equity[at:])
    assert table["same_span"]["in_sample"]["sharpe"] == pytest.approx(
        own.mean() / own.std(ddof=1) * 365**0.5
    )
    assert [row["partial"] for row in table["windows"]] == [False] * 3 + [True]


def test_p_counts_markets_at_or_above() -> None:
    assert p_value(1.0, []) == 1.0
    assert p_value(1.0, [0.5, 1.0, 2.0]) == 3 / 4
    assert p_value(3.0, [0.5] * 19) == 1 / 20


def test_permutations_follow_from_seed_and_number(world: Any) -> None:
    _, share, _ = world
    one, again, other = (permuted(share.inputs, 1, number).candles for number in (3, 3, 4))
    assert one.close.tolist() == again.close.tolist()
    assert one.close.tolist() != other.close.tolist()


def test_the_test_searches_each_permuted_market(world: Any) -> None:
    settings, share, _ = world
    rule, least = rule_of(settings.sweep), settings.sweep.min_trades
    own = scored(rule, share.space.grid, screen_all(share, 1).metrics, least)
    found = permutation_test(settings, share, own, TOOLS, quiet)
    expected = []
    for number in range(2):
        inputs = permuted(share.inputs, settings.sweep.seed, number)
        metrics = screen_all(shared(share.space, inputs), 1).metrics
        expected.append(found_by(scored(rule, share.space.grid, metrics, least)))
    assert found["count"] == 2
    assert found["bests"] == [each.best for each in expected]
    assert found["medians"] == [each.median for each in expected]
    assert found["p_best"] == p_value(found["best"], found["bests"])
    assert found["best"] == np.nanmax(own.objective)


class Shelf:
    """What a store of trials does for stages, in memory."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int], bytes] = {}

    def load(self, stage: str) -> list[tuple[int, bytes]]:
        return [(number, content) for (name, number), content in self.rows.items() if name == stage]

    def save(self, stage: str, rows: list[tuple[int, bytes]]) -> None:
        self.rows.update({(stage, number): content for number, content in rows})


def test_markets_that_were_searched_before_are_not_searched_again(world: Any) -> None:
    settings, share, _ = world
    rule, least = rule_of(settings.sweep), settings.sweep.min_trades
    own = scored(rule, share.space.grid, screen_all(share, 1).metrics, least)
    shelf: Any = Shelf()
    told: list[tuple[int, int]] = []

    def on_progress(done: int, total: int) -> None:
        told.append((done, total))

    first = permutation_test(settings, share, own, TOOLS._replace(store=shelf), on_progress)
    size = share.space.size
    assert told[-1] == (2 * size, 2 * size)
    assert {done for done, _ in told} >= {size, 2 * size}
    assert all(a <= b for (a, _), (b, _) in itertools.pairwise(told))
    told.clear()
    assert permutation_test(settings, share, own, TOOLS._replace(store=shelf), on_progress) == first
    assert told == [(size, 2 * size), (2 * size, 2 * size)]
    del shelf.rows[(PERMUTATIONS, 0)]
    assert permutation_test(settings, share, own, TOOLS._replace(store=shelf), quiet) == first


def test_a_window_in_which_nothing_could_be_chosen_is_kept_as_that() -> None:
    figures = {name: float(place) for place, name in enumerate(Metrics._fields)}
    choices: dict[str, int | None] = dict.fromkeys(SINGLE)
    given = Trained(
        {**choices, SWEEP: 7},
        {name: figures if name == SWEEP else {} for name in SINGLE},
        {name: np.array([0.5, -0.25]) for name in AVERAGES},
    )
    found = _unpacked(_packed(given))
    assert (found.combinations, found.figures) == (given.combinations, given.figures)
    for name in AVERAGES:
        assert found.averages[name].tolist() == [0.5, -0.25]


def test_the_same_span_counts_trades_entered_from_its_first_moment_on(world: Any) -> None:
    _, share, _ = world
    run = quick_run(share.space.plan(0), share.inputs)
    entries = share.inputs.candles.time[run.record.trades.entry]
    midnight = (entries % 86_400_000 == 0) & (run.record.trades.exit != OPEN)
    assert midnight.any()
    start = int(entries[midnight][-1])
    table = same_span({"run": run}, share.inputs, start)
    closed = run.record.trades.exit != OPEN
    assert table["run"]["trades"] == int(((entries >= start) & closed).sum())
    whole = same_span({"run": run}, share.inputs, int(share.inputs.marks.time[0]))
    assert whole["run"]["max_drawdown"] == run.metrics.max_drawdown
    assert whole["run"]["exposure"] == run.metrics.exposure
    time, trades, interval = share.inputs.candles.time, run.record.trades, 3_600_000
    later = time[time >= start]
    in_trade = sum(
        int(((later >= time[entry]) & (later <= (time[-1] if left == OPEN else time[left]))).sum())
        for entry, left in zip(trades.entry, trades.exit, strict=True)
    )
    assert share.inputs.candles.interval == interval
    assert table["run"]["exposure"] == in_trade * interval / (time[-1] + interval - start)
    rules, prices = run.plan.run_rules, share.inputs.candles.close[share.inputs.start :]
    grown = 1.0 + whole["buy_and_hold"]["net_return"]
    path = np.concatenate(([rules.cash], rules.cash * grown * prices / prices[-1]))
    fallen = (1.0 - path / np.maximum.accumulate(path)).max()
    assert whole["buy_and_hold"]["max_drawdown"] == pytest.approx(fallen)
    held = np.flatnonzero(closed)[-1]
    within = same_span({"run": run}, share.inputs, int(entries[held]) + 1)
    assert within["run"]["trades"] == int(((entries > entries[held]) & closed).sum())
