"""The best by its worst path, with runs only of what can still be it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stoptrail.backtest.inputs import prepare
from stoptrail.config.grid import build_grid
from stoptrail.core.program import PLAIN
from stoptrail.feeds.source import Wanted, load_market
from stoptrail.sweep import price_paths
from stoptrail.sweep.price_paths import best_worst, worst_objectives
from stoptrail.sweep.screen import screen_all, shared, until
from stoptrail.sweep.space import Space
from stoptrail.sweep.statistics.windows import windows
from tests.sweep.small import small_settings

EXITS = ("sweep.grid.strategy.exits=['stop_trail', 'cycle']",)


def a_world(folder: Path, *overrides: str) -> Any:
    settings = small_settings(folder, "market.tick=0.01", "market.lot=0.00001", *overrides)
    data = settings.data
    wanted = Wanted("SMALL/USDT", data.interval, data.start_ms, None, "file", Path(data.path))
    inputs = prepare(load_market(wanted, None, None), settings)
    share = shared(Space(settings, build_grid(settings), inputs), inputs)
    marks = inputs.marks.time
    window = windows(int(marks[0]), int(marks[-1]), 90, 45)[1]
    trained = until(share, window)
    return trained, screen_all(trained, 1)


@pytest.fixture(scope="module", params=[(), EXITS], ids=["stops", "with the baseline"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return a_world(tmp_path_factory.mktemp("worst"), *request.param)


@pytest.mark.parametrize("name", ["sharpe", "calmar", "profit_factor", "net_return", "sortino"])
@pytest.mark.parametrize("plain", ["", "1"])
def test_it_is_the_best_of_all_the_worst_paths(
    name: str, plain: str, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLAIN, plain)
    share, results = world
    random = np.random.default_rng(5)
    for count in (1, 2, 7, 20):
        some = random.permutation(share.space.size)[:count].tolist()
        worst = worst_objectives(name, [share.space.plan(k) for k in some], share.inputs)
        assert best_worst(name, share, some, results.metrics[some]) == some[int(worst.argmax())]


def test_of_equals_the_first_is_taken(tmp_path: Path) -> None:
    share, results = a_world(tmp_path, *EXITS)
    size = share.space.size
    worst = worst_objectives("sharpe", [share.space.plan(k) for k in range(size)], share.inputs)
    values, counts = np.unique(worst, return_counts=True)
    assert (counts > 1).any(), "the baseline has no stop: its sets are equal"
    equals = np.flatnonzero(worst == values[counts > 1][-1]).tolist()
    for order in (equals, equals[::-1]):
        assert best_worst("sharpe", share, order, results.metrics[order]) == order[0]


def test_what_is_behind_on_whole_candles_is_not_run(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    share, results = world
    ran = []
    plain = price_paths.along
    monkeypatch.delenv(PLAIN, raising=False)
    monkeypatch.setattr(price_paths, "along", lambda *given: ran.append(1) or plain(*given))
    some = list(range(share.space.size))
    best_worst("sharpe", share, some, results.metrics[some])
    assert 2 <= len(ran) < len(some)
