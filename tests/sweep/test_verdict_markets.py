"""The verdict on a few markets of which is known whether there is anything to find; the
whole table is made by benchmarks/verdict.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks import verdict as bench
from benchmarks import verdict_markets as made
from stoptrail.config.grid import build_grid
from stoptrail.config.settings import with_values
from stoptrail.rules.candles import rows_of
from stoptrail.sweep.objective import rule_of, scored
from stoptrail.sweep.permutation import permutation_test
from stoptrail.sweep.screen import screen_all, shared
from stoptrail.sweep.space import Space

SMALL = {
    "strategy.trend": ["momentum", "agreement"],
    "strategy.trend_period": [20, 30],
    "strategy.cycle_period": [24.0],
}
STOPS = {
    "stop.trailing_atr_multiplier": [4.0, 5.0, 6.0],
    "strategy.sides": ["both", "long"],
}


@pytest.fixture(autouse=True)
def small_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "SHIPPED", SMALL)
    monkeypatch.setattr(bench, "STOPS", STOPS)
    monkeypatch.setattr(made, "YEARS", 4)


@pytest.mark.slow
def test_a_random_walk_fails_and_a_strong_edge_holds() -> None:
    nothing = bench.run("walk", 105, None, made.NO_REGIMES)
    assert nothing["evidence"]["verdict"]["level"] == "fails"
    edge = bench.run("edge", 5103, None, made.Regimes(3.0, 40.0))
    assert edge["true_sharpe"] > 2.0
    assert edge["evidence"]["verdict"]["level"] == "holds"


def test_rates_come_with_exact_intervals() -> None:
    """Clopper and Pearson's: a binomial test at each bound has half the level."""
    assert bench.rate(0, 20) == "0% [0%, 17%]"
    assert bench.rate(20, 20) == "100% [83%, 100%]"
    assert bench.rate(8, 10) == "80% [44%, 97%]"
    assert bench.rate(0, 0) == "-"


def row(kind: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "real": False, "evidence": {"metrics": {"trades": 1}}, **more}


def test_the_table_has_a_line_for_each_kind_and_strength() -> None:
    rows = [row("walk"), row("coin"), row("edge", true_sharpe=0.7), row("edge", true_sharpe=2.0)]
    lines = bench.table(rows).splitlines()
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:]] == [
        "edge 0.5 to 1.0",
        "edge 1.5 to 2.5",
        "null: coin",
        "null: walk",
    ]


@pytest.mark.slow
def test_p_is_uniform_on_random_walks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten values of p, one for each place that the search may take among nine others."""
    monkeypatch.setattr(made, "YEARS", 1)
    less = {"sweep.min_trades": 1, "sweep.permutations": 9}
    settings = with_values(bench.settings_for("walk", 0), less)  # the same for all walks
    grid, found = build_grid(settings), []
    for seed in range(100):
        candles = rows_of(made.walk(seed), slice(0, 24 * 300))
        inputs = bench.inputs_of(candles)
        space = Space(settings, grid, inputs)
        share = shared(space, inputs)
        own = scored(rule_of(settings.sweep), space.grid, screen_all(share, 1).metrics, 1)
        test = permutation_test(settings, share, own, bench.TOOLS, lambda _done, _total: None)
        found.append(test["p_best"])
    counts = np.histogram(found, bins=np.linspace(0.05, 1.05, 11))[0]
    chi_square = ((counts - 10.0) ** 2 / 10.0).sum()
    assert chi_square < 27.88, "9 degrees of freedom: exceeded once in a thousand times"
    error = np.sqrt((10**2 - 1) / 12) / 10 / np.sqrt(100)
    assert abs(np.mean(found) - 0.55) < 3.29 * error, "once in a thousand times"
