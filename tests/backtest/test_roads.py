"""The quick roads against the plain one: the same bytes over random markets.

Every exit, both managers, protections, funding, leverage, shorts, gaps and candles without volume,
each kind of run in its turn. With STOPTRAIL_MARKETS=200 in the environment over that many markets.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

from stoptrail.backtest import quick_cerebro
from stoptrail.backtest.engine import run_backtrader
from stoptrail.backtest.plan import Record
from stoptrail.core.program import PLAIN
from stoptrail.rules import jit
from stoptrail.rules.margin import NO_MARGIN
from stoptrail.rules.protections import Protections
from stoptrail.rules.stops import BREAKEVEN, INITIAL, TRAIL
from stoptrail.rules.types import CYCLE_EXIT
from stoptrail.strategies.stop_trail import StopTrail
from tests.contract.test_exit_parity import exit_case
from tests.contract.test_liquidation_parity import levered_case
from tests.contract.test_parity import AnyCase, Case, FundedCase, funded, funded_case, random_case

MARKETS = int(os.environ.get("STOPTRAIL_MARKETS", "16"))


OFF = Protections(0.0, 0.0, 0, 0)


KINDS: tuple[Callable[[int], AnyCase], ...] = (random_case, exit_case, funded_case, levered_case)


def road_case(seed: int) -> AnyCase:
    """Three of four without protections: with them no candle is passed."""
    case = KINDS[seed // 4 % len(KINDS)](seed)
    if seed % 4 == 0:
        return case
    rules = case.plan.run_rules._replace(protections=OFF)
    return case._replace(plan=case.plan._replace(run_rules=rules))


def in_full(case: AnyCase) -> Record:
    return run_backtrader(case.candles, case.start, case.plan, **funded(case))


def same_bytes(one: Any, other: Any) -> None:
    """Compare records or results, column by column."""
    for name, ours, theirs in zip(type(one)._fields, one, other, strict=True):
        if isinstance(ours, tuple):
            same_bytes(ours, theirs)
        else:
            assert np.asarray(ours).tobytes() == np.asarray(theirs).tobytes(), name


@pytest.mark.parametrize("seed", range(MARKETS))
def test_a_full_run_gives_the_same_bytes_on_both_roads(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = road_case(seed)
    quick = in_full(case)
    monkeypatch.setenv(PLAIN, "1")
    same_bytes(quick, in_full(case))


def test_the_markets_hold_what_could_part_the_roads() -> None:
    cases = [road_case(seed) for seed in range(48)]
    assert {type(case) for case in cases} == {Case, FundedCase}
    rules = [case.plan.run_rules for case in cases]
    assert any(each.exits == CYCLE_EXIT for each in rules)
    assert any(any(each.protections) for each in rules)
    exits = [each.trade_rules.exits for each in rules]
    assert any(each.target for each in exits)
    assert any(each.first.fraction for each in exits)
    assert any(each.trade_rules.margin != NO_MARGIN for each in rules)
    trades = [in_full(case).trades for case in cases if case.plan.run_rules.exits != CYCLE_EXIT]
    for side in (1, -1):
        reasons = np.concatenate([each.reason[each.side == side] for each in trades])
        assert min(np.bincount(reasons, minlength=3)[[INITIAL, BREAKEVEN, TRAIL]]) > 20


@pytest.mark.parametrize("plain", [False, True])
def test_the_plain_road_is_taken_where_it_is_asked_for(
    plain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[bool] = []
    own = quick_cerebro.QuickCerebro._play

    def noted(self: Any, *arguments: Any) -> None:
        played.append(True)
        own(self, *arguments)

    monkeypatch.setattr(quick_cerebro.QuickCerebro, "_play", noted)
    if plain:
        monkeypatch.setenv(PLAIN, "1")
    in_full(road_case(3))
    assert bool(played) != plain


@pytest.mark.parametrize("haste", [False, True])
def test_closes_are_taken_ahead_unless_that_would_have_to_be_compiled_first(
    haste: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[int] = []
    own = StopTrail.play_ahead

    def noted(self: StopTrail, *arguments: Any) -> int:
        played.append(own(self, *arguments))
        return played[-1]

    case = road_case(1)
    monkeypatch.setattr(StopTrail, "play_ahead", noted)
    monkeypatch.setattr(jit, "is_cached", lambda _function: False)
    with jit.in_haste() if haste else nullcontext():
        found = in_full(case)
    assert bool(played) != haste
    assert len(found.trades.pnl) > 3
    monkeypatch.setenv(PLAIN, "1")
    same_bytes(found, in_full(case))
