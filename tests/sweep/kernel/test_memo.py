"""A memo of endings against following every position anew: the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stoptrail.core.program import PLAIN
from stoptrail.rules.atr import stop_atr
from stoptrail.rules.candles import Candles, rows_of
from stoptrail.rules.types import RunRules, day_marks
from stoptrail.sweep.kernel import memo as module
from stoptrail.sweep.kernel.blocks import nodes_of
from stoptrail.sweep.kernel.memo import Memo, Memos
from stoptrail.sweep.kernel.results import Results, results_for
from stoptrail.sweep.kernel.rows import screen_rows
from stoptrail.sweep.kernel.rule_table import RuleTable, rule_row
from tests.markets import (
    COARSE,
    FINE,
    QUARTER_HOUR,
    random_market,
    random_rules,
    random_setups,
)


class Grid:
    """Several signals on one market, with tables of rules that they share."""

    def __init__(self, seed: int, rules: int = 8) -> None:
        random = np.random.default_rng(seed)
        market = (COARSE, FINE)[seed % 2]
        self.seed = seed
        self.candles = random_market(seed, market=market)
        self.interval = QUARTER_HOUR * (1, 4, 16)[seed % 3]
        rule_sets = [random_rules(random, market) for _ in range(rules)]
        self.table = np.array([rule_row(_resized(random, each)) for each in rule_sets * 2])

    def screened(self, memo: Memo | None, *, candles: Candles | None = None) -> list[Results]:
        """Three signals one after the other."""
        candles = candles or self.candles
        atr = stop_atr(candles, self.interval, 3)
        first = int(np.argmax(~np.isnan(atr)))
        nodes, marks = nodes_of(candles, atr), day_marks(candles, first)
        found = []
        for share in (0.05, 0.1, 0.3):
            results = results_for(len(self.table), 4, len(marks.time))
            setups = random_setups(self.seed, candles, first, share)
            screen_rows(candles, nodes, setups, marks, self.table, results, memo=memo, atr=3)
            found.append(results)
        return found


def _resized(random: np.random.Generator, conduct: RunRules) -> RunRules:
    """Other risk, cash and limits: what no ending depends on."""
    sizing = conduct.trade_rules.sizing._replace(risk_per_trade=float(random.uniform(0.001, 0.05)))
    return conduct._replace(
        trade_rules=conduct.trade_rules._replace(sizing=sizing),
        cash=float(random.uniform(1e3, 1e6)),
        cooldown=int(random.integers(0, 30)),
    )


def same(ours: list[Results], theirs: list[Results]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        for name, left, right in zip(Results._fields, one, other, strict=True):
            assert left.tobytes() == right.tobytes(), name


@pytest.mark.parametrize("seed", range(8))
def test_a_memo_changes_no_bit(seed: int) -> None:
    grid = Grid(seed)
    memo = Memo()
    same(grid.screened(memo), grid.screened(None))
    assert np.count_nonzero(memo.lines[:, 0]) > 20
    same(grid.screened(memo), grid.screened(None))


@pytest.mark.parametrize("seed", range(3))
def test_a_memo_holds_for_the_first_part_of_its_candles(seed: int) -> None:
    """Endings beyond the part's end are not taken."""
    grid, memo = Grid(seed), Memo()
    part = rows_of(grid.candles, slice(0, 1200))
    grid.screened(memo)
    same(grid.screened(memo, candles=part), grid.screened(None, candles=part))
    same(grid.screened(memo), grid.screened(None))


@pytest.mark.parametrize("lines", [40, 160])
def test_a_full_memo_lets_older_endings_go(lines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LINES", lines)
    grid = Grid(4)
    same(grid.screened(Memo()), grid.screened(None))


def test_a_memo_with_too_many_rules_forgets_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_RULES", 20)
    memo, grids = Memo(), [Grid(3), Grid(3, rules=9)]
    grids[1].candles = grids[0].candles
    for grid in grids * 2:
        same(grid.screened(memo), grid.screened(None))


def test_rows_that_differ_in_size_and_waits_share_their_endings() -> None:
    memo, grid = Memo(), Grid(1)
    ids = memo.ids(3, RuleTable(grid.table))
    assert ids.tolist() == [*ids[:8], *ids[:8]]
    other = grid.table.copy()
    other[0, 0] += 1.0  # the multiplier of the ATR
    assert memo.ids(3, RuleTable(other))[0] not in ids
    assert memo.ids(4, RuleTable(grid.table))[0] not in ids


def test_two_threads_never_have_one_memo(monkeypatch: pytest.MonkeyPatch) -> None:
    memos = Memos()
    one: Any = memos.take()
    other: Any = memos.take()
    assert one is not other
    memos.give(one)
    assert memos.take() is one
    memos.give(one)
    memos.forget()
    assert memos.take() is not one
    monkeypatch.setenv(PLAIN, "1")
    assert memos.take() is None
